"""Tables and sentences of chapter 5: students beside the baselines of their own rows, recorded ones and this run's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from mixvocab.book import evaluation
from mixvocab.book.evaluation import Entry
from mixvocab.book.glue_steps import BASELINES, method_title
from mixvocab.book.published import NONE, millions, percent
from mixvocab.book.task_steps import BERT_JOINT
from mixvocab.stats import Estimate, estimate

HEADERS = (
    "task", "score (%)", "model", "profile", "tokens read", "seeds", "training rows", *BASELINES.values(), "the model",
    "over the bag", "minutes",
)  # fmt: skip
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


def over(entry: Entry, column: str, baseline: str = "bag_of_words") -> Estimate:
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
            percent(entry.score(column)),
            _signed(over(entry, column)),
            f"{entry.minutes():.1f}",
        ]
        for task, column, entry in _each(known)
    ]


def told(known: Known) -> list[str]:
    """A sentence for each reported score: which models are above the bag of words, which below, which neither."""
    lines: dict[tuple[str, str], dict[str, list[str]]] = {}
    for task, column, entry in _each(known):
        lines.setdefault((task, column), {}).setdefault(_side(over(entry, column)), []).append(title(entry))
    return [
        f"{task}, {column.replace('/', ' ')} - "
        + "; ".join(f"{side}: {', '.join(names)}" for side, names in sides.items())
        for (task, column), sides in lines.items()
    ]


def stand(known: Known, reported: Mapping[str, int]) -> list[str]:
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
            gains = [over(entry, column, kind).mean for entry, column in shares]
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
            evaluation.verdict(evaluation.difference(one, other, column)),
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


def _signed(gain: Estimate) -> str:
    return f"{gain.mean:+.1f}" if gain.n < 2 else f"{gain.mean:+.1f} ± {gain.half_width:.1f}"


def _training(entry: Entry) -> str:
    used, there = entry.metrics["training_rows"], entry.metrics["training_rows_available"]
    return f"{used:,}" if used == there else f"{used:,} of {there:,}"
