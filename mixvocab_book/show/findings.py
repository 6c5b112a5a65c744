"""What a chapter found, in three lines at its end, with computed numbers and the records behind them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from IPython.display import HTML, display

from mixvocab.widgets.element import unbroken
from mixvocab_book.show import entries
from mixvocab_book.show.budgets import Course
from mixvocab_book.show.cited import cited
from mixvocab_book.show.entries import Entry
from mixvocab_book.show.scorecard import Measured
from mixvocab_book.show.tables import verdict


def closing(lines: Sequence[str], *, records: Iterable[Any] = ()) -> None:
    """Display a chapter's findings, and below them the records that their numbers come from."""
    items = "".join(f"<li>{unbroken(line)}</li>" for line in lines)
    display(HTML(f'<ul class="mv-found">{items}</ul>{cited(records)}'))


def told(what: str, over: str, gain: Measured | None, unit: str = "points") -> str:
    """A gain as a sentence: better, worse, not told apart, of one seed, or not recorded yet."""
    if gain is None:
        return f"{what} against {over}: not recorded yet."
    if math.isnan(gain.low):
        return f"{what} against {over}: {gain.mean:+.1f} {unit} with one seed, which is no finding."
    how = f"{gain.low:+.1f} to {gain.high:+.1f}, {gain.how}"
    if gain.low <= 0 <= gain.high:
        return f"{what} and {over} are not told apart: {gain.mean:+.1f} {unit} ({how})."
    return f"{what} is {abs(gain.mean):.1f} {unit} {'better' if gain.mean > 0 else 'worse'} than {over} ({how})."


def copied(courses: Iterable[Course]) -> list[str]:
    """What the copy by PCA gains over NoKD by each measure, at the least and the most text that is recorded."""
    judged = [(course.measure.label.partition(" (")[0], course.charts()[0].title) for course in courses]
    return [f"{label[:1].upper()}{label[1:]}. {gained}." for label, gained in judged]


def best_over_the_words(found: Sequence[Entry]) -> tuple[list[str], list[Entry]]:
    """Of each task the student furthest above the bag of words, of those with most seeds; and these students."""
    lines, best = [], []
    for task in dict.fromkeys(entry.task for entry in found):
        of_task = [entry for entry in found if entry.task == task and entry.model.size]
        if not of_task:
            continue
        seeds = max(len(entry.seeds) for entry in of_task)
        score = of_task[0].scores[0]
        first = max((e for e in of_task if len(e.seeds) == seeds), key=lambda entry: entry.over(score).mean)
        best.append(first)
        lines.append(
            f"{task}, {entries.score_title(score)}, the best student, {first.title}, against a bag of words: "
            f"{verdict(first.over(score))}."
        )
    return lines, best
