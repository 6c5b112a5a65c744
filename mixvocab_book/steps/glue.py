"""The steps of chapter 5: students fine-tuned on GLUE's tasks and the baselines beside them, kept in the store."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mixvocab.common.files import write_json
from mixvocab.common.store import Ref, Step, Store
from mixvocab.pipeline import Plan
from mixvocab.sources import GlueData, Sizes, resolve_glue
from mixvocab.sources import glue as layouts
from mixvocab.tasks import baselines
from mixvocab.tasks.finetune import TaskModel
from mixvocab.tasks.glue import new_classifier
from mixvocab.tasks.roles import Roles, glue_roles
from mixvocab.tasks.scores import glue_scores
from mixvocab_book.steps import snips
from mixvocab_book.steps.snips import BERT_JOINT, FineTuning, Scores, encoder_of

if TYPE_CHECKING:
    from mixvocab_book.chapter import Chapter

TEACHER_RATE = 1e-4  # a learning rate that suits a million parameters spoils twenty
BASELINES = {"majority": "majority class", "bag_of_words": "bag of words"}


@dataclass(frozen=True)
class GlueTuning(FineTuning):
    """A classifier of one or two sentences; its test scores go by set and metric: "m/accuracy"."""

    name = "glue"

    task: str = ""

    def start(self, data: GlueData, folder: Path | None) -> tuple[TaskModel, Roles]:
        assert folder
        return new_classifier(folder, data, self.tuning, self.seed), glue_roles(data, self.rows)

    def reported(self, scores: Mapping[str, Scores]) -> Scores:
        return _flat(scores)


@dataclass(frozen=True)
class GlueBaseline(Step[Scores]):
    """Scores of a baseline trained on the same rows, by set and metric."""

    name, room = "glue-baseline", "tasks"

    task: str
    kind: str  # of `BASELINES`
    data: Ref[GlueData]
    rows: int | None

    def make(self, folder: Path, store: Store) -> None:
        data = self.data.value
        split = glue_roles(data, self.rows)
        predicted = getattr(baselines, self.kind)(data, split)
        scores = {
            name: glue_scores(self.task, [row.label for row in rows], predicted[name], data.labels)
            for name, rows in split.report.items()
        }
        write_json(folder / "scores.json", _flat(scores))

    def load(self, folder: Path, store: Store) -> Scores:
        return json.loads((folder / "scores.json").read_text(encoding="utf-8"))


def _flat(scores: Mapping[str, Scores]) -> Scores:
    """{"m": {"accuracy": 0.5}} as {"m/accuracy": 0.5}."""
    return {f"{name}/{metric}": value for name, values in scores.items() for metric, value in values.items()}


def chosen_tasks(given: str | None, default: Sequence[str]) -> list[str]:
    """GLUE's own names of the tasks in a comma-separated list, or the profile's; UserError for an unknown one."""
    names = given.split(",") if given else default
    return [layouts.layout(name.strip()).folder for name in names]


def data(plan: Plan, task: str) -> Ref[GlueData]:
    """The task's rows; from the synthetic grammar where there are no real ones, as many as the profile trains on."""
    rows = plan.profile.glue.rows.get(task, 4000)
    few = min(rows, 1000)
    sizes = Sizes(train=rows, valid=few, test=few)
    return plan.source(f"glue {task} {rows}", lambda: resolve_glue(task, data_dir=plan.data_dir, sizes=sizes))


def roles(chapter: Chapter, task: str) -> Roles:
    """Which rows train, choose and report: the same for all models and seeds."""
    return glue_roles(data(chapter.plan, task).value, chapter.profile.glue.rows.get(task))


def baseline(chapter: Chapter, task: str, kind: str) -> Scores:
    """Scores of a baseline of `BASELINES`."""
    return chapter.get(GlueBaseline(task, kind, data(chapter.plan, task), chapter.profile.glue.rows.get(task)))


def glue_step(plan: Plan, task: str, method: str, seed: int) -> GlueTuning:
    """The step that fine-tunes the student of that method (or the teacher itself) on the task."""
    settings = plan.profile.glue
    tuning = settings.tuning(plan.profile.student.hidden)
    if method in snips.BASELINES:
        tuning = tuning.model_copy(update={"learning_rate": min(tuning.learning_rate, TEACHER_RATE)})
    return GlueTuning(
        encoder_of(plan, method, seed),
        tuning,
        seed,
        settings.rows.get(task),
        f"{task}, {method_title(method)}, seed {seed}",
        task=task,
        data=data(plan, task),
    )


def record(chapter: Chapter, task: str, method: str, seed: int) -> Path:
    """The record of a model, with what the baselines score on the same rows."""
    split = roles(chapter, task)
    return snips.record(
        chapter,
        f"glue/{task.lower()}",
        method,
        glue_step(chapter.plan, task, method, seed),
        {"task": task, "roles": split.about},
        baselines={kind: baseline(chapter, task, kind) for kind in BASELINES},
        training_rows=len(split.train),
        training_rows_available=split.available,
    )


def method_title(method: str) -> str:
    """The method alone; chapter 6's name for the teacher speaks of its two heads."""
    return "the teacher itself" if method == BERT_JOINT else snips.titles()[method]
