"""How much more text a score would take: what text has added so far, drawn on to what others print.

A straight line over the logarithm of the tokens read, through all seeds of all recorded budgets. No score rises for
ever: what the line says is the least that it would take.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.stats import t

from mixvocab.distill.methods import methods
from mixvocab.evaluate.stats import Estimate
from mixvocab.settings.profiles import load_profile
from mixvocab.widgets.charts import MARKS, Axis, Chart, Point, Reference, Series
from mixvocab_book.show import entries, neighbours, told
from mixvocab_book.show.budgets import SIZE
from mixvocab_book.show.entries import Entry
from mixvocab_book.show.tables import plus_minus
from mixvocab_book.store.records import Record, tokens_asked

PAPER = tokens_asked(load_profile("paper").model_dump())
"""Tokens of stage II of the paper's own students: no line is drawn on beyond them."""
HEADERS = ("score", "aim", "student", "recorded", "ten times the text adds", "tokens that the aim takes, at least")


@dataclass(frozen=True)
class Aim:
    """A score that others print for a student as small."""

    place: str  # of our records
    score: str  # its name there
    label: str
    whose: str  # a model of neighbours.yaml
    printed: str  # the score's name there

    @property
    def value(self) -> float:
        """In percent."""
        return neighbours.printed_score(self.whose, self.printed)


AIMS = (
    Aim("glue/sst-2", "dev/accuracy", "SST-2", "TS-Mixer large", "sst2"),
    Aim("snips", "slot_f1", "SNIPS slot F1", f"Mixed-vocab {SIZE}", "slot_f1"),
    Aim("snips", "intent_accuracy", "SNIPS intents", f"Mixed-vocab {SIZE}", "intent"),
    Aim("glue/mnli", "m/accuracy", "MNLI-m", "bert-hash-nano", "mnli_m"),
    Aim("glue/mrpc", "test/f1", "MRPC F1", "bert-hash-nano", "mrpc_f1"),
)


@dataclass(frozen=True)
class Line:
    """A method's students at several budgets, and the line through them: percent over log10 of the tokens read."""

    students: tuple[Entry, ...]  # by budget
    score: str

    def mean(self, entry: Entry) -> Estimate:
        """Of one budget, in percent."""
        return entry.mean("test", self.score, factor=100)

    @property
    def last(self) -> float:
        """The mean of the largest budget."""
        return self.mean(self.students[-1]).mean

    @cached_property
    def points(self) -> np.ndarray:
        """(2, seeds of all budgets): log10 of the tokens, and the score in percent."""
        pairs = [(math.log10(e.model.read), 100 * v) for e in self.students for v in e.values("test", self.score)]
        return np.array(pairs).T

    @property
    def slope(self) -> float:
        """Points that ten times the text adds, by least squares."""
        x, y = self.points - self.points.mean(axis=1, keepdims=True)
        return float(x @ y / (x @ x))

    @property
    def left(self) -> np.ndarray:
        """What the line leaves of each point, in points of percent."""
        x, y = self.points - self.points.mean(axis=1, keepdims=True)
        return y - self.slope * x

    def at(self, tokens: float) -> float:
        """The line's score after so many tokens."""
        x, y = self.points.mean(axis=1)
        return float(y + self.slope * (math.log10(tokens) - x))

    def tokens(self, score: float, slope: float) -> float:
        """Where a line of that slope through the same mean point meets a score; never is 1,000 times `PAPER`."""
        x, y = self.points.mean(axis=1)
        most = math.log10(PAPER) + 3
        return float(10 ** min(x + (score - y) / slope, most)) if slope > 0 else 10**most


@dataclass(frozen=True)
class Reach:
    """An aim, and who was recorded on the way to it."""

    aim: Aim
    lines: tuple[Line, ...]  # one a method that is known at two budgets, in the order of the registry

    @property
    def best(self) -> Line:
        """The one with the best mean at its largest budget."""
        return max(self.lines, key=lambda line: line.last)

    @property
    def gain(self) -> Estimate:
        """What ten times the text adds to the best one, in points; the noise about the lines is taken as alike in all.

        Without an interval (nan) where all lines go through all points.
        """
        best, left = self.best, np.concatenate([line.left for line in self.lines])
        freedom = len(left) - 2 * len(self.lines)
        spread = math.sqrt(len(best.left)) * float(best.points[0].std())
        deviation = math.sqrt(float(left @ left) / freedom) if freedom else math.nan
        half_width = float(t.ppf(0.975, freedom)) * deviation / spread if freedom else math.nan
        return Estimate(best.slope, half_width, len(best.left) if freedom else 1)

    @property
    def records(self) -> list[Record]:
        return [record for line in self.lines for entry in line.students for record in entry.records]

    def row(self) -> list[str]:
        """Under `HEADERS`."""
        best = self.best
        known = [f"{best.mean(entry).mean:.1f} at {entry.model.asked}" for entry in best.students]
        aim = f"{self.aim.value:.1f}, {self.aim.whose}"
        added = plus_minus(self.gain, sign="+")
        return [self.aim.label, aim, best.students[0].name, "; ".join(known), added, self.verdict()]

    def verdict(self) -> str:
        """What the aim takes, in one of the forms of `told`."""
        best, aim = self.best, self.aim.value
        for entry in best.students:
            if best.mean(entry).mean >= aim:
                return told.REACHED.format(tokens=entry.model.asked)
        gain = self.gain
        if not gain.low > 0:  # also where there is no interval
            return told.NOT_BY_TEXT
        at, low, high = (best.tokens(aim, slope) for slope in (gain.mean, gain.high, gain.low))
        if at > PAPER:
            return told.BEYOND.format(paper=f"{PAPER / 1e6:,.0f}M", low=_millions(low))
        return told.REACHES.format(tokens=_millions(at), low=_millions(low), high=_millions(high))

    def chart(self) -> Chart:
        """All lines' students, and the best one's line drawn on to the aim or to the paper's tokens."""
        best, drawn = self.best, []
        for line in self.lines:
            method = line.students[0].model.method
            number = list(methods()).index(method)  # as in the other charts of budgets
            mark = MARKS[(number + number // len(MARKS)) % len(MARKS)]
            points = tuple(entries.point(entry.model.read / 1e6, line.mean(entry)) for entry in line.students)
            drawn.append(Series(methods()[method].title, points, number % 7, mark))
            if line is best:
                end = min(best.tokens(self.aim.value, best.slope), PAPER)
                ends = (best.students[0].model.read, max(end, best.students[-1].model.read))
                ahead = tuple(Point(tokens / 1e6, best.at(tokens)) for tokens in ends)
                drawn.append(Series("its line drawn on", ahead, number % 7, mark, line=True, dash="dashed"))
        gain = plus_minus(self.gain, sign="+")
        title = told.TENFOLD.format(name=best.students[0].name, gain=gain, score=self.aim.label)
        aim = Reference("y", self.aim.value, self.aim.whose)
        x, y = Axis("million tokens of stage II", "log"), Axis(f"{self.aim.label} (%)", decimals=1)
        return Chart(title, x, y, tuple(drawn), (aim,), self.aim.label)


def recorded() -> list[Reach]:
    """The aims towards which a method is recorded at two budgets, on real data of one text, with students of `SIZE`."""
    found = []
    for aim in AIMS:
        known = [e for e in entries.recorded(aim.place) if e.model.size == SIZE and aim.score in e.metrics["test"]]
        if lines := _lines(known, aim.score):
            found.append(Reach(aim, lines))
    return found


def _lines(known: Iterable[Entry], score: str) -> tuple[Line, ...]:
    """The lines of methods with two budgets or more of one text; budgets of two profiles are two points of a line."""
    groups: dict[object, list[Entry]] = {}
    for entry in known:
        groups.setdefault(replace(entry.model, profile="", read=0), []).append(entry)
    lines = [Line(tuple(sorted(group, key=lambda e: e.model.read)), score) for group in groups.values()]
    several = [line for line in lines if len({entry.model.read for entry in line.students}) > 1]
    order = list(methods())
    return tuple(sorted(several, key=lambda line: order.index(line.students[0].model.method)))


def _millions(tokens: float) -> str:
    return f"{tokens / 1e6:,.0f}M" if tokens <= PAPER else "more than the paper's own"
