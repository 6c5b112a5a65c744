"""Students beside who guesses by frequency, from their records: the table and the figure that chapter 4 begins with.

The records are this run's or committed ones; what is drawn of the two looks alike and is never mixed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from mixvocab.book import records
from mixvocab.book.comparison import ARMS, pretrain
from mixvocab.book.comparison import record as record_run
from mixvocab.distill.guessing import MARGIN
from mixvocab.stats import Estimate, estimate, paired
from mixvocab.widgets.charts import Axis, Chart, Reference, curves

if TYPE_CHECKING:
    from mixvocab.book.chapter import Chapter

Record = dict[str, Any]
Groups = Mapping[str, Sequence[Record]]  # method -> its records, by seed

HEADERS = (
    "student", "seeds", "behind [MASK] (nats)", "right there", "whole hidden word (nats)", "off the plateau after",
    "tokens, stage I", "tokens, stage II", "PFLOPs",
)  # fmt: skip
X, Y = Axis("million tokens of stage II", decimals=1), Axis("held-out loss behind [MASK] (nats a piece)", decimals=2)


def pretrained(chapter: Chapter, methods: Iterable[str]) -> dict[str, list[Record]]:
    """The records of the students of these methods as they were before fine-tuning, for every seed of the chapter."""
    runs = [pretrain(chapter, method, seed) for method in methods if method in ARMS for seed in chapter.seeds]
    return by_method(records.read(record_run(chapter, run)) for run in runs)


def by_method(found: Iterable[Record]) -> dict[str, list[Record]]:
    """Records of students by method, in the order of chapter 4, each by seed."""
    groups: dict[str, list[Record]] = {arm: [] for arm in ARMS}
    for record in sorted(found, key=lambda r: r["seed"]):
        groups[record["params"]["arm"]].append(record)
    return {arm: group for arm, group in groups.items() if group}


def by_budget(found: Iterable[Record]) -> dict[tuple[str, int, str, str], list[Record]]:
    """Records of students by profile, nominal tokens of stage II, size and text: what may stand in one table."""
    groups: dict[tuple[str, int, str, str], list[Record]] = {}
    for record in found:
        own = record["params"]
        groups.setdefault(
            (record["profile"], records.tokens_asked(own), own["size"], text(record)["sha256"]), []
        ).append(record)
    return groups


def text(record: Record) -> dict[str, Any]:
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
        cost = group[0]["metrics"]
        table.append(
            [
                ARMS[method].name,
                len(group),
                _short(score(group, "masked"), 1, 3),
                f"{_short(score(group, 'right'), 100, 1)} %",
                _short(score(group, "word"), 1, 3),
                told_plateau(group),
                f"{cost['stage_one_tokens']:,}",
                f"{cost['stage_two_tokens']:,}",
                f"{cost['flops'] / 1e15:.2f}",
            ]
        )
    return table


def _short(value: Estimate, factor: float, decimals: int) -> str:
    mean = f"{factor * value.mean:.{decimals}f}"
    return mean if value.n < 2 else f"{mean} ± {factor * value.half_width:.{decimals}f}"


def told_plateau(group: Sequence[Record]) -> str:
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
        best = min(groups, key=lambda method: score(groups[method], "masked").mean)
        gap = guess(groups)["masked"] - score(groups[best], "masked").mean
        way = f"{gap:.2f} nats below the guess" if gap > 0 else f"{-gap:.2f} nats above the guess"
        return f"No student has learned to use context yet:\nthe best, {ARMS[best].name}, is {way}"
    first = min(left, key=lambda method: left[method])
    told = f"{ARMS[first].name} leaves the plateau after {left[first] / 1e6:.1f}M tokens,"
    others = [method for method in groups if method not in left]
    if others:
        verb = "does" if len(others) == 1 else "do"
        return f"{told}\n{_listed([ARMS[method].name for method in others])} {verb} not within this budget"
    last = max(left, key=lambda method: left[method])
    return f"{told}\n{ARMS[last].name} last, after {left[last] / 1e6:.1f}M" if last != first else told.rstrip(",")


def without_context(groups: Groups) -> list[str]:
    """Names of the students that do not beat the guess behind [MASK] in their mean: they have learned no context."""
    who = guess(groups)["masked"]
    return [ARMS[method].name for method, group in groups.items() if score(group, "masked").mean >= who]


def told(groups: Groups) -> str:
    """What the table says, in sentences."""
    who, none = guess(groups), without_context(groups)
    best = min(groups, key=lambda method: score(groups[method], "masked").mean)
    gap, right = who["masked"] - score(groups[best], "masked").mean, score(groups[best], "right").mean
    parts = [
        f"Guessing by frequency costs {who['masked']:.2f} nats behind [MASK] and is right in {who['right']:.1%}. "
        f"{ARMS[best].name} is right in {right:.1%}, {abs(gap):.2f} nats {'below' if gap > 0 else 'above'} the guess."
    ]
    if none:
        verb = "is" if len(none) == 1 else "are"
        parts.append(f"{_listed(none)} {verb} no better than the guess: nothing has been learned of context there.")
    parts.append(f"Off the plateau is whoever is {MARGIN} nats below the guess.")
    return " ".join(parts)


def _listed(names: Sequence[str]) -> str:
    """One name, or several with "and" before the last; names may hold commas."""
    return names[0] if len(names) == 1 else f"{'; '.join(names[:-1])} and {names[-1]}"


def courses(groups: Groups) -> dict[str, list[tuple[float, float, float]]]:
    """Name -> (million tokens, mean loss behind [MASK], half-width) at each evaluation after the first."""
    found = {}
    for method, group in groups.items():
        points = zip(*(record["curves"]["stage_two"] for record in group), strict=True)
        means = [(p[0]["tokens"] / 1e6, estimate([q["masked"] for q in p])) for p in points]
        found[ARMS[method].name] = [(at, value.mean, value.half_width) for at, value in means[1:]]
    return found


def draw(groups: Groups) -> Figure:
    """The courses with the guess as a line; to be called within `figures.style`, as `figures.show` does."""
    figure, axes = plt.subplots(figsize=(5.6, 4.8))
    for name, points in courses(groups).items():
        at, mean, half = zip(*points, strict=True)
        (line,) = axes.plot(at, mean, label=name)
        if len(next(iter(groups.values()))) > 1:
            low, high = ([m + sign * h for m, h in zip(mean, half, strict=True)] for sign in (-1, 1))
            axes.fill_between(at, low, high, color=line.get_color(), alpha=0.2, linewidth=0)
    axes.axhline(guess(groups)["masked"], color="gray", linestyle=":", label="guessing by frequency")
    axes.set(xlabel=X.label, ylabel=Y.label, title=finding(groups))
    figure.legend(loc="outside lower center", ncols=2, fontsize=10)
    return figure


def alt(groups: Groups) -> str:
    """The figure for readers who cannot see it."""
    ends = "; ".join(f"{ARMS[m].name} {score(group, 'masked').mean:.2f}" for m, group in groups.items())
    return (
        f"Held-out loss behind [MASK] during stage II. At the end: {ends}; guessing by frequency "
        f"{guess(groups)['masked']:.2f}. {' '.join(finding(groups).split())}."
    )


def chart(groups: Groups) -> Chart:
    """The same figure for readers to touch."""
    line = Reference("y", guess(groups)["masked"], "guessing by frequency")
    return curves(finding(groups), X, Y, courses(groups), references=[line])


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
            found.append([question, f"{ARMS[better].name} against {ARMS[worse].name}", _verdict(gain)])
    return found


def _verdict(gain: Estimate) -> str:
    if gain.n < 2:
        return f"{gain.mean:+.3f} nats in one seed"
    told = f"{gain.mean:+.3f} ± {gain.half_width:.3f} nats over {gain.n} seeds"
    if gain.low > 0:
        return f"yes: {told}"
    return f"no, it is worse: {told}" if gain.high < 0 else f"no difference found: {told}"
