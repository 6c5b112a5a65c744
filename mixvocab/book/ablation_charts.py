"""The figures of chapter 07 for readers to touch: what `ablation_figures` draws, as charts of the page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from mixvocab.book import ablation_figures as figures
from mixvocab.book.ablations import Answer, Row
from mixvocab.stats import Estimate
from mixvocab.widgets.charts import Axis, Chart, Reference, Scale, curves, dots

# What a row's colour says, and its number in the palette.
_KINDS = {
    figures.OPEN: ("baseline, or no difference found", 0),
    figures.WORSE: ("higher than the baseline", 1),
    figures.BETTER: ("lower than the baseline", 2),
}


def cells(answer: Answer) -> Chart:
    """One row a cell: the mean with its interval, single seeds, the baseline as a line."""
    rows = {row.cell.label: row for row in answer.rows if row.records}
    means = {label: _mean(row) for label, row in rows.items()}
    return dots(
        answer.title,
        Axis(figures.LOSS, decimals=3, covers=_at_least([value for row in rows.values() for value in row.values()])),
        means,
        {label: row.values() for label, row in rows.items()},
        kinds={label: _KINDS[figures.colour_of(row)] for label, row in rows.items()},
        references=[
            *(Reference("x", means[label].mean, "baseline") for label, row in rows.items() if row.baseline is None),
            *_guess(answer, "x", "word"),
        ],
    )


def axes_of(answer: Answer) -> Mapping[str, Chart]:
    """The means over each of the experiment's axes, under the names of `ablation_figures.axes_of`."""
    return {
        name: _over(answer, x, label, ticked=name == "as varied") for name, (x, label) in figures.sides(answer).items()
    }


def courses_of(answer: Answer) -> Mapping[str, Chart]:
    """Loss during stage II, under the names of `ablation_figures.courses_of`."""
    rows = [row for row in answer.rows if row.records]
    starts = list(dict.fromkeys(figures.start_of(row) for row in rows))
    return {
        name: curves(
            figures.course_title(answer),
            Axis(label),
            Axis(figures.COURSE_LOSS, decimals=3),
            {row.cell.label: figures.course_points(row, x) for row in rows},
            dashes=["solid" if figures.is_taught(row) else "dashed" for row in rows],
            colours=[starts.index(figures.start_of(row)) for row in rows],
            references=_guess(answer, "y", "masked"),
        )
        for name, (x, label) in figures.course_sides(answer).items()
    }


def differences(found: Sequence[Answer]) -> Chart:
    """Every difference to a baseline of as many pieces, with its corrected interval; to the left is better."""
    rows = figures.compared(found)
    named = {f"{answer.experiment.name.replace('_', ' ')}: {row.cell.label}": row for answer, row in rows}
    return dots(
        figures.differences_title(rows),
        Axis(figures.DIFFERENCE, decimals=3),
        {name: row.comparison.estimate for name, row in named.items() if row.comparison},
        {},
        kinds={name: _KINDS[figures.colour_of(row)] for name, row in named.items()},
        references=[Reference("x", 0.0, "baseline")],
    )


def _over(answer: Answer, x: Callable[[Row], float | str], label: str, *, ticked: bool) -> Chart:
    lines = answer.lines()
    places = [x(row) for rows in lines.values() for row in rows]
    named = any(isinstance(place, str) for place in places)
    if named:
        axis = Axis(label, "categories", categories=tuple(dict.fromkeys(map(str, places))))
    else:
        numbers = sorted({float(place) for place in places})
        ticks = tuple(zip(numbers, figures.short(numbers), strict=True)) if ticked else ()
        axis = Axis(label, _scale(numbers), ticks=ticks)
    points: dict[str, list[tuple[float | str, float, float]]] = {}
    for name, rows in lines.items():
        line = points.setdefault(name or "mean over seeds", [])
        for row in rows:
            place, mean = x(row), _mean(row)
            line.append((str(place) if named else place, mean.mean, mean.half_width))
    losses = [mean for line in points.values() for _, mean, _ in line]
    y = Axis(figures.LOSS, decimals=3, covers=_at_least(losses))
    return curves(answer.title, axis, y, points, bands=False, references=_guess(answer, "y", "word"))


def _guess(answer: Answer, axis: Literal["x", "y"], of: str) -> list[Reference]:
    guess = answer.guess(of)
    return [] if guess is None else [Reference(axis, guess, figures.GUESSING)]


def _scale(numbers: Sequence[float]) -> Scale:
    """As `ablation_figures` chooses it: logarithmic where values span decades, linear near zero."""
    positive = [number for number in numbers if number > 0]
    if not positive or positive[-1] / positive[0] <= 8:
        return "linear"
    return "log" if numbers[0] > 0 else "symlog"


def _at_least(values: Sequence[float]) -> tuple[float, ...]:
    """Ends that an axis has to reach so that a difference that is noise does not fill the chart."""
    middle = (min(values) + max(values)) / 2
    return (middle - figures.LEAST / 2, middle + figures.LEAST / 2)


def _mean(row: Row) -> Estimate:
    mean = row.mean()
    assert mean is not None
    return mean
