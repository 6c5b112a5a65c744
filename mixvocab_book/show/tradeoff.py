"""The paper's claim as a chart: score against parameters, every published row hollow, ours filled."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from mixvocab.evaluate.stats import Estimate
from mixvocab.widgets.charts import Axis, Chart, Mark, Point, Series
from mixvocab_book.show.paper_tables import (
    GLUE_SCORES,
    SNIPS_SCORES,
    Ours,
    Published,
    printed_size,
)
from mixvocab_book.show.tables import millions, plus_minus

MIXED, NOKD, OTHER = "Mixed-vocab", "NoKD", ""
# What a model's name begins with: the family's name and mark, in the order of the palette.
FAMILIES: dict[str, tuple[str, Mark]] = {
    MIXED: ("mixed-vocab", "diamond"),
    NOKD: ("no distillation", "square"),
    OTHER: ("other models", "circle"),
}
TITLES = GLUE_SCORES | SNIPS_SCORES | {"average": "GLUE average"}
_TICKS = tuple((factor * 10.0**power, f"{factor * 10**power / 1e6:g}M") for power in range(6, 10) for factor in (1, 3))


@dataclass(frozen=True)
class _Model:
    """One model in the chart, the paper's or ours."""

    name: str
    parameters: float
    score: Estimate
    size: str  # its parameters as printed
    ours: bool
    beside: str = ""

    @property
    def family(self) -> str:
        return next(family for family in FAMILIES if self.name.startswith(family))

    @property
    def point(self) -> Point:
        # Its family is told by mark and colour.
        label = self.name.removeprefix(self.family).strip() or self.name
        score, n = self.score, self.score.n
        low, high = (score.low, score.high) if n > 1 else (None, None)
        note = f"{n} seed{'s' * (n > 1)}" if self.ours else ""
        return Point(self.parameters, score.mean, low, high, label, note)


def chart(published: Sequence[Published], ours: Sequence[Ours], score: str) -> Chart:
    """`score` (a field of the published rows) against parameters, a series for each family, published and ours.

    Intervals are of 95 % over seeds; rows without this score are left out.
    """
    models = _models(published, ours, score)
    series = []
    for colour, (family, (name, mark)) in enumerate(FAMILIES.items()):
        for mine in (False, True):
            points = tuple(model.point for model in models if (model.family, model.ours) == (family, mine))
            if points:
                whose = "ours" if mine else "published"
                series.append(Series(f"{name}, {whose}", points, colour, mark, hollow=not mine))
    y = Axis(f"{TITLES[score]} (%)", decimals=1)
    return Chart(
        finding(published, ours, score), Axis("parameters", "log", ticks=_TICKS, compact=True), y, tuple(series)
    )


def finding(published: Sequence[Published], ours: Sequence[Ours], score: str) -> str:
    """What the chart shows, in two lines: our best small model beside the paper's, or the paper's own claim."""
    models = _models(published, ours, score)
    own = [model for model in models if model.ours]
    best = max([model for model in own if model.family == MIXED] or own, key=lambda m: m.score.mean, default=None)
    title = TITLES[score]
    if best is None:
        smallest = min([model for model in models if model.family == MIXED] or models, key=lambda m: m.parameters)
        largest = max(models, key=lambda m: m.parameters)
        return (
            f"{smallest.name}: {smallest.score.mean / largest.score.mean:.0%} of {largest.name}'s\n{title} "
            f"from 1/{largest.parameters / smallest.parameters:.0f} of its parameters"
        )
    twin = next((model for model in models if not model.ours and model.name == best.beside), None)
    if twin is None:
        return f"Ours with {best.size} parameters:\n{title} {best.score.mean:.1f}"
    gap = best.score.mean - twin.score.mean
    return (
        f"Ours with {best.size} parameters: {title} {best.score.mean:.1f},\n"
        f"{abs(gap):.1f} points {'above' if gap > 0 else 'below'} the paper's {twin.point.label}"
    )


def alt(published: Sequence[Published], ours: Sequence[Ours], score: str) -> str:
    """The chart for readers who cannot see it: every model and the finding."""
    models = _models(published, ours, score)
    text = f"Scatter plot of {TITLES[score]} in percent against parameters on a logarithmic axis."
    for whose, mine in (("Published", False), ("Ours", True)):
        if told := "; ".join(f"{m.name} {m.size} {plus_minus(m.score)}" for m in models if m.ours == mine):
            text += f" {whose}: {told}."
    return f"{text} {' '.join(finding(published, ours, score).split())}."


def _models(published: Sequence[Published], ours: Sequence[Ours], score: str) -> list[_Model]:
    """The paper's models and ours that have this score."""
    models = [
        _Model(row.label, row.params, Estimate(value, math.nan, 1), printed_size(row), False)
        for row in published
        if (value := row.scores.get(score)) is not None
    ]
    return models + [
        _Model(own.name, own.parameters, own.scores[score], millions(own.parameters), True, own.beside)
        for own in ours
        if score in own.scores
    ]
