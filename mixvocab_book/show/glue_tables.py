"""Tables and sentences of chapter 5: students beside the baselines of their own rows, recorded ones and this run's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from mixvocab.evaluate.stats import Estimate, estimate
from mixvocab.sources import glue as layouts
from mixvocab_book.show import evaluation
from mixvocab_book.show.evaluation import Entry
from mixvocab_book.show.paper_tables import PUBLISHED_GLUE, Ours
from mixvocab_book.show.tables import NONE, millions, plus_minus, verdict
from mixvocab_book.steps.glue import BASELINES, method_title
from mixvocab_book.steps.snips import BERT_JOINT, MIXED
from mixvocab_book.store import records

HEADERS = (
    "task", "score (%)", "model", "profile", "tokens read", "seeds", "training rows", *BASELINES.values(), "the model",
    "over the bag", "minutes",
)  # fmt: skip
FIELDS = {  # columns of table 1: task, reported set, metric
    "mrpc_f1": ("MRPC", "test", "f1"),
    "mrpc_acc": ("MRPC", "test", "accuracy"),
    "mnli_m": ("MNLI", "m", "accuracy"),
    "mnli_mm": ("MNLI", "mm", "accuracy"),
    "sst2": ("SST-2", "dev", "accuracy"),
}
Known = Mapping[str, Sequence[Entry]]  # entries by task


def title(entry: Entry) -> str:
    """Method, size and how much text it has read: "PCA L-6 H-96 (10.2M tokens)"."""
    name = f"{method_title(entry.method)} {entry.size}".strip()
    return name if entry.method == BERT_JOINT else f"{name} ({tokens(entry)} tokens)"


def tokens(entry: Entry) -> str:
    """Tokens of both stages; how much the teacher has read is not known."""
    if entry.method == BERT_JOINT:
        return NONE
    count = entry.metrics["stage_one_tokens"] + entry.metrics["stage_two_tokens"]
    return millions(count) if count >= 100_000 else f"{count:,}"


def columns(entry: Entry) -> list[str]:
    """The reported scores, by set and metric: "m/accuracy"; not the mean of two metrics, which is for choosing."""
    return [name for name in entry.metrics["test"] if not name.endswith("/score")]


def points_over(entry: Entry, column: str, baseline: str = "bag_of_words") -> Estimate:
    """Points above a baseline that had the same rows; negative where it is the better."""
    floor = 100 * entry.metrics["baselines"][baseline][column]
    return estimate([value - floor for value in entry.values(column)])


def rows(known: Known) -> list[list[str]]:
    """A line for each reported score of each model, as `HEADERS` names the cells."""
    return [
        [
            task,
            column.replace("/", " "),
            f"{method_title(entry.method)} {entry.size}".strip(),
            entry.profile,
            tokens(entry),
            str(len(entry.seeds)),
            _training(entry),
            *(f"{100 * entry.metrics['baselines'][kind][column]:.1f}" for kind in BASELINES),
            plus_minus(entry.score(column)),
            plus_minus(points_over(entry, column), sign="+"),
            f"{entry.minutes():.1f}",
        ]
        for task, column, entry in _each(known)
    ]


def outcomes(known: Known) -> list[str]:
    """A sentence for each reported score: which models are above the bag of words, which below, which neither."""
    lines: dict[tuple[str, str], dict[str, list[str]]] = {}
    for task, column, entry in _each(known):
        lines.setdefault((task, column), {}).setdefault(_side(points_over(entry, column)), []).append(title(entry))
    return [
        f"{task}, {column.replace('/', ' ')} - "
        + "; ".join(f"{side}: {', '.join(names)}" for side, names in sides.items())
        for (task, column), sides in lines.items()
    ]


def tallies(known: Known, reported: Mapping[str, int]) -> list[str]:
    """A sentence for each task of one run: how many scores lie above and below the baselines.

    `reported` is how many rows the task's smallest reported set has. One seed has no interval, but the draw of the
    rows has: a share of n rows is known to 1.96 sqrt(0.25 / n), and what differs by less counts as neither. Only
    accuracies are shares: F1 and correlations, and tasks that have nothing else, are left out.
    """
    lines = []
    for task, entries in known.items():
        shares = [(entry, column) for entry in entries for column in columns(entry) if column.endswith("accuracy")]
        margin = 98 / reported[task] ** 0.5
        parts = []
        for kind, name in BASELINES.items() if shares else ():
            gains = [points_over(entry, column, kind).mean for entry, column in shares]
            above, below = sum(gain > margin for gain in gains), sum(gain < -margin for gain in gains)
            parts.append(f"{above} of {len(gains)} above the {name}, {below} below")
        if parts:
            lines.append(f"{task}, accuracies: {'; '.join(parts)} (by more than {margin:.1f} points)")
    return lines


def twins(groups: Mapping[str, Known]) -> list[list[str]]:
    """Mixed-vocabulary students beside their twins, by what the runs are called."""
    return [
        [
            task,
            f"{title(one)} against {title(other)}",
            run,
            column.replace("/", " "),
            verdict(evaluation.difference(one, other, column)),
        ]
        for run, known in groups.items()
        for task, entries in known.items()
        for one, other in evaluation.twins(entries)
        if set(one.seeds) & set(other.seeds)
        for column in columns(one)
    ]


def _each(known: Known) -> Iterator[tuple[str, str, Entry]]:
    for task, entries in known.items():
        for column in dict.fromkeys(column for entry in entries for column in columns(entry)):
            for entry in entries:
                if column in entry.metrics["test"]:
                    yield task, column, entry


def _side(gain: Estimate) -> str:
    if gain.n < 2:
        return "one seed, so nothing is claimed"
    if gain.low > 0:
        return "above the bag of words"
    return "below the bag of words" if gain.high < 0 else "not to be told from the bag of words"


def _training(entry: Entry) -> str:
    used, there = entry.metrics["training_rows"], entry.metrics["training_rows_available"]
    return f"{used:,}" if used == there else f"{used:,} of {there:,}"


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
        cost, name = (
            entry.metrics,
            f"{method_title(entry.method)} {entry.size}".strip().replace("mixed-vocab", "Mixed-vocab"),
        )
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
