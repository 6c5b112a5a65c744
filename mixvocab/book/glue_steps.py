"""The steps of chapter 5: students fine-tuned on GLUE's tasks and the baselines beside them, kept in the store."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixvocab.book import comparison, evaluation, records, steps
from mixvocab.book.artefacts import Artefact
from mixvocab.book.evaluation import Entry
from mixvocab.book.published import PUBLISHED_GLUE, Ours
from mixvocab.book.task_steps import BERT_JOINT, METHODS, MIXED, FineTuned
from mixvocab.files import write_json
from mixvocab.sources import GlueData, resolve_glue
from mixvocab.sources import glue as layouts
from mixvocab.sources.tasks import Sizes
from mixvocab.stats import estimate
from mixvocab.tasks import baselines, glue, glue_rows
from mixvocab.tasks.finetune import Tuning
from mixvocab.tasks.glue_scores import glue_scores

if TYPE_CHECKING:
    from mixvocab.book.chapter import Chapter

TEACHER_RATE = 1e-4  # a learning rate that suits a million parameters spoils twenty
BASELINES = {"majority": "majority class", "bag_of_words": "bag of words"}
FIELDS = {  # columns of table 1: task, reported set, metric
    "mrpc_f1": ("MRPC", "test", "f1"),
    "mrpc_acc": ("MRPC", "test", "accuracy"),
    "mnli_m": ("MNLI", "m", "accuracy"),
    "mnli_mm": ("MNLI", "mm", "accuracy"),
    "sst2": ("SST-2", "dev", "accuracy"),
}
Scores = dict[str, float]


@dataclass(frozen=True)
class GlueModel(FineTuned):
    """A fine-tuned classifier; `test` has its scores on what reports, by set and metric: "m/accuracy"."""

    task: str


def chosen_tasks(given: str | None, default: Sequence[str]) -> list[str]:
    """GLUE's own names of the tasks in a comma-separated list, or the profile's; UserError for an unknown one."""
    names = given.split(",") if given else default
    return [layouts.layout(name.strip()).folder for name in names]


def data(chapter: Chapter, task: str) -> GlueData:
    """The task's rows; from the synthetic grammar where there are no real ones, as many as the profile trains on."""
    rows = chapter.profile.glue.rows.get(task, 4000)
    few = min(rows, 1000)
    sizes = Sizes(train=rows, valid=few, test=few)
    return chapter.once(f"glue {task}", lambda: resolve_glue(task, data_dir=chapter.data_dir, sizes=sizes))


def roles(chapter: Chapter, task: str) -> glue_rows.Roles:
    """Which rows train, choose and report: the same for all models and seeds."""
    return chapter.once(
        f"roles {task}", lambda: glue_rows.roles(data(chapter, task), chapter.profile.glue.rows.get(task))
    )


def baseline(chapter: Chapter, task: str, kind: str) -> Scores:
    """Scores of a baseline ("majority", "bag_of_words") trained on the same rows, by set and metric."""
    rows, split = data(chapter, task), roles(chapter, task)
    predict = getattr(baselines, kind)

    def make(folder: Path) -> None:
        found = predict(rows, split)
        write_json(folder / "scores.json", _flat({
            name: glue_scores(task, [row.label for row in reported], found[name], rows.labels)
            for name, reported in split.report.items()
        }))  # fmt: skip

    made = chapter.store.get(
        "glue-baseline",
        {"task": task, "kind": kind, "rows": chapter.profile.glue.rows.get(task)},
        [rows.source.sha256],
        make,
        [predict, glue_rows.roles, glue_scores],
    )
    return json.loads((made.path / "scores.json").read_text(encoding="utf-8"))


def model(chapter: Chapter, task: str, method: str, seed: int) -> GlueModel:
    """The student of that method (or the teacher itself), fine-tuned on the task."""
    settings, rows = chapter.profile.glue, data(chapter, task)
    tuning, limit = Tuning(**settings.tuning(chapter.profile.student.hidden)), settings.rows.get(task)
    tokens, pretrained, origin = _beginning(chapter, method, seed)
    if not METHODS[method].is_student:
        tuning = replace(tuning, learning_rate=min(tuning.learning_rate, TEACHER_RATE))
    label = f"{task}, {method_title(method)}, seed {seed}"

    def make(folder: Path) -> None:
        run = glue.fine_tune(pretrained, rows, tuning, seed=seed, rows=limit, folder=folder / "run", label=label)
        run.save(folder / "model", pretrained, rows, tuning)
        cost = {"tokens": run.tuned.result.tokens, "seconds": run.tuned.result.seconds}
        scores = {"dev": run.tuned.best, "test": _flat(run.scores), "curve": run.tuned.scores}
        write_json(folder / "result.json", scores | cost)

    made = chapter.store.get(
        "glue",
        {"task": task, "seed": seed, "rows": limit, "tuning": asdict(tuning)},
        [rows.source.sha256, origin],
        make,
        [glue.fine_tune],
        resumable=True,
    )
    result = json.loads((made.path / "result.json").read_text(encoding="utf-8"))
    return GlueModel(made, method, seed, **result, pretraining=tokens, task=task)


def _beginning(chapter: Chapter, method: str, seed: int) -> tuple[tuple[int, int], Path, Artefact | str]:
    """What a method starts from: pretraining tokens, folder, and what stands for it among an artefact's inputs."""
    if method == BERT_JOINT:
        source = steps.teacher(chapter)
        return (0, 0), source.folder, source.source.sha256
    begin = comparison.pretrain(chapter, method, seed)
    return begin.tokens, begin.student.folder, begin.student.artefact


def _flat(scores: dict[str, Scores]) -> Scores:
    """{"m": {"accuracy": 0.5}} as {"m/accuracy": 0.5}."""
    return {f"{name}/{metric}": value for name, values in scores.items() for metric, value in values.items()}


def record(chapter: Chapter, one: GlueModel, name: str | None = None, **params: Any) -> Path:
    """The record of a model, with what the baselines score on the same rows; `name` and `params` as for SNIPS."""
    size = steps.shape(chapter).name if METHODS[one.method].is_student else ""
    split = roles(chapter, one.task)
    return chapter.record(
        name or "-".join(["glue", one.task.lower(), one.method, *size.lower().replace("-", "").split()]),
        seed=one.seed,
        params=chapter.profile.model_dump(mode="json")
        | {"task": one.task, "method": one.method, "size": size, "roles": split.about}
        | params,
        metrics={
            "dev": one.dev,
            "test": one.test,
            "baselines": {kind: baseline(chapter, one.task, kind) for kind in BASELINES},
            "training_rows": len(split.train),
            "training_rows_available": split.available,
            **one.cost,
        },
        curves={"dev": one.curve},
        sources=[data(chapter, one.task).source, steps.corpus(chapter).source, steps.teacher(chapter).source],
        seconds=one.seconds,
    )


def live(paths: Sequence[Path]) -> dict[str, list[Entry]]:
    """The records that this run has written, as entries by task."""
    return _by_task([records.read(path) for path in paths])


def recorded() -> dict[str, list[Entry]]:
    """The committed records of runs on real rows, as entries by task."""
    found = [one for one in records.load("glue-*") if not one["live"]]
    return _by_task([one for one in found if all(s["real"] for s in one["sources"] if s["kind"] == "glue")])


def _by_task(found: Sequence[evaluation.Record]) -> dict[str, list[Entry]]:
    tasks = sorted({one["params"]["task"] for one in found}, key=layouts.TASKS.index)
    return {task: evaluation.entries([one for one in found if one["params"]["task"] == task]) for task in tasks}


def title(entry: Entry) -> str:
    """Method and size as tables show them."""
    return f"{method_title(entry.method)} {entry.size}".strip()


def method_title(method: str) -> str:
    """The method alone; chapter 6's name for the teacher speaks of its two heads."""
    return "the teacher itself" if method == BERT_JOINT else METHODS[method].title


def ours(known: dict[str, list[Entry]], before: dict[str, list[Entry]] | None = None) -> list[Ours]:
    """Entries of all tasks as rows beside table 1 of the paper: one a method and size, of one profile and much text.

    Of several that differ in profile or in text read, and of this run (`known`) and earlier ones (`before`), the one
    that knows most tasks, then has most seeds, then has read most: no row mixes two students. The average is table
    1's, of MRPC F1, MNLI-m and SST-2, and needs all three. Seeds are the fewest of any task.
    """
    best: dict[tuple[str, str], dict[str, Entry]] = {}
    for found in (known, before or {}):
        groups: dict[tuple[str, str, str, int], dict[str, Entry]] = {}
        for task, entries in found.items():
            for e in entries:
                groups.setdefault((e.method, e.size, e.profile, e.read), {})[task] = e
        for (method, size, *_), own in groups.items():
            if (method, size) not in best or _known(own) > _known(best[method, size]):
                best[method, size] = own
    made = []
    for (method, size), own in best.items():
        scores = {
            field: own[task].score(f"{split}/{metric}")
            for field, (task, split, metric) in FIELDS.items()
            if task in own and f"{split}/{metric}" in own[task].metrics["test"]
        }
        if not scores:
            continue
        parts = [_by_seed(own, field) for field in _AVERAGED if field in scores]
        if len(parts) == len(_AVERAGED) and (shared := sorted(set.intersection(*(set(part) for part in parts)))):
            scores["average"] = estimate([sum(part[seed] for part in parts) / len(parts) for seed in shared])
        entry = next(iter(own.values()))
        cost, name = entry.metrics, title(entry).replace("mixed-vocab", "Mixed-vocab")
        twin = f"{'NoKD' if method == 'nokd' else 'Mixed-vocab'} {size}"
        made.append(
            Ours(
                name,
                cost["parameters"],
                scores,
                bytes=cost["bytes"],
                teacher=entry.teacher,
                # How much the teacher has read is not known.
                tokens=None if method == BERT_JOINT else cost["stage_one_tokens"] + cost["stage_two_tokens"],
                beside=twin if method in {MIXED, "nokd"} and twin in {row.label for row in PUBLISHED_GLUE} else "",
            )
        )
    return made


def _known(own: dict[str, Entry]) -> tuple[int, int, int]:
    """How much is known of a student: tasks, seeds, and the text it has read."""
    first = next(iter(own.values()))
    return len(own), min(len(entry.seeds) for entry in own.values()), first.read


def _by_seed(own: dict[str, Entry], field: str) -> dict[int, float]:
    task, split, metric = FIELDS[field]
    return dict(zip(own[task].seeds, own[task].values(f"{split}/{metric}"), strict=True))


_AVERAGED = ("mrpc_f1", "mnli_m", "sst2")
