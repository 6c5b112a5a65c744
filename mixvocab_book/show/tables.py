"""Tables that are read aloud well, and the numbers and verdicts that stand in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from IPython.display import HTML, display

from mixvocab.evaluate.stats import Estimate
from mixvocab.tasks.encoding import spans
from mixvocab.widgets.element import html_table, unbroken
from mixvocab_book.show import told
from mixvocab_book.show.cited import cited

NONE = "–"  # nothing was published, or nothing was measured


class Finding(NamedTuple):
    """What is recorded of a gain."""

    gain: Estimate | None  # None: nothing
    where: str  # "over 3 seeds, 10M tokens"


def table(
    headers: Sequence[str], rows: Sequence[Sequence[Any]], caption: str = "", *, records: Iterable[Any] = ()
) -> None:
    """Display rows as a table, and below it the records that its numbers come from (see `cited`).

    The first column names the row, numbers are aligned right, text is escaped.
    """
    display(HTML(html_table(headers, rows, caption) + cited(records)))


def prose(*paragraphs: str) -> None:
    """Display sentences as paragraphs of the page, escaped; `print` is for what a program says."""
    display(HTML("".join(f"<p>{unbroken(paragraph)}</p>" for paragraph in paragraphs if paragraph)))


def millions(count: float | None) -> str:
    """A count in millions: "6.2M"."""
    return NONE if count is None else f"{count / 1e6:,.1f}M"


def plus_minus(value: Estimate | None, decimals: int = 1, *, sign: str = "") -> str:
    """A mean with its interval, "85.0 ± 2.5"; without it for a single seed. `sign`: "+" to write that of the mean."""
    if value is None:
        return NONE
    mean = f"{value.mean:{sign}z.{decimals}f}"  # z: no -0.0
    return mean if value.n < 2 else f"{mean} ± {value.half_width:.{decimals}f}"


def verdict(gain: Estimate | None, unit: str = "points", decimals: int = 1, *, beside: Finding | None = None) -> str:
    """What the interval of a paired gain allows to be said: "+9.0 ± 1.2 points over 3 seeds: better".

    A single seed has none: its gain is the number alone, or whether it agrees with what is recorded, `beside`.
    """
    if gain is None:
        return NONE
    gained = f"{plus_minus(gain, decimals, sign='+')} {unit}"
    if gain.n < 2:
        return f"{gained} with one seed" + (f", {agreement(gain, beside, decimals)}" if beside else "")
    if gain.low <= 0 <= gain.high:
        return f"{gained} over {gain.n} seeds: no difference found at this scale"
    return f"{gained} over {gain.n} seeds: {standing(gain)}"


def standing(gain: Estimate) -> str:
    """The verdict in a word or two."""
    if gain.n < 2:
        return "one seed"
    if gain.low <= 0 <= gain.high:
        return "not told apart"
    return "better" if gain.mean > 0 else "worse"


def short_verdict(gain: Estimate | None, decimals: int = 1) -> str:
    """A gain with its verdict for a narrow column: "+9.0 ± 1.2: better"."""
    return NONE if gain is None else f"{plus_minus(gain, decimals, sign='+')}: {standing(gain)}"


def agreement(now: Estimate, beside: Finding, decimals: int = 1) -> str:
    """Whether a run's gain is as what is recorded over several seeds, in one of the forms of `told`."""
    recorded = beside.gain
    if recorded is None or recorded.n < 2:
        return told.ALONE
    if recorded.low <= 0 <= recorded.high:
        form = told.WITHIN if recorded.low <= now.mean <= recorded.high else told.OUTSIDE
    else:
        form = told.AGREES if now.mean * recorded.mean > 0 else told.DISAGREES
    return form.format(recorded=plus_minus(recorded, decimals, sign="+"), where=beside.where)


def bracketed(words: Sequence[str], tags: Sequence[str]) -> str:
    """An utterance with its slots in brackets: play [genre: jazz] now."""
    parts = list(words)
    for slot in reversed(spans(tags, words)):
        parts[slot.start : slot.end] = [f"[{slot.name}: {slot.text}]"]
    return " ".join(parts)
