"""Draw a chart as a picture: for JupyterLab, for print, and for pages without scripts."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from itertools import cycle, product

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from mixvocab.widgets.charts import INK, Axis, Chart, Series

MARKERS = {"circle": "o", "square": "s", "triangle": "^", "diamond": "D", "star": "*"}
MARKER_SIZE = 7.0  # points


def draw(chart: Chart) -> Figure:
    """A new figure, so narrow that its text keeps its size on a phone; to be called within `figures.style`."""
    rows, names = len(chart.y.categories), len(chart.series) + len(chart.references)
    named = sum(bool(point.label) for series in chart.series for point in series.points)
    figure, axes = plt.subplots(figsize=(5.2, 0.24 * names + max(4.0, 1.4 + 0.36 * rows, 0.27 * named)))
    for line, dash in zip(chart.references, cycle((":", "--", "-.")), strict=False):
        across = axes.axvline if line.axis == "x" else axes.axhline
        across(line.value, color="gray", linestyle=dash, linewidth=1.4, label=line.label)
    axes.margins(0.07)  # room for names at the sides
    for series in chart.series:
        _draw_series(axes, chart, series)
    _set_axis(axes, "x", chart.x)
    _set_axis(axes, "y", chart.y)
    if rows:
        axes.set(ylim=(rows - 0.5, -0.5), ylabel="")  # the rows' names say it
        axes.grid(False, axis="y")
    filled = "\n".join(_filled(line, 48) for line in chart.title.splitlines())
    figure.suptitle(filled, x=0.01, ha="left", fontsize=12, fontweight="bold")
    if names > 1:
        figure.legend(loc="outside lower center", fontsize=10, handlelength=3)
    _name_points(figure, axes, chart)
    return figure


def _filled(text: str, width: int) -> str:
    return textwrap.fill(text, width, break_on_hyphens=False)


def _draw_series(axes: Axes, chart: Chart, series: Series) -> None:
    palette = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
    colour = mpl.rcParams["text.color"] if series.colour == INK else palette[series.colour % len(palette)]
    x = np.array([_place(chart.x, point.x) for point in series.points])
    y = np.array([_place(chart.y, point.y) for point in series.points])
    low, high = np.array([(point.low, point.high) for point in series.points], dtype=np.float64).T  # None: nan
    axes.plot(
        x,
        y,
        linestyle=series.dash if series.line else "none",
        marker=MARKERS[series.mark],
        color=colour,
        markerfacecolor="none" if series.hollow else colour,
        markersize=MARKER_SIZE / 2 if series.colour == INK else MARKER_SIZE,
        markevery=math.ceil(len(x) / 10) if series.line else 1,
        zorder=4 if series.colour == INK else 3,
        label=series.name,
    )
    if series.line:
        axes.fill_between(x, low, high, color=colour, alpha=0.2, linewidth=0)
    elif chart.y.categories:
        axes.hlines(y, low, high, color=colour, linewidth=1.6)
    else:
        axes.vlines(x, low, high, color=colour, linewidth=1.6)


def _set_axis(axes: Axes, side: str, axis: Axis) -> None:
    line, room = (axes.xaxis, 44) if side == "x" else (axes.yaxis, 28)
    if axis.scale == "log":
        axes.set(**{f"{side}scale": "log"})
    axes.autoscale_view()
    limits = getattr(axes, f"get_{side}lim")()
    ticks: Sequence[tuple[float, str]] = axis.ticks or [
        (place, _filled(name, 30)) for place, name in enumerate(axis.categories)
    ]
    if axis.scale == "log" and not ticks:
        ticks = [(place, f"{place:g}") for place in _decades(*limits)]
    if ticks:
        line.set_ticks(*zip(*ticks, strict=True))
        line.set_ticks([], minor=True)
    axes.set(**{f"{side}lim": limits, f"{side}label": _filled(axis.label, room)})  # ticks may have widened it


def _decades(low: float, high: float, most: int = 7) -> list[float]:
    """Round numbers of a logarithmic axis: as many in each power of ten as there is room for, as in the live chart."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    choices = [
        [place for power in powers for factor in factors if low <= (place := factor * 10.0**power) <= high]
        for factors in ((1, 2, 3, 5), (1, 2, 5), (1, 3), (1,))
    ]
    return next((found for found in choices if len(found) <= most), choices[-1])


def _place(axis: Axis, value: float | str) -> float:
    return axis.categories.index(str(value)) if axis.categories else float(value)


def _name_points(figure: Figure, axes: Axes, chart: Chart) -> None:
    """Write the points' names, each as near as there is room without hiding another name, a point or its interval."""
    points = [(point, series.hollow) for series in chart.series for point in series.points if point.label]
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # names must not move what they have been fitted to
    taken = []
    for point, _ in points:
        ends = [(point.x, point.y if end is None else end) for end in (point.low, point.high)]
        interval = axes.transData.transform(np.array(ends, dtype=np.float64))
        taken.append(Bbox(interval).padded(MARKER_SIZE / 2 * figure.dpi / 72))
    distances = np.arange(0.8, 16, 0.25) * MARKER_SIZE
    sides = sorted(product((1, 0, -1), repeat=2), key=lambda side: abs(side[0]) + abs(side[1]))[1:]
    for point, hollow in sorted(points, key=lambda each: -len(each[0].label)):  # the longest are hardest to place
        name = axes.annotate(
            point.label,
            (point.x, point.y),
            (0, 0),
            textcoords="offset points",
            fontsize=9.5,
            fontweight="normal" if hollow else "bold",
            arrowprops={"arrowstyle": "-", "linewidth": 0.6, "shrinkA": 0, "shrinkB": MARKER_SIZE},
        )
        for distance, (across, up) in product(distances, sides):
            name.set_position((across * distance, up * distance))
            name.set(ha=("center", "left", "right")[across], va=("center", "bottom", "top")[up])
            name.update_positions(figure.canvas.get_renderer())  # type: ignore[attr-defined]
            box = Text.get_window_extent(name)  # without the line that leads to the point
            if all(axes.bbox.contains(*corner) for corner in box.corners()) and not box.count_overlaps(taken):
                break
        taken.append(box)
