"""Figures, drawn for the light and for the dark page, of which each shows its own, with their description.

Widths and type sizes are chosen so that text stays readable on a screen of 375 pixels.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

from cycler import cycler
from IPython.display import HTML, display
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from PIL import Image

from mixvocab.widgets.charts import Chart, chart_element
from mixvocab.widgets.element import unbroken
from mixvocab.widgets.style import THEMES
from mixvocab_book.show.cited import cited
from mixvocab_book.show.drawing import draw

_HERE = Path(__file__)
_INKED = ("axes.labelcolor", "axes.titlecolor", "text.color", "xtick.color", "ytick.color")
_LINED = ("axes.edgecolor", "grid.color")


@contextmanager
def style(theme: str = "light") -> Iterator[None]:
    """Matplotlib settings for a "light" or "dark" page."""
    colours = THEMES[theme]
    settings: dict[str, Any] = dict.fromkeys(_INKED, colours.ink) | dict.fromkeys(_LINED, colours.line)
    settings["axes.prop_cycle"] = cycler(color=colours.palette)
    with plt.style.context([_HERE.with_suffix(".mplstyle"), settings]):
        yield


def show(drawing: Callable[[], Figure], alt: str, caption: str = "", *, wide: bool = False) -> None:
    """Display what `drawing` returns: a new figure from the current settings, one for each background.

    `alt` tells readers who cannot see it what it shows. A `wide` one scrolls sideways on a phone instead of shrinking.
    Raises ValueError without `alt`.
    """
    # In a box of their own: it keeps the theme from hiding what follows along with a picture.
    _display(f"<div>{_pictures(drawing, alt)}</div>", alt, unbroken(caption), "mv-wide" if wide else "")


def show_chart(chart: Chart | Sequence[Chart], caption: str = "", *, records: Iterable[Any] = ()) -> None:
    """Display a chart: for readers of the rendered page to touch, for everyone else as a picture.

    Of several, which have different names, the reader of the page chooses one. `records`: see `cited`.
    """
    charts = [chart] if isinstance(chart, Chart) else list(chart)
    alt = " ".join(described(each) for each in charts)
    pictures = "".join(_pictures(partial(draw, each), described(each)) for each in charts)
    kind = "mv-panels" if len(charts) > 1 else ""
    _display(chart_element(charts, alt, pictures), alt, unbroken(caption) + cited(records), kind)


def described(chart: Chart) -> str:
    """A chart in words, for readers who cannot see it: its finding and what is in it, of lines where they end."""
    parts = [f"{' '.join(chart.title.split())}. Across: {chart.x.label}; up: {chart.y.label}"]
    for series in chart.series:
        points = series.points[-1:] if series.line else series.points
        parts.append(f"{series.name}: {'; '.join(f'{p.label} {_told(p.x)}, {_told(p.y)}'.strip() for p in points)}")
    return ". ".join([*parts, *(f"{line.label}: {_told(line.value)}" for line in chart.references)]) + "."


def _told(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _pictures(drawing: Callable[[], Figure], alt: str) -> str:
    if not alt.strip():
        raise ValueError("a figure needs alt text")
    return "".join(
        f'<img class="only-{theme}" alt="{escape(alt, quote=True)}" src="data:image/png;base64,{_png(drawing, theme)}">'
        for theme in THEMES
    )


def _display(inner: str, alt: str, caption: str, kind: str) -> None:
    css = _HERE.with_suffix(".css").read_text(encoding="utf-8")
    below = f"<figcaption>{caption}</figcaption>" if caption else ""
    display(
        HTML(f'<style>{css}</style><figure class="mv-figure {kind}">{inner}{below}</figure>'), metadata={"alt": alt}
    )


def _png(drawing: Callable[[], Figure], theme: str) -> str:
    with style(theme):
        figure = drawing()
        drawn, small = io.BytesIO(), io.BytesIO()
        figure.savefig(drawn, format="png", dpi=180)
    plt.close(figure)
    # A palette makes a page of drawings a quarter as heavy; the bytes depend on the drawing alone.
    Image.open(drawn).quantize(256, method=Image.Quantize.FASTOCTREE).save(small, format="png", optimize=True)
    return base64.b64encode(small.getvalue()).decode("ascii")
