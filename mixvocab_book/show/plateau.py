"""Students beside who guesses by frequency, from their records: the table and the chart that chapter 4 begins with.

The records are this run's or committed ones; what is drawn of the two looks alike and is never mixed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mixvocab.distill.methods import methods
from mixvocab.evaluate.guessing import MARGIN
from mixvocab.evaluate.stats import Estimate, estimate, paired
from mixvocab.widgets.charts import Axis, Chart, Reference, curves
from mixvocab_book.show.tables import plus_minus, verdict
from mixvocab_book.steps import students
from mixvocab_book.store import records

if TYPE_CHECKING:
    from mixvocab_book.chapter import Chapter

Record = dict[str, Any]
Groups = Mapping[str, Sequence[Record]]  # method -> its records, by seed

HEADERS = (
    "student", "seeds", "behind [MASK] (nats)", "right there", "whole hidden word (nats)", "off the plateau after",
    "tokens, stage I", "tokens, stage II", "PFLOPs",
)  # fmt: skip


def pretrained(chapter: Chapter, names: Iterable[str]) -> dict[str, list[Record]]:
    """The records of the students of these methods as they were before fine-tuning, for every seed of the chapter."""
    runs = students.runs(chapter, [name for name in names if name in methods()])
    return by_method(records.read(students.record(chapter, run)) for run in runs)


def by_method(found: Iterable[Record]) -> dict[str, list[Record]]:
    """Records of students by method, in the order of chapter 4, each by seed."""
    groups: dict[str, list[Record]] = {name: [] for name in methods()}
    for record in sorted(found, key=lambda r: r["seed"]):
        groups[record["params"]["method"]].append(record)
    return {name: group for name, group in groups.items() if group}


def by_budget(found: Iterable[Record]) -> dict[tuple[str, int, str, str], list[Record]]:
    """Records of students by profile, nominal tokens of stage II, size and text: what may stand in one table."""
    groups: dict[tuple[str, int, str, str], list[Record]] = {}
    for record in found:
        own = record["params"]
        groups.setdefault(
            (record["profile"], records.tokens_asked(own), own["size"], corpus_of(record)["sha256"]), []
        ).append(record)
    return groups


def corpus_of(record: Record) -> dict[str, Any]:
    """What a student read."""
    return next(source for source in record["sources"] if source["kind"] == "corpus")


def values(group: Sequence[Record], score: str) -> list[float]:
    """A score of records: "masked", "right", "loss", ... of held-out pieces, or "word"."""
    if score == "word":
        return [record["metrics"]["heldout_word_nats"] for record in group]
    return [record["metrics"]["heldout"][score] for record in group]


def score(group: Sequence[Record], name: str) -> Estimate:
    """Its mean with the interval over seeds."""
    return estimate(values(group, name))


def guess(groups: Groups) -> Mapping[str, float]:
    """What guessing by frequency scores: "masked", "right", "word"."""
    return next(iter(groups.values()))[0]["metrics"]["guess"]


def rows(groups: Groups) -> list[list[Any]]:
    """A row a student under `HEADERS`, below that of the guess."""
    who = guess(groups)
    scores = [f"{who['masked']:.3f}", f"{100 * who['right']:.1f} %", f"{who['word']:.3f}"]
    table: list[list[Any]] = [["guessing by frequency", "", *scores, *[""] * 4]]
    for method, group in groups.items():
        spent = group[0]["metrics"]["spent"]
        table.append(
            [
                methods()[method].title,
                len(group),
                plus_minus(score(group, "masked"), 3),
                f"{plus_minus(score(group, 'right'), 1, factor=100)} %",
                plus_minus(score(group, "word"), 3),
                plateau_end(group),
                *(f"{spent[stage]['tokens_read'] if stage in spent else 0:,}" for stage in ("stage one", "stage two")),
                f"{sum(cost['flops'] for cost in spent.values()) / 1e15:.2f}",
            ]
        )
    return table


def plateau_end(group: Sequence[Record]) -> str:
    """After how many tokens students left the plateau: "1.2M tokens", "1.2M (2 of 3 seeds)", "not yet"."""
    left = [at for record in group if (at := record["metrics"]["left_plateau_tokens"]) is not None]
    if not left:
        return "not yet"
    mean = f"{sum(left) / len(left) / 1e6:.1f}M"
    return f"{mean} tokens" if len(left) == len(group) else f"{mean} ({len(left)} of {len(group)} seeds)"


def finding(groups: Groups) -> str:
    """Who has left the plateau first, and who is still on it, in two lines."""
    left = {}
    for method, group in groups.items():
        at = [record["metrics"]["left_plateau_tokens"] for record in group]
        if None not in at:
            left[method] = sum(at) / len(at)
    if not left:
        best, distance = _best(groups)
        return f"No student has learned to use context yet:\nthe best, {methods()[best].title}, is {distance} the guess"
    first = min(left, key=lambda method: left[method])
    told = f"{methods()[first].title} leaves the plateau after {left[first] / 1e6:.1f}M tokens,"
    others = [method for method in groups if method not in left]
    if others:
        names = _listed([_staying(method, groups[method]) for method in others])
        return f"{told}\n{names} {'does' if len(others) == 1 else 'do'} not within this budget"
    last = max(left, key=lambda method: left[method])
    return f"{told}\n{methods()[last].title} last, after {left[last] / 1e6:.1f}M" if last != first else told.rstrip(",")


def _staying(method: str, group: Sequence[Record]) -> str:
    """The name of students that have not all left the plateau, and how many have."""
    gone = sum(record["metrics"]["left_plateau_tokens"] is not None for record in group)
    return methods()[method].title + (f" (but for {gone} of {len(group)} seeds)" if gone else "")


def without_context(groups: Groups) -> list[str]:
    """Names of the students that do not beat the guess behind [MASK] in their mean: they have learned no context."""
    who = guess(groups)["masked"]
    return [methods()[method].title for method, group in groups.items() if score(group, "masked").mean >= who]


def summary(groups: Groups) -> str:
    """What the table says, in sentences."""
    frequency, lost = guess(groups), without_context(groups)
    best, distance = _best(groups)
    right = score(groups[best], "right").mean
    sentences = [
        f"Guessing by frequency costs {frequency['masked']:.2f} nats behind [MASK] and is right in "
        f"{frequency['right']:.1%}. {methods()[best].title} is right in {right:.1%}, {distance} the guess."
    ]
    if lost:
        verb = "is" if len(lost) == 1 else "are"
        sentences.append(f"{_listed(lost)} {verb} no better than the guess: nothing has been learned of context there.")
    return " ".join([*sentences, f"Off the plateau is whoever is {MARGIN} nats below the guess."])


def _best(groups: Groups) -> tuple[str, str]:
    """The method with the lowest loss behind [MASK], and how far that is from the guess: "1.49 nats below"."""
    best = min(groups, key=lambda method: score(groups[method], "masked").mean)
    gap = guess(groups)["masked"] - score(groups[best], "masked").mean
    return best, f"{abs(gap):.2f} nats {'below' if gap > 0 else 'above'}"


def _listed(names: Sequence[str]) -> str:
    """One name, or several with "and" before the last; names may hold commas."""
    return names[0] if len(names) == 1 else f"{'; '.join(names[:-1])} and {names[-1]}"


def chart(groups: Groups) -> Chart:
    """Mean loss behind [MASK] with its interval at each evaluation after the first, and the guess as a line."""
    lines = {}
    for method, group in groups.items():
        evaluations = list(zip(*(record["curves"]["stage_two"] for record in group), strict=True))[1:]
        means = [estimate([seed["masked"] for seed in seeds]) for seeds in evaluations]
        lines[methods()[method].title] = [
            (seeds[0]["tokens"] / 1e6, mean.mean, mean.half_width)
            for seeds, mean in zip(evaluations, means, strict=True)
        ]
    x = Axis("million tokens of stage II", decimals=1)
    y = Axis("held-out loss behind [MASK] (nats a piece)", decimals=2)
    return curves(
        finding(groups), x, y, lines, references=[Reference("y", guess(groups)["masked"], "guessing by frequency")]
    )


def alt(groups: Groups) -> str:
    """The chart for readers who cannot see it."""
    ends = "; ".join(f"{methods()[m].title} {score(group, 'masked').mean:.2f}" for m, group in groups.items())
    return (
        f"Held-out loss behind [MASK] during stage II. At the end: {ends}; guessing by frequency "
        f"{guess(groups)['masked']:.2f}. {' '.join(finding(groups).split())}."
    )


QUESTIONS = (
    ("What are embeddings copied from the teacher worth?", "pca", "nokd"),
    ("... beyond their scale?", "pca", "nokd-wide"),
    ("Is it better to copy what text uses?", "pca-frequency", "pca"),
    ("Is the paper's student better than NoKD?", "paper", "nokd"),
    ("Does stage I add to the copy?", "mixed", "pca"),
    ("Is stage I worth more than its compute spent on NoKD?", "mixed", "nokd-matched"),
)
"""What chapter 4 asks: the question, the student in question, and whom it is compared with."""


def answers(groups: Groups) -> list[list[str]]:
    """A row a question of which both students are there: the gain behind [MASK], paired by seed, and what follows."""
    found = []
    for question, better, worse in QUESTIONS:
        one, two = ({r["seed"]: r["metrics"]["heldout"]["masked"] for r in groups.get(m, ())} for m in (better, worse))
        if seeds := sorted(set(one) & set(two)):
            gain = paired([two[seed] for seed in seeds], [one[seed] for seed in seeds])
            found.append(
                [question, f"{methods()[better].title} against {methods()[worse].title}", verdict(gain, "nats", 3)]
            )
    return found
