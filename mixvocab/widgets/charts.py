"""What an interactive chart shows, as data: series of points, axes with their units, the finding as its title.

The page's script `js/chart/` draws it; `mixvocab_book.show.figures` puts it beside the picture of the same data, which
stays for JupyterLab, for print and for pages without scripts.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

from mixvocab.evaluate.stats import Estimate
from mixvocab.widgets.element import element

Scale = Literal["linear", "log", "symlog", "categories"]
Dash = Literal["solid", "dashed", "dotted"]
Mark = Literal["circle", "square", "triangle", "diamond", "star", "none"]
Value = float | str

INK = -1
"""Instead of a number in the palette: the colour of text."""


@dataclass(frozen=True)
class Axis:
    """What is read along an axis.

    Attributes:
        label: what it is, with its unit.
        scale: "symlog" is linear below the least positive value, logarithmic above.
        categories: their names in order, where the scale is "categories".
        ticks: where, and what is written there; empty: the script chooses.
        covers: values that the axis reaches whatever is drawn.
        decimals: of the values as told to the reader; None: four significant digits.
        compact: tell 11170560 as 11.2M.
    """

    label: str
    scale: Scale = "linear"
    categories: tuple[str, ...] = ()
    ticks: tuple[tuple[float, str], ...] = ()
    covers: tuple[float, ...] = ()
    decimals: int | None = None
    compact: bool = False


@dataclass(frozen=True)
class Point:
    """One point: numbers, or the name of a category where the axis has categories.

    Attributes:
        low, high: the interval around it, along y, or along x where y has categories.
        label: its name, written beside it where there is room.
        note: told with its values.
    """

    x: Value
    y: Value
    low: float | None = None
    high: float | None = None
    label: str = ""
    note: str = ""


@dataclass(frozen=True)
class Series:
    """Points of one kind, in the order in which a reader goes through them.

    Attributes:
        colour: number in the palette, or INK.
        line: whether neighbours are joined; band: whether intervals are one area instead of bars.
        hollow: for what others published.
    """

    name: str
    points: tuple[Point, ...]
    colour: int = 0
    mark: Mark = "circle"
    line: bool = False
    dash: Dash = "solid"
    band: bool = False
    hollow: bool = False


@dataclass(frozen=True)
class Reference:
    """A line across the chart at a value of x or of y, and what it stands for."""

    axis: Literal["x", "y"]
    value: float
    label: str


@dataclass(frozen=True)
class Chart:
    """A chart. `name` tells it from others that a reader chooses among, in one place.

    Raises ValueError for what cannot be drawn: no points, numbers that are not finite or, on a logarithmic axis, not
    positive.
    """

    title: str
    x: Axis
    y: Axis
    series: tuple[Series, ...]
    references: tuple[Reference, ...] = ()
    name: str = ""

    def __post_init__(self) -> None:
        points = [point for series in self.series for point in series.points]
        if not points:
            raise ValueError(f"chart {self.title!r}: no points")
        across = self.y.scale == "categories"  # intervals lie along x then
        for axis, values in ((self.x, [p.x for p in points]), (self.y, [p.y for p in points])):
            ends = [v for p in points for v in (p.low, p.high) if v is not None] if (axis is self.x) == across else []
            _check(self.title, axis, [*values, *ends])

    def to_json(self) -> dict[str, Any]:
        """The chart as JSON; what is as by default is left out."""
        return _sparse(self)


def chart_element(charts: Sequence[Chart], description: str, fallback: str) -> str:
    """HTML where the page's script draws the chart, or the one of several that the reader chooses.

    Args:
        charts: one, or several with different names.
        description: what is seen, for readers who cannot see it.
        fallback: HTML shown in its stead without a script and in print.
    """
    if len({chart.name for chart in charts}) != len(charts):
        raise ValueError("charts that a reader chooses among need different names")
    return element("chart", {"charts": [chart.to_json() for chart in charts], "description": description}, fallback)


def curves(
    title: str,
    x: Axis,
    y: Axis,
    lines: Mapping[str, Iterable[Sequence[Any]]],
    *,
    dashes: Sequence[Dash] = (),
    colours: Sequence[int] = (),
    bands: bool = True,
    references: Sequence[Reference] = (),
    name: str = "",
) -> Chart:
    """A chart of one line a name, through (x, y) or (x, y, half the width of its interval).

    `dashes`, `colours`: of the lines, in order. `bands`: intervals are areas, not bars.
    """
    series = tuple(
        Series(
            label,
            tuple(_point(*values) for values in points),
            colour=colours[number] if colours else number % 7,
            mark=_MARKS[number % len(_MARKS)],
            line=True,
            dash=dashes[number] if dashes else "solid",
            band=bands,
        )
        for number, (label, points) in enumerate(lines.items())
    )
    return Chart(title, x, y, series, tuple(references), name)


def dots(
    title: str,
    x: Axis,
    means: Mapping[str, Estimate],
    singles: Mapping[str, Sequence[float]],
    *,
    kinds: Mapping[str, tuple[str, int]] | None = None,
    references: Sequence[Reference] = (),
    y: str = "student",
) -> Chart:
    """A chart of one row a name: the mean with its interval, and the single values behind it.

    `kinds`: row -> the series that its mean belongs to and that series' colour; None: all belong to one.
    """
    single = tuple(Point(float(value), row) for row, values in singles.items() for value in values)
    series = [Series("single seeds", single, INK, "diamond", hollow=True)] if single else []
    named = kinds or dict.fromkeys(means, ("mean over seeds", 0))
    for name, colour in dict.fromkeys(named[row] for row in means):
        points = tuple(_estimated(row, value) for row, value in means.items() if named[row] == (name, colour))
        series.append(Series(name, points, colour))
    return Chart(title, x, Axis(y, "categories", categories=tuple(means)), tuple(series), tuple(references))


_MARKS: tuple[Mark, ...] = ("circle", "square", "triangle", "diamond", "star")


def _estimated(row: str, value: Estimate) -> Point:
    if math.isnan(value.half_width):
        return Point(value.mean, row, note="one seed")
    return Point(value.mean, row, value.low, value.high, note=f"{value.n} seeds")


def _point(x: Value, y: float, half_width: float = math.nan) -> Point:
    place = x if isinstance(x, str) else float(x)
    if math.isnan(half_width):
        return Point(place, float(y))
    return Point(place, float(y), float(y - half_width), float(y + half_width))


def _check(title: str, axis: Axis, values: Sequence[Value]) -> None:
    for value in values:
        if axis.scale == "categories":
            fits = value in axis.categories
        else:
            fits = not isinstance(value, str) and math.isfinite(value) and (value > 0 or axis.scale != "log")
        if not fits:
            raise ValueError(f"chart {title!r}: {value!r} cannot stand on the axis {axis.label!r} ({axis.scale})")


def _sparse(thing: Any) -> Any:
    """Dataclasses as dictionaries without the fields that have their default."""
    if isinstance(thing, tuple):
        return [_sparse(member) for member in thing]
    if not hasattr(thing, "__dataclass_fields__"):
        return float(f"{thing:.9g}") if isinstance(thing, float) else thing
    return {f.name: _sparse(v) for f in fields(thing) if (v := getattr(thing, f.name)) != f.default}
