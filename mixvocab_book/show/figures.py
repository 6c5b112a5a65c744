"""Figures for the light and the dark page, embedded with their description.

A figure is drawn twice, once for each background, and the page shows the one that fits. Widths and type sizes
are chosen so that its text stays readable on a screen of 375 pixels.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from html import escape
from typing import Any

import matplotlib as mpl
from cycler import cycler
from IPython.display import HTML, display
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from mixvocab.widgets.charts import Chart, chart_element
from mixvocab.widgets.style import LINE_LENGTH, THEMES
from mixvocab_book.show.drawing import draw

# Sphinx's theme hides by these class names; Jupyter and VS Code need to be told.
_STYLE = (
    "<style>"
    '[data-jp-theme-light="true"] .only-dark,[data-jp-theme-light="false"] .only-light,'
    ".vscode-light .only-dark,.vscode-dark .only-light{display:none!important}"
    ".mv-figure{margin:1rem 0}.mv-figure>div{overflow-x:auto}"
    f".mv-figure img{{width:100%;max-width:{LINE_LENGTH};height:auto}}"
    ".mv-figure.mv-wide img{min-width:36rem;max-width:56rem}"
    ".mv-figure figcaption{font-size:.9em;font-weight:normal;color:inherit}"
    "</style>"
)


@contextmanager
def style(theme: str = "light") -> Iterator[list[str]]:
    """Matplotlib settings for a "light" or "dark" page; yields the palette, which is also the colour cycle."""
    colours = THEMES[theme]
    ink, line, palette = colours.ink, colours.line, list(colours.palette)
    settings: dict[str, Any] = {
        "figure.figsize": (5.2, 3.5),
        "figure.facecolor": "none",
        "figure.constrained_layout.use": True,
        "savefig.facecolor": "none",
        "axes.facecolor": "none",
        "axes.edgecolor": line,
        "axes.labelcolor": ink,
        "axes.titlecolor": ink,
        "axes.titlesize": 12,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.labelsize": 12,
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.prop_cycle": cycler(color=palette),
        "font.size": 12,
        "grid.color": line,
        "grid.linewidth": 0.7,
        "legend.frameon": False,
        "legend.fontsize": 11,
        "lines.linewidth": 2,
        "text.color": ink,
        "xtick.color": ink,
        "ytick.color": ink,
        "xtick.labelsize": 11,
        "ytick.labelsize": 11,
        "image.cmap": "cividis",
    }
    with mpl.rc_context(settings):  # type: ignore[arg-type]
        yield palette


def show(drawing: Callable[[], Figure], alt: str, caption: str = "", *, wide: bool = False) -> None:
    """Draw for both backgrounds and display.

    Args:
        drawing: makes and returns a new figure from the current settings; called once a background.
        alt: what the figure shows, for readers who cannot see it.
        caption: shown below, as text.
        wide: too wide for a phone: it scrolls sideways there instead of shrinking.
    """
    # In a box of their own: it keeps the theme from hiding what follows along with a picture.
    _display(f"<div>{_pictures(drawing, alt)}</div>", alt, caption, wide)


def show_chart(chart: Chart | Sequence[Chart], alt: str, caption: str = "", *, wide: bool = False) -> None:
    """Display a chart: for readers of the rendered page to touch, for everyone else as a picture.

    Args:
        chart: one, or several of different names: the reader of the page chooses, the picture has them as panels.
        alt, caption, wide: as for `show`; several charts are wide.
    """
    charts = [chart] if isinstance(chart, Chart) else list(chart)
    pictures = _pictures(lambda: draw(charts), alt)
    _display(chart_element(charts, alt, pictures), alt, caption, wide or len(charts) > 1)


def _pictures(drawing: Callable[[], Figure], alt: str) -> str:
    """The drawing for both backgrounds."""
    if not alt.strip():
        raise ValueError("a figure needs alt text")
    return "".join(
        f'<img class="only-{theme}" alt="{escape(alt, quote=True)}" src="data:image/png;base64,{_png(drawing, theme)}">'
        for theme in THEMES
    )


def _display(inner: str, alt: str, caption: str, wide: bool) -> None:
    below = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    kind = "mv-figure mv-wide" if wide else "mv-figure"
    display(HTML(f'{_STYLE}<figure class="{kind}">{inner}{below}</figure>'), metadata={"alt": alt})


def _png(drawing: Callable[[], Figure], theme: str) -> str:
    with style(theme):
        figure = drawing()
        buffer = io.BytesIO()
        # Without these entries the bytes depend on the drawing alone.
        figure.savefig(buffer, format="png", dpi=180, metadata={"Software": None})
    plt.close(figure)
    return base64.b64encode(buffer.getvalue()).decode("ascii")
