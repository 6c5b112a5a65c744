"""What an interactive chart shows, as data: series of points, axes with their units, the finding as its title.

The page's script `js/chart/` draws it; `mixvocab_book.show.figures` puts it beside the picture of the same data, which
stays for JupyterLab, for print and for pages without scripts. Numbers that are not finite raise ValueError.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, get_args

from pydantic import FiniteFloat, TypeAdapter
from pydantic.dataclasses import dataclass

from mixvocab.evaluate.stats import Estimate
from mixvocab.widgets.element import element

Scale = Literal["linear", "log", "categories"]
Dash = Literal["solid", "dashed", "dotted"]
Mark = Literal["circle", "square", "triangle", "diamond", "star"]
Value = FiniteFloat | str

MARKS: tuple[Mark, ...] = get_args(Mark)
INK = -1
"""Instead of a number in the palette: the colour of text."""


@dataclass(frozen=True)
class Axis:
    """What is read along an axis."""

    label: str  # with its unit
    scale: Scale = "linear"
    categories: tuple[str, ...] = ()  # their names in order, where the scale is "categories"
    ticks: tuple[tuple[float, str], ...] = ()  # where, and what is written there; empty: the script chooses
    decimals: int | None = None  # of the values as told to the reader; None: four significant digits


@dataclass(frozen=True)
class Point:
    """One point: numbers, or the name of a category where the axis has categories."""

    x: Value
    y: Value
    low: FiniteFloat | None = None  # of the interval around it, along y, or along x where y has categories
    high: FiniteFloat | None = None
    label: str = ""  # its name, written beside it where there is room


@dataclass(frozen=True)
class Series:
    """Points of one kind, in the order in which a reader goes through them."""

    name: str
    points: tuple[Point, ...]
    colour: int = 0  # number in the palette, or INK
    mark: Mark = "circle"
    line: bool = False  # whether neighbours are joined, and their intervals one area instead of bars
    dash: Dash = "solid"
    hollow: bool = False  # for what others published


@dataclass(frozen=True)
class Reference:
    """A line across the chart at a value of x or of y, and what it stands for."""

    axis: Literal["x", "y"]
    value: float
    label: str


@dataclass(frozen=True)
class Chart:
    """A chart. `name` tells it from others that a reader chooses among, in one place."""

    title: str
    x: Axis
    y: Axis
    series: tuple[Series, ...]
    references: tuple[Reference, ...] = ()
    name: str = ""


def chart_element(charts: Sequence[Chart], description: str, fallback: str) -> str:
    """HTML where the page's script draws the chart, or the one of several, by name, that the reader chooses.

    `description`: what is seen, for readers who cannot see it. `fallback`: HTML without a script and in print.
    """
    return element("chart", {"charts": specified(charts), "description": description}, fallback)


def specified(charts: Sequence[Chart]) -> list[dict[str, Any]]:
    """The charts as JSON for scripts; what is a default is left out."""
    return TypeAdapter(Sequence[Chart]).dump_python(charts, mode="json", exclude_defaults=True)


def curves(
    title: str,
    x: Axis,
    y: Axis,
    lines: Mapping[str, Iterable[Sequence[Any]]],
    *,
    dashes: Sequence[Dash] = (),
    references: Sequence[Reference] = (),
    name: str = "",
) -> Chart:
    """A chart of one line a name, through (x, y) or (x, y, half the width of its interval).

    `dashes`: of the lines, in order.
    """
    series = tuple(
        Series(
            label,
            tuple(Point(x, y, *_interval(y, *width)) for x, y, *width in points),
            colour=number % 7,
            mark=MARKS[number % len(MARKS)],
            line=True,
            dash=dashes[number] if dashes else "solid",
        )
        for number, (label, points) in enumerate(lines.items())
    )
    return Chart(title, x, y, series, tuple(references), name)


def dots(
    title: str,
    x: Axis,
    means: Mapping[str, Estimate],
    singles: Mapping[str, Sequence[float]],
    kinds: Mapping[str, tuple[str, int]],
    references: Sequence[Reference] = (),
) -> Chart:
    """A chart of one row a student: the mean with its interval, and the single values behind it.

    `kinds`: row -> the series that its mean belongs to, and that series' colour.
    """
    single = tuple(Point(value, row) for row, values in singles.items() for value in values)
    series = [Series("single seeds", single, INK, "diamond", hollow=True)] if single else []
    for name, colour in dict.fromkeys(kinds[row] for row in means):
        points = tuple(
            Point(value.mean, row, *_interval(value.mean, value.half_width))
            for row, value in means.items()
            if kinds[row] == (name, colour)
        )
        series.append(Series(name, points, colour))
    return Chart(title, x, Axis("student", "categories", categories=tuple(means)), tuple(series), tuple(references))


def _interval(mean: float, half_width: float = math.nan) -> tuple[float | None, float | None]:
    return (None, None) if math.isnan(half_width) else (mean - half_width, mean + half_width)
