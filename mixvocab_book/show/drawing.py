"""Draw charts as pictures: for JupyterLab, for print, and for pages without scripts."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from itertools import cycle

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mixvocab.widgets.charts import INK, Axis, Chart, Series
from mixvocab_book.show.labels import label_points

MARKERS = {"circle": "o", "square": "s", "triangle": "^", "diamond": "D", "star": "*", "none": ""}
DASHES = {"solid": "-", "dashed": "--", "dotted": ":"}
MARKER_SIZE = 7.0  # points


def draw(charts: Sequence[Chart]) -> Figure:
    """A new figure of one chart, or of several as panels under the first one's title, with one legend.

    To be called within `figures.style`, as `figures.show_chart` does. A single chart is narrow enough that its text
    keeps its size on a phone. Raises ValueError if the names of points find no room.
    """
    columns = min(2, len(charts))
    lines = math.ceil(len(charts) / columns)
    names = {name for chart in charts for name in _names(chart)}
    width, height = (9.0, 3.0 * lines) if columns > 1 else (5.2 + 0.4 * _has_rows(charts[0]), _height(charts[0]))
    beside = 2 if max(map(len, names)) < 5.2 * width else 1  # names of the legend in a line
    height += 0.24 * math.ceil(len(names) / beside)
    figure, grid = plt.subplots(lines, columns, figsize=(width, height), squeeze=False)
    panels = list(zip(grid.flat, charts, strict=False))
    for axes, chart in panels:
        _draw(axes, chart)
        if len(charts) > 1 and chart.name not in (chart.x.label, chart.y.label):
            axes.set_title(chart.name)
    for axes in grid.flat[len(charts) :]:
        axes.remove()
    title = "\n".join(textwrap.fill(line, int(9.4 * width)) for line in charts[0].title.splitlines())
    figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold")
    handles = {
        name: handle for axes in figure.axes for handle, name in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    if len(handles) > 1:
        figure.legend(
            handles.values(), handles, loc="outside lower center", ncols=beside, fontsize=10, handlelength=3.0
        )
    for axes, chart in panels:
        if _has_names(chart):
            label_points(figure, axes, chart.series, MARKER_SIZE)
    return figure


def _has_rows(chart: Chart) -> bool:
    return chart.y.scale == "categories"


def _has_names(chart: Chart) -> bool:
    return any(point.label for series in chart.series for point in series.points)


def _names(chart: Chart) -> list[str]:
    """What the legend lists."""
    return [series.name for series in chart.series] + [line.label for line in chart.references]


def _height(chart: Chart) -> float:
    """Inches without the legend: more for more rows, and for more points with names."""
    if _has_rows(chart):
        return 1.4 + 0.36 * len(chart.y.categories)
    points = sum(len(series.points) for series in chart.series)
    return 4.2 + 0.15 * max(0, points - 10) if _has_names(chart) else 3.8


def _draw(axes: Axes, chart: Chart) -> None:
    """Series over reference lines, on the chart's axes."""
    dashes = dict(zip(dict.fromkeys(line.label for line in chart.references), cycle((":", "--", "-.")), strict=False))
    for line in chart.references:
        across = axes.axvline if line.axis == "x" else axes.axhline
        across(line.value, color="gray", linestyle=dashes[line.label], linewidth=1.4, label=line.label)
    for series in chart.series:
        _draw_series(axes, chart, series)
    if _has_names(chart):
        axes.margins(0.07)  # room for names at the sides
    _set_axis(axes, "x", chart.x, [point.x for series in chart.series for point in series.points])
    _set_axis(axes, "y", chart.y, [point.y for series in chart.series for point in series.points])
    if _has_rows(chart):
        axes.set_ylim(len(chart.y.categories) - 0.5, -0.5)


def _draw_series(axes: Axes, chart: Chart, series: Series) -> None:
    palette = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
    colour = mpl.rcParams["text.color"] if series.colour == INK else palette[series.colour % len(palette)]
    x = [_place(chart.x, point.x) for point in series.points]
    y = [_place(chart.y, point.y) for point in series.points]
    _draw_intervals(axes, series, x, y, colour, rows=_has_rows(chart))
    axes.plot(
        x,
        y,
        linestyle=DASHES[series.dash] if series.line else "none",
        marker=MARKERS[series.mark],
        color=colour,
        markerfacecolor="none" if series.hollow else colour,
        markersize=MARKER_SIZE / 2 if series.colour == INK else MARKER_SIZE,
        markevery=math.ceil(len(x) / 10) if series.line else 1,
        zorder=4 if series.colour == INK else 3,
        label=series.name,
    )


def _draw_intervals(
    axes: Axes, series: Series, x: Sequence[float], y: Sequence[float], colour: str, *, rows: bool
) -> None:
    """The intervals around points that have one: along x where the chart has `rows`, else along y."""
    intervals = [
        (across, up, point.low, point.high)
        for across, up, point in zip(x, y, series.points, strict=True)
        if point.low is not None and point.high is not None
    ]
    if not intervals:
        return
    places, means, low, high = map(list, zip(*intervals, strict=True))
    if series.band:
        axes.fill_between(places, low, high, color=colour, alpha=0.2, linewidth=0)
        return
    middle = places if rows else means
    ends = [
        [m - end for m, end in zip(middle, low, strict=True)],
        [end - m for m, end in zip(middle, high, strict=True)],
    ]
    axes.errorbar(places, means, xerr=ends if rows else None, yerr=None if rows else ends, fmt="none", color=colour,
                  capsize=3, linewidth=1.6)  # fmt: skip


def _set_axis(axes: Axes, side: str, axis: Axis, values: Sequence[float | str]) -> None:
    """The scale, ticks, reach and label of one side, "x" or "y"."""
    across = side == "x"
    set_scale, set_ticks = (axes.set_xscale, axes.set_xticks) if across else (axes.set_yscale, axes.set_yticks)
    if axis.scale == "log":
        set_scale("log")
        (axes.xaxis if across else axes.yaxis).set_major_formatter("{x:g}")
    elif axis.scale == "symlog":
        set_scale("symlog", linthresh=min(value for value in values if float(value) > 0), linscale=0.6)
    for value in axis.covers:
        axes.update_datalim([(value, value)], updatex=across, updatey=not across)
    axes.autoscale_view()
    if axis.ticks or axis.categories:
        limits = axes.get_xlim() if across else axes.get_ylim()
        ticks = axis.ticks or [(place, textwrap.fill(name, 30)) for place, name in enumerate(axis.categories)]
        set_ticks(*zip(*ticks, strict=True))
        set_ticks([], minor=True)
        (axes.set_xlim if across else axes.set_ylim)(limits)  # ticks beyond the data have widened it
    room = 44 if across else 28
    label = axis.label if len(axis.label) <= room else axis.label.replace(" (", "\n(")  # the unit below
    (axes.set_xlabel if across else axes.set_ylabel)("\n".join(textwrap.fill(line, room) for line in label.split("\n")))
    if axis.scale == "categories" and not across:
        axes.set_ylabel("")  # the rows' names say it
        axes.grid(False, axis="y")


def _place(axis: Axis, value: float | str) -> float:
    return axis.categories.index(str(value)) if axis.scale == "categories" else float(value)
