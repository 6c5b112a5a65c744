"""Tables that are read aloud well, and the numbers and verdicts that stand in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from IPython.display import HTML, display

from mixvocab.evaluate.stats import Estimate

NONE = "–"  # nothing was published, or nothing was measured


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


def millions(count: float) -> str:
    """A count in millions: 109M, 6.2M."""
    return f"{count / 1e6:,.0f}M" if count >= 99.95e6 else f"{count / 1e6:.1f}M"


def plus_minus(value: Estimate | None, decimals: int = 1, *, factor: float = 1.0, sign: str = "") -> str:
    """A mean with its interval, "85.0 ± 2.5"; without it for a single seed. `sign`: "+" to write that of the mean."""
    if value is None:
        return NONE
    mean = f"{factor * value.mean:{sign}.{decimals}f}"
    return mean if value.n < 2 else f"{mean} ± {factor * value.half_width:.{decimals}f}"


def verdict(gain: Estimate, unit: str = "points", decimals: int = 1) -> str:
    """What the interval of a paired gain allows to be said: "+9.0 ± 1.2 points over 3 seeds: better"."""
    told = f"{plus_minus(gain, decimals, sign='+')} {unit}"
    if gain.n < 2:
        return f"{told} with one seed: no interval, so nothing is claimed"
    if gain.low <= 0 <= gain.high:
        return f"{told} over {gain.n} seeds: no difference found at this scale"
    return f"{told} over {gain.n} seeds: {'better' if gain.mean > 0 else 'worse'}"
