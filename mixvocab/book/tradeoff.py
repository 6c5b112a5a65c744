"""The paper's claim as a figure: score against parameters, every published row hollow, ours filled."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import Bbox

from mixvocab.book.published import (
    GLUE_SCORES,
    SNIPS_SCORES,
    Ours,
    PublishedGlue,
    PublishedSnips,
    millions,
    percent,
    printed_size,
)
from mixvocab.stats import Estimate
from mixvocab.widgets.charts import Axis, Chart, Mark, Point, Series

_TITLES = GLUE_SCORES | SNIPS_SCORES | {"average": "GLUE average"}
_FAMILIES = {"Mixed-vocab": ("mixed-vocab", "D"), "NoKD": ("no distillation", "s")}
_OTHERS = ("other models", "o")
_SHAPES: dict[str, Mark] = {"D": "diamond", "s": "square", "o": "circle"}
_TICKS = tuple((factor * 10.0**power, f"{factor * 10**power / 1e6:g}M") for power in range(6, 10) for factor in (1, 3))
_LABEL_SIZE = 9.5
_MARKER = 8.0  # points
_Point = tuple[float, float]


@dataclass(frozen=True)
class _Mark:
    """One model in the figure."""

    name: str
    params: float
    score: Estimate
    ours: bool
    beside: str = ""

    @property
    def family(self) -> str:
        return next((family for family in _FAMILIES if self.name.startswith(family)), "")

    @property
    def label(self) -> str:
        """The name without its family, which the mark's shape and colour tell."""
        return self.name.removeprefix(self.family).strip() or self.name


def size_accuracy(
    published: Sequence[PublishedGlue] | Sequence[PublishedSnips],
    ours: Sequence[Ours],
    score: str,
    *,
    size: tuple[float, float] | None = None,
) -> Figure:
    """Draw `score` (a field of the published rows) against parameters on a logarithmic axis.

    Published rows are hollow, ours filled, with 95 % intervals where there are several seeds. Rows without this
    score are left out. No two labels overlap: by default, more models make a taller figure.
    To be called within `figures.style`, as `figures.show` does. Raises ValueError if `size` cannot hold the labels.
    """
    marks = _marks(published, ours, score)
    figure, axes = plt.subplots(figsize=size or (5.2, 5.0 + 0.15 * max(0, len(marks) - 10)))
    colours = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
    family_colour = dict(zip([*_FAMILIES, ""], colours, strict=False))
    for mark in marks:
        shape = _FAMILIES.get(mark.family, _OTHERS)[1]
        colour = family_colour[mark.family]
        if mark.ours and mark.score.n > 1:
            axes.errorbar(mark.params, mark.score.mean, mark.score.half_width, color=colour, capsize=3, linewidth=1.5)
        face = colour if mark.ours else "none"
        axes.plot(mark.params, mark.score.mean, shape, color=colour, markerfacecolor=face, markersize=_MARKER)
    axes.set_xscale("log")
    low, high = min(mark.params for mark in marks), max(mark.params for mark in marks)
    axes.set_xlim(low / 1.7, high * 1.7)
    axes.set_xticks(*zip(*_TICKS, strict=True))
    axes.set_xticks([], minor=True)
    axes.set_xlim(low / 1.7, high * 1.7)  # ticks beyond the data have widened it
    axes.margins(y=0.08)
    axes.set_xlabel("parameters (logarithmic)")
    axes.set_ylabel(f"{_TITLES[score]} (%)")
    figure.suptitle(finding(published, ours, score), x=0.02, ha="left", fontsize=12, fontweight="bold")
    figure.legend(handles=_legend(marks, family_colour), loc="outside lower center", ncols=2, fontsize=10)
    _label(figure, axes, marks)
    return figure


def finding(published: Sequence[PublishedGlue] | Sequence[PublishedSnips], ours: Sequence[Ours], score: str) -> str:
    """What the figure shows, in two lines: our best small model beside the paper's, or the paper's own claim."""
    marks = _marks(published, ours, score)
    rows = {mark.name: mark for mark in marks if not mark.ours}
    small = [mark for mark in marks if mark.ours and mark.family == "Mixed-vocab"]
    mine = max(small or [mark for mark in marks if mark.ours], key=lambda mark: mark.score.mean, default=None)
    title = _TITLES[score]
    if mine is None:
        students = [mark for mark in marks if mark.family == "Mixed-vocab"]
        smallest = min(students or marks, key=lambda mark: mark.params)
        largest = max(marks, key=lambda mark: mark.params)
        kept = smallest.score.mean / largest.score.mean
        return (
            f"{smallest.name}: {kept:.0%} of {largest.name}'s\n{title} "
            f"from 1/{largest.params / smallest.params:.0f} of its parameters"
        )
    twin = rows.get(mine.beside)
    if twin is None:
        return f"Ours with {millions(mine.params)} parameters:\n{title} {mine.score.mean:.1f}"
    gap = mine.score.mean - twin.score.mean
    way = "above" if gap > 0 else "below"
    return (
        f"Ours with {millions(mine.params)} parameters: {title} {mine.score.mean:.1f},\n"
        f"{abs(gap):.1f} points {way} the paper's {twin.label}"
    )


def size_accuracy_alt(
    published: Sequence[PublishedGlue] | Sequence[PublishedSnips], ours: Sequence[Ours], score: str
) -> str:
    """The figure for readers who cannot see it: its finding and every mark."""
    marks = _marks(published, ours, score)

    def told(mark: _Mark, size: str) -> str:
        return f"{mark.name} {size} {percent(mark.score)}"

    sizes = {row.label: printed_size(row) for row in published}
    listed = "; ".join(told(mark, sizes[mark.name]) for mark in marks if not mark.ours)
    text = f"Scatter plot of {_TITLES[score]} in percent against parameters on a logarithmic axis. Published: {listed}."
    if mine := "; ".join(told(mark, millions(mark.params)) for mark in marks if mark.ours):
        text += f" Ours: {mine}."
    return f"{text} {' '.join(finding(published, ours, score).split())}."


def size_accuracy_chart(
    published: Sequence[PublishedGlue] | Sequence[PublishedSnips], ours: Sequence[Ours], score: str
) -> Chart:
    """The same figure for readers to touch: a series for each family, published and ours."""
    marks = _marks(published, ours, score)
    groups: dict[tuple[str, bool], list[Point]] = {}
    for mark in marks:
        low, high = (None, None) if mark.score.n < 2 else (mark.score.low, mark.score.high)
        seeds = f"{mark.score.n} seed{'s' if mark.score.n > 1 else ''}" if mark.ours else ""
        point = Point(mark.params, mark.score.mean, low, high, mark.label, seeds)
        groups.setdefault((mark.family, mark.ours), []).append(point)
    series = [
        Series(
            f"{name}, {'ours' if mine else 'published'}",
            tuple(groups[family, mine]),
            colour,
            _SHAPES[shape],
            hollow=not mine,
        )
        for colour, (family, (name, shape)) in enumerate([*_FAMILIES.items(), ("", _OTHERS)])
        for mine in (False, True)
        if (family, mine) in groups
    ]
    x = Axis("parameters", "log", ticks=_TICKS, compact=True)
    y = Axis(f"{_TITLES[score]} (%)", decimals=1)
    return Chart(finding(published, ours, score), x, y, tuple(series))


def _marks(
    published: Sequence[PublishedGlue] | Sequence[PublishedSnips], ours: Sequence[Ours], score: str
) -> list[_Mark]:
    marks = [
        _Mark(row.label, row.params, Estimate(value, math.nan, 1), False)
        for row in published
        if (value := getattr(row, score)) is not None
    ]
    return marks + [
        _Mark(one.name, one.parameters, one.scores[score], True, one.beside) for one in ours if score in one.scores
    ]


def _legend(marks: Sequence[_Mark], colours: dict[str, str]) -> list[Line2D]:
    def handle(label: str, shape: str, colour: str, face: str) -> Line2D:
        return Line2D([], [], linestyle="", marker=shape, color=colour, markerfacecolor=face, label=label)

    handles = [
        handle(name, shape, colours[family], "none")
        for family, (name, shape) in (_FAMILIES | {"": _OTHERS}).items()
        if any(mark.family == family for mark in marks)
    ]
    if any(mark.ours for mark in marks):
        ink = mpl.rcParams["text.color"]
        handles += [handle("hollow: published", "o", ink, "none"), handle("filled: ours", "o", ink, ink)]
    return handles


def _label(figure: Figure, axes: Axes, marks: Sequence[_Mark]) -> None:
    """Name every mark, as near to it as other names, marks and intervals allow; a thin line leads to far ones."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # labels must not move what they have been fitted to
    scale = figure.dpi / 72
    spots = [_pixels(axes, mark.params, mark.score.mean) for mark in marks]
    taken = [_box(*spot, _MARKER * scale, _MARKER * scale) for spot in spots]
    for mark in marks:
        if mark.ours and mark.score.n > 1:
            (x, bottom), (_, top) = (_pixels(axes, mark.params, y) for y in (mark.score.low, mark.score.high))
            taken.append(Bbox([[x - 3 * scale, bottom], [x + 3 * scale, top]]))
    texts = [
        axes.annotate(
            mark.label,
            (mark.params, mark.score.mean),
            (0, 0),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=_LABEL_SIZE,
            fontweight="bold" if mark.ours else "normal",
        )
        for mark in marks
    ]
    sizes = [(extent.width + 2 * scale, extent.height) for extent in (text.get_window_extent() for text in texts)]
    boxes = _places(spots, sizes, taken, axes.get_window_extent(), scale)
    for text, spot, box in zip(texts, spots, boxes, strict=True):
        middle = (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2
        text.set_position(((middle[0] - spot[0]) / scale, (middle[1] - spot[1]) / scale))
        if (line := _leader(spot, box, scale)) is not None:
            (x0, y0), (x1, y1) = (axes.transData.inverted().transform(end) for end in line)
            axes.plot([x0, x1], [y0, y1], color=mpl.rcParams["text.color"], linewidth=0.6, alpha=0.7)


def _places(
    spots: Sequence[_Point], sizes: Sequence[_Point], taken: list[Bbox], inside: Bbox, scale: float
) -> list[Bbox]:
    """A box for every label, in pixels. One that finds no place goes first in another attempt."""
    order = list(range(len(spots)))
    for _ in range(4 * len(spots)):
        boxes: dict[int, Bbox] = {}
        for i in order:
            others = [*taken, *boxes.values()]
            others += [
                _box(*point, 1, 1) for j, box in boxes.items() for point in _along(_leader(spots[j], box, scale))
            ]
            box = next(_candidates(spots[i], sizes[i], others, inside, scale), None)
            if box is None:
                order = [i, *(j for j in order if j != i)]
                break
            boxes[i] = box
        else:
            return [boxes[i] for i in range(len(spots))]
    raise ValueError(f"{len(spots)} labels do not fit into the figure: make it larger, or show fewer models")


def _candidates(spot: _Point, size: _Point, taken: Sequence[Bbox], inside: Bbox, scale: float) -> Iterator[Bbox]:
    """Free places for a label, the nearest first, the plain sides before the corners."""
    width, height = size
    for step in range(40):
        gap = (_MARKER / 2 + 4 + 2 * step) * scale
        for turn in (0, 8, 4, 12, 2, 14, 6, 10, 1, 15, 7, 9, 3, 13, 5, 11):  # sixteenths of a circle
            across, up = math.cos(turn * math.pi / 8), math.sin(turn * math.pi / 8)
            box = _box(spot[0] + across * (gap + width / 2), spot[1] + up * (gap + height / 2), width, height)
            within = inside.x0 <= box.x0 and box.x1 <= inside.x1 and inside.y0 <= box.y0 and box.y1 <= inside.y1
            line = _along(_leader(spot, box, scale))
            if within and not any(o.overlaps(box) or any(o.contains(*point) for point in line) for o in taken):
                yield box


def _leader(spot: _Point, box: Bbox, scale: float) -> tuple[_Point, _Point] | None:
    """From the mark to the nearest point of a label's box, if that is not next to it; in pixels."""
    near = min(max(spot[0], box.x0), box.x1), min(max(spot[1], box.y0), box.y1)
    distance = math.dist(near, spot)
    if distance < (_MARKER / 2 + 8) * scale:
        return None
    share = (_MARKER + 1) / 2**0.5 * scale / distance  # begins clear of the mark's corners
    return (spot[0] + (near[0] - spot[0]) * share, spot[1] + (near[1] - spot[1]) * share), near


def _along(line: tuple[_Point, _Point] | None) -> list[_Point]:
    if line is None:
        return []
    (x0, y0), (x1, y1) = line
    return [(x0 + (x1 - x0) * i / 20, y0 + (y1 - y0) * i / 20) for i in range(20)]


def _pixels(axes: Axes, x: float, y: float) -> _Point:
    across, up = axes.transData.transform((x, y))
    return float(across), float(up)


def _box(x: float, y: float, width: float, height: float) -> Bbox:
    return Bbox.from_bounds(x - width / 2, y - height / 2, width, height)
