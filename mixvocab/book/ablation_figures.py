"""The figures of chapter 07: cells side by side, curves over an axis or over what was spent, and all differences."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mixvocab.book.ablations import UNIT, Answer, Row
from mixvocab.book.cells import as_text
from mixvocab.compute import student_steps
from mixvocab.pipeline import student_shape
from mixvocab.stats import Estimate

LOSS = f"held-out loss ({UNIT})"
DIFFERENCE = f"difference to the experiment's baseline ({UNIT})"
COURSE_LOSS = "held-out loss behind [MASK] (nats a piece)"
GUESSING = "guessing by frequency"
TOKENS = "million tokens read, both stages"
STAGE_ONE, STAGE_TWO = "stage one", "stage two"
BETTER, WORSE, OPEN = "C2", "C1", "C0"  # lower than the baseline, higher, no difference found
LEAST = 0.06  # nats that an axis spans at the least
_MARKERS = "osD^vPX"


def cells(answer: Answer) -> Figure:
    """One row a cell: the mean with its interval over seeds, single seeds as diamonds, the baseline as a line."""
    rows = [row for row in answer.rows if row.records]
    figure, axes = plt.subplots(figsize=(5.6, 1.7 + 0.42 * len(rows)))
    for place, row in enumerate(rows):
        mean = _mean(row)
        axes.plot(row.values(), [place] * len(row.records), "D", markersize=3.5, color="gray", alpha=0.8, zorder=3)
        axes.errorbar(mean.mean, place, xerr=_half(mean), fmt="o", capsize=4, color=colour_of(row), zorder=2)
        if row.baseline is None:
            axes.axvline(mean.mean, linestyle=":", color="gray", linewidth=1.2)
    if (guess := answer.guess("word")) is not None:
        axes.axvline(guess, linestyle="--", color="gray", linewidth=1.2, label=GUESSING)
        figure.legend(loc="outside lower center", fontsize=10)
    axes.set_yticks(range(len(rows)), [textwrap.fill(row.cell.label, 26) for row in rows])
    axes.invert_yaxis()
    axes.set_xlabel(LOSS)
    _at_least(axes.get_xlim, axes.set_xlim)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    return _titled(figure, answer.title)


def differences(found: Sequence[Answer]) -> Figure:
    """Every difference to a baseline of as many pieces, with its corrected interval; to the left is better."""
    rows = compared(found)
    figure, axes = plt.subplots(figsize=(6.4, 1.6 + 0.34 * (len(rows) + len(found))))
    place, ticks, labels = 0.0, [], []
    for answer in found:
        own = [row for one, row in rows if one is answer]
        if not own:
            continue
        axes.text(0.0, place, answer.experiment.name.replace("_", " "), transform=axes.get_yaxis_transform(),
                  fontsize=10, fontweight="bold", va="center")  # fmt: skip
        for row in own:
            place += 1
            assert row.comparison is not None
            mean = row.comparison.estimate
            axes.errorbar(mean.mean, place, xerr=_half(mean), fmt="o", capsize=3, color=colour_of(row))
            ticks.append(place)
            labels.append(row.cell.label)
        place += 1.2
    axes.axvline(0, linestyle=":", color="gray", linewidth=1.2)
    axes.set_yticks(ticks, [textwrap.shorten(label, 34) for label in labels], fontsize=9)
    axes.set_ylim(place, -1)
    axes.set_xlabel(DIFFERENCE)
    axes.xaxis.set_major_locator(MaxNLocator(6))
    return _titled(figure, differences_title(rows))


def compared(found: Sequence[Answer]) -> list[tuple[Answer, Row]]:
    """The rows of `differences`, each with its experiment."""
    return [(answer, row) for answer in found for row in answer.rows if row.comparison and _one_size(answer, row)]


def differences_title(rows: Sequence[tuple[Answer, Row]]) -> str:
    """How many of the rows differ from their baseline."""
    told = sum(bool(row.comparison and row.comparison.finding) for _, row in rows)
    return f"{told} of {len(rows)} differences exceed their intervals"


def over(answer: Answer, x: Callable[[Row], float | str], label: str) -> Figure:
    """The mean of each cell, with its interval over seeds, against `x(row)`, one line for each of the experiment's."""
    figure, axes = plt.subplots(figsize=(5.6, 4.2))
    lines = answer.lines()
    named = [x(row) for rows in lines.values() for row in rows]
    words = list(dict.fromkeys(map(str, named))) if any(isinstance(value, str) for value in named) else []
    for number, (name, rows) in enumerate(lines.items()):
        means = [_mean(row) for row in rows]
        places = [float(words.index(str(x(row)))) if words else float(x(row)) for row in rows]
        half = [0.0 if math.isnan(mean.half_width) else mean.half_width for mean in means]
        axes.errorbar(places, [mean.mean for mean in means], yerr=half, capsize=4,
                      marker=_MARKERS[number % len(_MARKERS)], label=name or None)  # fmt: skip
    if (guess := answer.guess("word")) is not None:
        axes.axhline(guess, linestyle="--", color="gray", linewidth=1.2, label=GUESSING)
    if words:
        axes.set_xticks(range(len(words)), words)
    else:
        _scale(axes, sorted({float(value) for value in named}), on_axis=x is axis_value)
    axes.set(xlabel=textwrap.fill(label, 48), ylabel=LOSS)
    _at_least(axes.get_ylim, axes.set_ylim)
    if len(lines) > 1 or guess is not None:
        axes.legend(fontsize=10)
    return _titled(figure, answer.title)


def axes_of(answer: Answer) -> Mapping[str, Callable[[], Figure]]:
    """The figure of an experiment against each of its `sides`."""
    return {name: partial(over, answer, x, label) for name, (x, label) in sides(answer).items()}


def sides(answer: Answer) -> dict[str, tuple[Callable[[Row], float | str], str]]:
    """What a row can be drawn against, and the axis' label: its own axis, tokens read, operations, student steps."""
    factor, operations = _operations(answer)
    return {
        "as varied": (axis_value, answer.experiment.axis_label),
        "tokens": (lambda row: row.spent("tokens_read") / 1e6, TOKENS),
        "operations": (lambda row: row.spent("flops") * factor, operations),
        "student steps": (student_steps_of, "operations in steps of the student's own training"),
    }


def courses_of(answer: Answer) -> Mapping[str, Callable[[], Figure]]:
    """Held-out loss during stage II against each of the `course_sides`."""
    return {name: partial(course, answer, x, label) for name, (x, label) in course_sides(answer).items()}


def course_sides(answer: Answer) -> dict[str, tuple[Callable[[Row, float], float], str]]:
    """What a share of a row's stage II can be drawn against: its steps, and all that was spent, stage I included."""
    factor, operations = _operations(answer)

    def steps(row: Row, share: float) -> float:
        return share * row.spent("steps", [STAGE_TWO])

    def tokens(row: Row, share: float) -> float:
        return (_before(row, "tokens_read") + share * row.spent("tokens_read", [STAGE_TWO])) / 1e6

    def flops(row: Row, share: float) -> float:
        return (_before(row, "flops") + share * row.spent("flops", [STAGE_TWO])) * factor

    return {
        "steps of stage II": (steps, "steps of stage II"),
        "tokens": (tokens, TOKENS),
        "operations": (flops, operations),
    }


def course_points(row: Row, x: Callable[[Row, float], float]) -> list[tuple[float, float]]:
    """(x, mean loss behind [MASK] over seeds) at each evaluation of stage II but the first, before training."""
    curves = [record["curves"]["stage_two"][1:] for record in row.records.values()]
    return [
        (x(row, points[0]["step"] / curves[0][-1]["step"]), sum(point["masked"] for point in points) / len(points))
        for points in zip(*curves, strict=True)
    ]


def course(answer: Answer, x: Callable[[Row, float], float], label: str) -> Figure:
    """Mean loss over seeds at each evaluation of stage II but the first, before training, at `x(row, share done)`."""
    figure, axes = plt.subplots(figsize=(5.6, 4.6))
    colours: dict[str, str] = {}
    rows = [row for row in answer.rows if row.records]
    for number, row in enumerate(rows):
        # A start has one colour, with stage I and without.
        colour = colours.setdefault(start_of(row), f"C{len(colours)}")
        axes.plot(
            *zip(*course_points(row, x), strict=True),
            "-" if is_taught(row) else "--",
            color=colour,
            marker=_MARKERS[number % len(_MARKERS)],
            markersize=5,
            label=row.cell.label,
        )
    if (guess := answer.guess("masked")) is not None:
        axes.axhline(guess, linestyle=":", color="gray", label=GUESSING)
    axes.set(xlabel=label, ylabel=COURSE_LOSS)
    figure.legend(loc="outside lower center", ncols=2, fontsize=9, handlelength=3.5)
    return _titled(figure, course_title(answer))


def course_title(answer: Answer) -> str:
    """What stage I costs, where it costs most."""
    rows = [row for row in answer.rows if row.records]
    ratio = max((row.spent("flops", [STAGE_ONE]) / row.spent("flops", [STAGE_TWO]) for row in rows), default=0.0)
    return f"Stage I costs {ratio:.1f} times the operations of stage II"


def start_of(row: Row) -> str:
    """The start of a row's embeddings, as its label has it before what was done with them."""
    return row.cell.label.partition(" + ")[0]


def is_taught(row: Row) -> bool:
    """Whether it had a stage I."""
    return row.spent("steps", [STAGE_ONE]) > 0


def axis_value(row: Row) -> float | str:
    """A cell's place on its experiment's axis: a number, or a name."""
    value = row.cell.value
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else as_text(value)


def described(answer: Answer) -> str:
    """The figure in words, for who cannot see it."""
    told = "; ".join(f"{row.cell.label} {row.mean()}" for row in answer.rows if row.records)
    return f"{answer.experiment.question} {LOSS.capitalize()}: {told}."


def student_steps_of(row: Row) -> float:
    """A row's operations in units of one training step of its own student."""
    profile, pieces = row.cell.profile, next(iter(row.records.values()))["metrics"]["pieces"]
    shape, batch = student_shape(profile, pieces), profile.stage_two.batch_size
    return student_steps(row.spent("flops"), shape, batch, profile.mixing.length)


def _one_size(answer: Answer, row: Row) -> bool:
    """Whether a cell and its baseline have equally many pieces: between sizes, differences are of another order."""
    other = next((one for one in answer.rows if one.cell is row.baseline), row)
    sizes = {record["metrics"]["pieces"] for one in (row, other) for record in one.records.values()}
    return len(sizes) == 1


def _before(row: Row, what: str) -> float:
    """What was spent before stage II began."""
    return row.spent(what) - row.spent(what, [STAGE_TWO])


def _operations(answer: Answer) -> tuple[float, str]:
    """The unit in which operations are drawn: a factor, and the axis' label."""
    largest = max((row.spent("flops") for row in answer.rows if row.records), default=1.0)
    power = 3 * math.floor(math.log10(largest) / 3)
    unit = "".join("⁰¹²³⁴⁵⁶⁷⁸⁹"[int(digit)] for digit in str(power))
    return 10.0**-power, f"floating-point operations (10{unit})"


def _mean(row: Row) -> Estimate:
    mean = row.mean()
    assert mean is not None
    return mean


def _half(mean: Estimate) -> float | None:
    return None if math.isnan(mean.half_width) else mean.half_width


def colour_of(row: Row) -> str:
    """By what may be said of a row."""
    if row.comparison is None or not row.comparison.finding:
        return OPEN
    return BETTER if row.comparison.estimate.mean < 0 else WORSE


def _at_least(limits: Callable[[], tuple[float, float]], set_limits: Callable[[float, float], object]) -> None:
    """Show no less than `LEAST`: a difference that is noise should not fill the figure."""
    low, high = limits()
    if (room := (LEAST - (high - low)) / 2) > 0:
        set_limits(low - room, high + room)


def _scale(axes: Axes, values: Sequence[float], *, on_axis: bool) -> None:
    """A logarithmic axis where values span decades, linear near zero if zero is among them."""
    positive = [value for value in values if value > 0]
    if positive and positive[-1] / positive[0] > 8:
        if values[0] > 0:
            axes.set_xscale("log")
        else:
            axes.set_xscale("symlog", linthresh=positive[0], linscale=0.6)
        if on_axis:
            axes.set_xticks(values, short(values))
            axes.minorticks_off()
    elif on_axis:
        axes.set_xticks(values, short(values))


def short(values: Sequence[float]) -> list[str]:
    """Short enough to stand beside each other: 7000 is 7K."""
    return [f"{value / 1000:g}K" if value >= 1000 and value % 100 == 0 else f"{value:g}" for value in values]


def _titled(figure: Figure, title: str) -> Figure:
    figure.suptitle(textwrap.fill(title, 52), x=0.01, ha="left", fontsize=12, fontweight="bold")
    return figure
