"""Figures for the light and the dark page, embedded with their description; tables that are read aloud well.

A figure is drawn twice, once for each background, and the page shows the one that fits. Widths and type sizes
are chosen so that its text stays readable on a screen of 375 pixels.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import escape
from itertools import count
from typing import Any

import matplotlib as mpl
from cycler import cycler
from IPython.display import HTML, display
from matplotlib.figure import Figure

from mixvocab.widgets.charts import Chart, chart_element
from mixvocab.widgets.style import LINE_LENGTH, THEMES

# Sphinx's theme hides by these class names; Jupyter and VS Code need to be told.
_STYLE = (
    "<style>"
    '[data-jp-theme-light="true"] .only-dark,[data-jp-theme-light="false"] .only-light,'
    ".vscode-light .only-dark,.vscode-dark .only-light{display:none!important}"
    ".mv-figure{margin:1rem 0}.mv-figure>div,.mv-page>div{overflow-x:auto}"
    f".mv-figure img{{width:100%;max-width:{LINE_LENGTH};height:auto}}"
    ".mv-figure.mv-wide img{min-width:36rem;max-width:56rem}"
    ".mv-figure figcaption{font-size:.9em;font-weight:normal;color:inherit}"
    "</style>"
)

MOST_CHOICES = 6
# The radio buttons of a switch and its pages are siblings: the button that is on shows the page of its number.
_SWITCH_STYLE = (
    "<style>"
    ".mv-switch{white-space:nowrap}.mv-switch>.mv-page{display:none}"
    ".mv-switch>label{margin:0 1.2em 0 .35em;line-height:2}"
    + "".join(
        f".mv-switch>input:nth-of-type({i}):checked~.mv-page:nth-of-type({i}){{display:block}}"
        for i in range(1, MOST_CHOICES + 1)
    )
    + "@media print{.mv-switch>input,.mv-switch>label,.mv-switch>span,.mv-switch>.mv-page{display:none!important}"
    ".mv-switch>.mv-page:first-of-type{display:block!important}}"
    "</style>"
)
_switches = count(1)  # radio buttons of one page must not share a name


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


def show(
    draw: Callable[[], Figure],
    alt: str,
    caption: str = "",
    *,
    wide: bool = False,
    chart: Chart | Sequence[Chart] = (),
) -> None:
    """Draw for both backgrounds and display.

    Args:
        draw: makes and returns a new figure from the current settings; called once a background.
        alt: what the figure shows, for readers who cannot see it.
        caption: shown below, as text.
        wide: too wide for a phone: it scrolls sideways there instead of shrinking.
        chart: the same data for readers of the rendered page to touch, or several charts among which they choose.
    """
    charts = [chart] if isinstance(chart, Chart) else list(chart)
    _display(_drawn(draw, alt, charts), alt, caption, wide)


def switch(
    draws: Mapping[str, Callable[[], Figure]],
    alts: Mapping[str, str],
    caption: str = "",
    *,
    legend: str = "Drawn against",
    wide: bool = False,
    charts: Mapping[str, Chart] | None = None,
) -> None:
    """Display one of several drawings, chosen by radio buttons that need neither a kernel nor a script.

    The first is shown until the reader chooses, and in print; without styles all of them are.

    Args:
        draws: what the buttons say -> the drawing, as for `show`; six at most.
        alts: the same names -> what that drawing shows, for readers who cannot see it.
        caption: shown below, whichever drawing is.
        legend: what the choice is about, before the buttons.
        wide: as for `show`.
        charts: the same names -> the chart of that drawing, as for `show`.
    """
    if not 0 < len(draws) <= MOST_CHOICES or list(draws) != list(alts):
        raise ValueError(
            f"a switch needs 1 to {MOST_CHOICES} drawings, and alt text for the same names in the same order"
        )
    group = f"mv-switch-{next(_switches)}"
    buttons = "".join(
        # A line may break before a button, not between it and what it says.
        f'<wbr><input type="radio" name="{group}" id="{group}-{i}"{"" if i else " checked"}>'
        f'<label for="{group}-{i}">{escape(name)}</label>'
        for i, name in enumerate(draws)
    )
    pages = "".join(
        f'<div class="mv-page">{_drawn(draw, alts[name], [charts[name]] if charts else [])}</div>'
        for name, draw in draws.items()
    )
    told = escape(legend, quote=True)
    inner = f'<div class="mv-switch" role="group" aria-label="{told}"><span>{told}: </span>{buttons}{pages}</div>'
    _display(_SWITCH_STYLE + inner, "; ".join(alts.values()), caption, wide)


def _drawn(draw: Callable[[], Figure], alt: str, charts: Sequence[Chart]) -> str:
    """The pictures, in a box of their own: it keeps the theme from hiding what follows along with a picture."""
    pictures = _pictures(draw, alt)
    return chart_element(charts, alt, pictures) if charts else f"<div>{pictures}</div>"


def _pictures(draw: Callable[[], Figure], alt: str) -> str:
    """The drawing for both backgrounds."""
    if not alt.strip():
        raise ValueError("a figure needs alt text")
    return "".join(
        f'<img class="only-{theme}" alt="{escape(alt, quote=True)}" src="data:image/png;base64,{_png(draw, theme)}">'
        for theme in ("light", "dark")
    )


def _display(inner: str, alt: str, caption: str, wide: bool) -> None:
    below = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    kind = "mv-figure mv-wide" if wide else "mv-figure"
    display(HTML(f'{_STYLE}<figure class="{kind}">{inner}{below}</figure>'), metadata={"alt": alt})


def _png(draw: Callable[[], Figure], theme: str) -> str:
    with style(theme):
        figure = draw()
        buffer = io.BytesIO()
        # Without these entries the bytes depend on the drawing alone.
        figure.savefig(buffer, format="png", dpi=180, metadata={"Software": None})
    from matplotlib import pyplot

    pyplot.close(figure)
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def table(headers: Sequence[str], rows: Sequence[Sequence[Any]], caption: str = "") -> None:
    """Display rows as a table; the first column names the row, numbers are aligned right, text is escaped."""
    display(HTML(table_html(headers, rows, caption)))


def tabs(pages: Mapping[str, str]) -> None:
    """Display pieces of HTML (from `table_html`) as tabs, which need no kernel: they also turn on a rendered page."""
    from ipywidgets import HTML as Page
    from ipywidgets import Tab

    display(Tab([Page(page) for page in pages.values()], titles=tuple(pages)))


def table_html(headers: Sequence[str], rows: Sequence[Sequence[Any]], caption: str = "") -> str:
    """The HTML of `table`."""
    head = "".join(f'<th scope="col">{escape(header)}</th>' for header in headers)
    body = "".join(f"<tr>{''.join(_cell(value, first=i == 0) for i, value in enumerate(row))}</tr>" for row in rows)
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    inner = f"{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
    return f'<div class="mv-table" style="overflow-x:auto"><table class="table">{inner}</table></div>'


def _cell(value: Any, *, first: bool) -> str:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    text = f"{value:,}" if isinstance(value, int) else f"{value:,.3g}" if is_number else str(value)
    if first:
        return f'<th scope="row" style="text-align:left">{escape(text)}</th>'
    return f'<td style="text-align:{"right" if is_number else "left"}">{escape(text)}</td>'
