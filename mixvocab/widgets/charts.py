"""What an interactive chart shows, as data: series of points, axes with their units, the finding as its title.

The page's script `js/chart/` draws it; `mixvocab_book.show.figures` puts it beside the picture of the same data, which
stays for JupyterLab, for print and for pages without scripts. Numbers that are not finite raise ValueError.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from pydantic import FiniteFloat, TypeAdapter
from pydantic.dataclasses import dataclass

from mixvocab.evaluate.stats import Estimate
from mixvocab.widgets.element import element

Scale = Literal["linear", "log", "symlog", "categories"]
Dash = Literal["solid", "dashed", "dotted"]
Mark = Literal["circle", "square", "triangle", "diamond", "star"]
Value = FiniteFloat | str

MARKS: tuple[Mark, ...] = ("circle", "square", "triangle", "diamond", "star")
INK = -1
"""Instead of a number in the palette: the colour of text."""


@dataclass(frozen=True)
class Axis:
    """What is read along an axis."""

    label: str  # with its unit
    scale: Scale = "linear"  # "symlog" is linear below the least positive value, logarithmic above
    categories: tuple[str, ...] = ()  # their names in order, where the scale is "categories"
    ticks: tuple[tuple[float, str], ...] = ()  # where, and what is written there; empty: the script chooses
    covers: tuple[float, ...] = ()  # values that the axis reaches whatever is drawn
    decimals: int | None = None  # of the values as told to the reader; None: four significant digits
    compact: bool = False  # tell 11170560 as 11.2M


@dataclass(frozen=True)
class Point:
    """One point: numbers, or the name of a category where the axis has categories."""

    x: Value
    y: Value
    low: FiniteFloat | None = None  # of the interval around it, along y, or along x where y has categories
    high: FiniteFloat | None = None
    label: str = ""  # its name, written beside it where there is room
    note: str = ""  # told with its values


@dataclass(frozen=True)
class Series:
    """Points of one kind, in the order in which a reader goes through them."""

    name: str
    points: tuple[Point, ...]
    colour: int = 0  # number in the palette, or INK
    mark: Mark = "circle"
    line: bool = False  # whether neighbours are joined
    dash: Dash = "solid"
    band: bool = False  # whether intervals are one area instead of bars
    hollow: bool = False  # for what others published


@dataclass(frozen=True)
class Reference:
    """A line across the chart at a value of x or of y, and what it stands for."""

    axis: Literal["x", "y"]
    value: float
    label: str


@dataclass(frozen=True)
class Chart:
    """A chart. `name` tells it from others that a reader chooses among, in one place.

    Raises ValueError if there are no points, or one that its axes cannot hold.
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
        places = [(self.x, point.x) for point in points] + [(self.y, point.y) for point in points]
        for axis, value in places:
            number = not isinstance(value, str) and (axis.scale != "log" or value > 0)
            if not (value in axis.categories if axis.scale == "categories" else number):
                raise ValueError(f"chart {self.title!r}: {value!r} cannot stand on the axis {axis.label!r}")

    def to_json(self) -> dict[str, Any]:
        """The chart as JSON; what is as by default is left out."""
        return TypeAdapter(Chart).dump_python(self, mode="json", exclude_defaults=True)


def chart_element(charts: Sequence[Chart], description: str, fallback: str) -> str:
    """HTML where the page's script draws the chart, or the one of several, by name, that the reader chooses.

    `description`: what is seen, for readers who cannot see it. `fallback`: HTML without a script and in print.
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
            mark=MARKS[number % len(MARKS)],
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
    single = tuple(Point(value, row) for row, values in singles.items() for value in values)
    series = [Series("single seeds", single, INK, "diamond", hollow=True)] if single else []
    named = kinds or dict.fromkeys(means, ("mean over seeds", 0))
    for name, colour in dict.fromkeys(named[row] for row in means):
        points = tuple(_estimated(row, value) for row, value in means.items() if named[row] == (name, colour))
        series.append(Series(name, points, colour))
    return Chart(title, x, Axis(y, "categories", categories=tuple(means)), tuple(series), tuple(references))


def _estimated(row: str, value: Estimate) -> Point:
    low, high = (None, None) if math.isnan(value.half_width) else (value.low, value.high)
    return Point(value.mean, row, low, high, note=f"seeds: {value.n}")


def _point(x: Value, y: float, half_width: float = math.nan) -> Point:
    return Point(x, y) if math.isnan(half_width) else Point(x, y, y - half_width, y + half_width)
