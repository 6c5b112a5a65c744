"""The charts of chapter 07: cells side by side, curves over an axis or over what was spent, and all differences."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal

from mixvocab.evaluate.stats import Estimate
from mixvocab.models.flops import student_steps
from mixvocab.pipeline import Plan
from mixvocab.widgets.charts import Axis, Chart, Reference, Scale, curves, dots
from mixvocab_book.sweep.cells import as_text
from mixvocab_book.sweep.results import UNIT, Answer, Row

LOSS = f"held-out loss ({UNIT})"
STAGE_ONE, STAGE_TWO = "stage one", "stage two"
TOKENS = "million tokens read, both stages"
LEAST = 0.06  # nats that an axis of losses spans at the least: a difference that is noise should not fill it
# What a row's colour says, and its number in the palette.
OPEN, WORSE, BETTER = (
    ("baseline, or no difference found", 0),
    ("higher than the baseline", 1),
    ("lower than the baseline", 2),
)


def cells(answer: Answer) -> Chart:
    """One row a cell: the mean with its interval over seeds, single seeds, the baseline as a line."""
    rows = {row.cell.label: row for row in answer.rows if row.records}
    means = {label: _mean(row) for label, row in rows.items()}
    baselines = [Reference("x", _mean(row).mean, "baseline") for row in rows.values() if row.baseline is None]
    return dots(
        answer.title,
        Axis(LOSS, decimals=3, covers=_at_least([value for row in rows.values() for value in row.values()])),
        means,
        {label: row.values() for label, row in rows.items()},
        kinds={label: _kind(row) for label, row in rows.items()},
        references=[*baselines, *_guess(answer, "x", "word")],
    )


def differences(answers: Sequence[Answer]) -> Chart:
    """Every difference to a baseline of as many pieces, with its corrected interval; to the left is better."""
    rows = {
        f"{answer.experiment.name.replace('_', ' ')}: {row.cell.label}": row
        for answer in answers
        for row in answer.rows
        if row.comparison and _has_baselines_size(answer, row)
    }
    findings = sum(bool(row.comparison and row.comparison.finding) for row in rows.values())
    return dots(
        f"{findings} of {len(rows)} differences exceed their intervals",
        Axis(f"difference to the experiment's baseline ({UNIT})", decimals=3),
        {name: row.comparison.estimate for name, row in rows.items() if row.comparison},
        {},
        kinds={name: _kind(row) for name, row in rows.items()},
        references=[Reference("x", 0.0, "baseline")],
    )


def over_axis(answer: Answer) -> list[Chart]:
    """The cells' means with intervals, a line for each of the experiment's, against its own axis and against costs.

    The costs are tokens read, operations, and operations in steps of the student's own training.
    """
    factor, operations = _operations(answer)
    return [
        _over(answer, "as varied", axis_value, answer.experiment.axis_label),
        _over(answer, "tokens", lambda row: row.spent("tokens_read") / 1e6, TOKENS),
        _over(answer, "operations", lambda row: row.spent("flops") * factor, operations),
        _over(answer, "student steps", student_steps_of, "operations in steps of the student's own training"),
    ]


def during_stage_two(answer: Answer) -> list[Chart]:
    """Mean loss behind [MASK] over seeds, at each evaluation of stage II but the first, which is before training.

    Against the steps of stage II, and against tokens and operations of all stages.
    """
    factor, operations = _operations(answer)

    def spent(what: str) -> Callable[[Row, float], float]:
        """What has been spent when a share of stage II is done."""
        return lambda row, share: row.spent(what) - (1 - share) * row.spent(what, [STAGE_TWO])

    tokens, flops = spent("tokens_read"), spent("flops")
    return [
        _courses(answer, "steps of stage II", lambda row, share: share * row.spent("steps", [STAGE_TWO])),
        _courses(answer, "tokens", lambda row, share: tokens(row, share) / 1e6, TOKENS),
        _courses(answer, "operations", lambda row, share: flops(row, share) * factor, operations),
    ]


def described(answer: Answer) -> str:
    """A chart of the experiment in words, for who cannot see it."""
    means = "; ".join(f"{row.cell.label} {row.mean()}" for row in answer.rows if row.records)
    return f"{answer.experiment.question} {LOSS.capitalize()}: {means}."


def axis_value(row: Row) -> float | str:
    """A cell's place on its experiment's axis: a number, or a name."""
    value = row.cell.value
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else as_text(value)


def student_steps_of(row: Row) -> float:
    """A row's operations in units of one training step of its own student."""
    profile, pieces = row.cell.profile, row.metrics["pieces"]
    shape, batch = Plan(profile).shape_of(pieces), profile.stage_two.batch_size
    return student_steps(row.spent("flops"), shape, batch, profile.mixing.length)


def _over(answer: Answer, name: str, x: Callable[[Row], float | str], label: str) -> Chart:
    lines = answer.lines()
    places = [x(row) for rows in lines.values() for row in rows]
    named = any(isinstance(place, str) for place in places)
    if named:
        axis = Axis(label, "categories", categories=tuple(dict.fromkeys(map(str, places))))
    else:
        numbers = sorted({float(place) for place in places})
        ticks = tuple((number, _short(number)) for number in numbers) if x is axis_value else ()
        axis = Axis(label, _scale(numbers), ticks=ticks)
    points: dict[str, list[tuple[float | str, float, float]]] = {}
    for line, rows in lines.items():
        points[line or "mean over seeds"] = [
            (str(x(row)) if named else x(row), _mean(row).mean, _mean(row).half_width) for row in rows
        ]
    losses = [loss for line in points.values() for _, loss, _ in line]
    y = Axis(LOSS, decimals=3, covers=_at_least(losses))
    return curves(answer.title, axis, y, points, bands=False, references=_guess(answer, "y", "word"), name=name)


def _courses(answer: Answer, name: str, x: Callable[[Row, float], float], label: str = "") -> Chart:
    rows = [row for row in answer.rows if row.records]
    # A start has one colour, with stage I and without: its label is what stands before what was done with it.
    starts = [row.cell.label.partition(" + ")[0] for row in rows]
    colours = list(dict.fromkeys(starts))
    ratio = max((row.spent("flops", [STAGE_ONE]) / row.spent("flops", [STAGE_TWO]) for row in rows), default=0.0)
    return curves(
        f"Stage I costs {ratio:.1f} times the operations of stage II",
        Axis(label or name),
        Axis("held-out loss behind [MASK] (nats a piece)", decimals=3),
        {row.cell.label: _course(row, x) for row in rows},
        dashes=["solid" if row.spent("steps", [STAGE_ONE]) > 0 else "dashed" for row in rows],
        colours=[colours.index(start) for start in starts],
        references=_guess(answer, "y", "masked"),
        name=name,
    )


def _course(row: Row, x: Callable[[Row, float], float]) -> list[tuple[float, float]]:
    """(x, mean loss over seeds) at each evaluation after the first."""
    evaluations = list(zip(*(record["curves"]["stage_two"] for record in row.records.values()), strict=True))[1:]
    last = evaluations[-1][0]["step"]
    return [
        (x(row, seeds[0]["step"] / last), sum(seed["masked"] for seed in seeds) / len(seeds)) for seeds in evaluations
    ]


def _kind(row: Row) -> tuple[str, int]:
    """By what may be said of a row."""
    if row.comparison is None or not row.comparison.finding:
        return OPEN
    return BETTER if row.comparison.estimate.mean < 0 else WORSE


def _guess(answer: Answer, axis: Literal["x", "y"], of: str) -> list[Reference]:
    guess = answer.guess(of)
    return [] if guess is None else [Reference(axis, guess, "guessing by frequency")]


def _has_baselines_size(answer: Answer, row: Row) -> bool:
    """Whether a cell and its baseline have equally many pieces: between sizes, differences are of another order."""
    other = next((each for each in answer.rows if each.cell is row.baseline), row)
    return len({record["metrics"]["pieces"] for each in (row, other) for record in each.records.values()}) == 1


def _operations(answer: Answer) -> tuple[float, str]:
    """The unit in which operations are drawn: a factor, and the axis' label."""
    largest = max((row.spent("flops") for row in answer.rows if row.records), default=1.0)
    power = 3 * math.floor(math.log10(largest) / 3)
    superscript = str(power).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return 10.0**-power, f"floating-point operations (10{superscript})"


def _scale(numbers: Sequence[float]) -> Scale:
    """Logarithmic where values span decades, linear near zero if zero is among them."""
    positive = [number for number in numbers if number > 0]
    if not positive or positive[-1] / positive[0] <= 8:
        return "linear"
    return "log" if numbers[0] > 0 else "symlog"


def _short(number: float) -> str:
    """Short enough to stand beside others: 7000 is 7K."""
    return f"{number / 1000:g}K" if number >= 1000 and number % 100 == 0 else f"{number:g}"


def _at_least(losses: Sequence[float]) -> tuple[float, float]:
    """Ends that an axis of these losses has to reach."""
    middle = (min(losses) + max(losses)) / 2
    return middle - LEAST / 2, middle + LEAST / 2


def _mean(row: Row) -> Estimate:
    mean = row.mean()
    assert mean is not None
    return mean
