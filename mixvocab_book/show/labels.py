"""Names beside the points of a picture, none over another, over a point or over an interval."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from mixvocab.widgets.charts import Series

FONT_SIZE = 9.5  # points
# Right, left, above and below before the corners.
SIDES = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1))


def label_points(figure: Figure, axes: Axes, many: Sequence[Series], marker_size: float) -> None:
    """Write the points' labels, each as near as there is room; a thin line leads to those that are not next to theirs.

    Args:
        figure: its layout is fixed from here on.
        axes: with the points drawn, linear or logarithmic.
        many: the series drawn there; names of hollow ones are not bold.
        marker_size: of the points, in typographic points.

    Raises:
        ValueError: if a label finds no room.
    """
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # labels must not move what they have been fitted to
    unit = figure.dpi / 72  # pixels a typographic point
    points = [(point, not series.hollow) for series in many for point in series.points]
    half = marker_size / 2 * unit
    taken = []
    for point, _ in points:
        ends = (point.y, point.y) if point.low is None else (point.low, point.high)
        (x, low), (_, high) = axes.transData.transform(np.array([(point.x, end) for end in ends], dtype=np.float64))
        taken.append(Bbox([[x - half, low - half], [x + half, high + half]]))
    for point, ours in sorted(points, key=lambda each: -len(each[0].label)):  # the longest are hardest to place
        text = axes.annotate(
            point.label,
            (point.x, point.y),
            (0, 0),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=FONT_SIZE,
            fontweight="bold" if ours else "normal",
        )
        x, y = axes.transData.transform((point.x, point.y))
        size = text.get_window_extent()
        around = _boxes_around(x, y, size.width + 2 * unit, size.height, marker_size * unit)
        free = (box for box in around if _inside(box, axes.bbox) and not any(box.overlaps(other) for other in taken))
        box = next(free, None)
        if box is None:
            raise ValueError(f"{len(points)} labels do not fit into the figure: make it larger, or show fewer")
        taken.append(box)
        text.set_position((((box.x0 + box.x1) / 2 - x) / unit, ((box.y0 + box.y1) / 2 - y) / unit))
        near = (min(max(x, box.x0), box.x1), min(max(y, box.y0), box.y1))
        if math.dist((x, y), near) > 2 * marker_size * unit:
            line = axes.transData.inverted().transform([(x, y), near])
            axes.plot(*line.T, color=mpl.rcParams["text.color"], linewidth=0.6, alpha=0.7, zorder=1)


def _boxes_around(x: float, y: float, width: float, height: float, marker: float) -> Iterator[Bbox]:
    """Places for a box beside a point, all in pixels, the nearest first."""
    for step in range(60):
        for across, up in SIDES:
            gap = marker * (1.1 + step / 4) / math.hypot(across, up)
            left, bottom = x + across * (gap + width / 2) - width / 2, y + up * (gap + height / 2) - height / 2
            yield Bbox.from_bounds(left, bottom, width, height)


def _inside(box: Bbox, frame: Bbox) -> bool:
    return bool(frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1)
