"""What students are worth against what they have read and against what they cost, a line a method, from the records.

A measure is drawn twice: against the tokens of stage II that were asked for, and against the floating-point operations
of everything that made the student, a teacher's training included.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from mixvocab.distill.methods import methods
from mixvocab.evaluate.stats import Estimate
from mixvocab.settings.profiles import load_profile
from mixvocab.widgets.charts import MARKS, Axis, Chart, Reference, Series
from mixvocab_book.show import entries, paper, told
from mixvocab_book.show.ablation_charts import OPERATIONS
from mixvocab_book.show.entries import Entry, Model
from mixvocab_book.show.tables import plus_minus, short_verdict, standing
from mixvocab_book.sweep.grid import load_grid
from mixvocab_book.sweep.run import recorded_results

SIZE = "L-6 H-96"
AGAINST = ("nokd", "pca")  # whom everyone is compared with: no teacher, and the cheapest use of one
HEADERS = ("tokens of stage II", "student", *(f"gain over {methods()[name].title}" for name in AGAINST))


@dataclass(frozen=True)
class Measure:
    """What students are judged by."""

    place: str  # of its records
    label: str  # of its axis, with the unit
    unit: str  # of gains
    decimals: int
    path: tuple[str, ...]  # of its number in a record's metrics
    factor: float  # from that number to the axis
    better: int  # 1: the higher; -1: the lower
    line: Callable[[Entry], Reference]  # what students are seen beside


def _guess(entry: Entry) -> Reference:
    return Reference("y", entry.metrics["guess"]["word"], "guessing by frequency")


def _published(_: Entry) -> Reference:
    return Reference("y", paper.SNIPS.published[f"Mixed-vocab {SIZE}"].scores["slot_f1"].mean, "the paper's student")


def _bag_of_words(entry: Entry) -> Reference:
    return Reference("y", 100 * entry.metrics["baselines"]["bag_of_words"]["dev/accuracy"], "bag of words")


MEASURES = (
    Measure("students", "loss of a whole hidden word (nats)", "nats", 2, ("heldout_word_nats",), 1, -1, _guess),
    Measure("snips", "slot F1 on SNIPS (%)", "points", 1, ("test", "slot_f1"), 100, 1, _published),
    Measure("glue/sst-2", "accuracy on SST-2 (%)", "points", 1, ("test", "dev/accuracy"), 100, 1, _bag_of_words),
)


@dataclass(frozen=True)
class Course:
    """A measure of all students that are known at some budget."""

    measure: Measure
    students: tuple[Entry, ...]  # one a method and budget: by budget, then in the order of the registry
    pflops: Mapping[Model, float]  # of all stages, of whom it is known

    def lines(self) -> dict[str, list[Entry]]:
        """The students of each method, by budget; methods in the registry's order."""
        groups = {name: [entry for entry in self.students if entry.model.method == name] for name in methods()}
        return {name: group for name, group in groups.items() if group}

    def gain(self, entry: Entry, over: str) -> Estimate | None:
        """By how much it is better than that method with the same text and profile, paired by seed; None: not known."""
        model, factor = replace(entry.model, method=over), self.measure.better * self.measure.factor
        other = next((other for other in self.students if other.model == model != entry.model), None)
        return entries.difference(entry, other, *self.measure.path, factor=factor) if other else None

    def told(self) -> list[str]:
        """Which methods are better, worse or not told apart from those in `AGAINST`, a line for each of these."""
        lines, judged = [], self.measure.label.partition(" (")[0]
        for over in AGAINST:
            found: dict[str, dict[str, list[str]]] = {}  # how -> who -> at which budgets
            for entry in self.students:
                if entry.model.method != AGAINST[0] and (gain := self.gain(entry, over)):
                    found.setdefault(standing(gain), {}).setdefault(entry.name, []).append(entry.model.asked)
            parts = []
            for how in ("better", "worse", "not told apart", "one seed"):
                who = [f"{name} at {_and(budgets)}" for name, budgets in found.get(how, {}).items()]
                parts += [f"{how[:1].upper()}{how[1:]}: {'; '.join(who)}."] if who else []
            if parts:
                lines.append(f"By {judged}, against {methods()[over].title}. {' '.join(parts)}")
        return lines

    def rows(self) -> list[list[str]]:
        """A row a budget and method under `HEADERS`, smallest budget first."""
        decimals = self.measure.decimals
        found = [(entry, [self.gain(entry, over) for over in AGAINST]) for entry in self.students]
        return [
            [entry.model.asked, entry.name, *(short_verdict(gain, decimals) for gain in gains)]
            for entry, gains in found
            if any(gains) and entry.model.method != AGAINST[0]
        ]

    def charts(self) -> list[Chart]:
        """The measure against what was read, and against what it cost: the reader chooses."""
        read = {entry.model: entry.model.read / 1e6 for entry in self.students}
        return [
            self._chart("text", self._lead(), Axis("million tokens of stage II", "log"), read),
            self._chart("compute", self._best_for_their_cost(), Axis(OPERATIONS, "log"), self.pflops),
        ]

    def caption(self) -> str:
        """What else differs between the budgets."""
        recipes = list(dict.fromkeys(_recipe(entry) for entry in self.students))
        joined = " A line also joins different recipes." if len(recipes) > 1 else ""
        return f"{SIZE}, means over seeds, with 95% intervals where there are three.{joined} {'; '.join(recipes)}."

    def _mean(self, entry: Entry) -> Estimate:
        return entry.mean(*self.measure.path, factor=self.measure.factor)

    def _chart(self, name: str, title: str, x: Axis, places: Mapping[Model, float]) -> Chart:
        series = []
        for method, group in self.lines().items():
            points = tuple(entries.point(places[e.model], self._mean(e)) for e in group if e.model in places)
            number = list(methods()).index(method)  # a method looks alike in all of these charts
            mark = MARKS[(number + number // len(MARKS)) % len(MARKS)]
            series.append(Series(methods()[method].title, points, number % 7, mark, line=len(points) > 1))
        y = Axis(self.measure.label, decimals=self.measure.decimals)
        drawn = tuple(each for each in series if each.points)
        return Chart(title, x, y, drawn, (self.measure.line(self.students[0]),), name)

    def _lead(self) -> str:
        """What the copy gains over NoKD at the smallest and at the largest budget."""
        nokd, pca = AGAINST
        gains = [(entry, gain) for entry in self.lines().get(pca, []) if (gain := self.gain(entry, nokd))]
        parts = [
            f"{plus_minus(gain, self.measure.decimals, sign='+')} at {entry.model.asked}"
            for entry, gain in (gains if len(gains) < 3 else [gains[0], gains[-1]])
        ]
        names = {"first": methods()[pca].title, "second": methods()[nokd].title}
        if not parts:
            return told.GAIN_UNKNOWN.format(**names)
        return told.GAINED.format(unit=self.measure.unit, gains=" and ".join(parts), **names)

    def _best_for_their_cost(self) -> str:
        """The students that are better, by their means, than all that cost as much or less."""
        priced = [
            (float(f"{self.pflops[entry.model]:.2g}"), -self.measure.better * self._mean(entry).mean, entry.name)
            for entry in self.students
            if entry.model in self.pflops
        ]
        front: dict[str, list[str]] = {}
        least = math.inf
        for cost, loss, name in sorted(priced):
            if loss < least:
                least = loss
                front.setdefault(name, []).append(f"{cost:g}")
        who = [f"{name} at {' and '.join(costs)}" for name, costs in front.items()]
        return told.BEST_FOR_COST.format(who=", ".join(who) or "not known yet")


def recorded() -> list[Course]:
    """The course of each measure that is recorded: on real data, of shape `SIZE`, of the text that most have read."""
    # Where chapters 7 and 4 have the same student, chapter 4's.
    known = {entry.model: entry for entry in [*_cells(), *entries.recorded("students")]}
    students = [entry for entry in known.values() if entry.model.size == SIZE]
    order = list(methods())
    texts = [entry.model.corpus for entry in students]
    text = max(texts, key=texts.count, default="")
    pflops = {entry.model: entry.spent("flops") / 1e15 for entry in students}
    courses = []
    for measure in MEASURES:
        found = students if measure.place == "students" else entries.recorded(measure.place)
        of_text = [entry for entry in found if (entry.model.size, entry.model.corpus) == (SIZE, text)]
        by_budget = sorted(of_text, key=lambda entry: (entry.model.read, order.index(entry.model.method)))
        if by_budget:
            courses.append(Course(measure, tuple(by_budget), pflops))
    return courses


def _cells() -> list[Entry]:
    """Chapter 7's students of methods as they are: cells that set nothing but the length of stage II."""
    grid = load_grid("full", profile="evening")
    results, found = recorded_results(grid), {}
    for cell in (cell for experiment in grid.experiments for cell in experiment.cells):
        length = {"stage_two.steps": cell.profile.stage_two.steps}
        if cell.profile == load_profile("evening", **{**grid.common, **length}):
            for seed, record in results.of(cell).items():
                found[cell.method, cell.key, seed] = record | {"params": record["params"] | {"method": cell.method}}
    return entries.grouped(entries.on_real_data(found.values()))


def _and(parts: list[str]) -> str:
    return " and ".join(parts) if len(parts) < 3 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _recipe(entry: Entry) -> str:
    params = entry.records[0]["params"]
    first, second = params["stage_one"], params["stage_two"]
    tokens = first["steps"] * first["batch_size"] * params["mixing"]["length"]
    return (
        f"{entry.model.asked}: profile {entry.model.profile}, batches of {second['batch_size']} rows at a rate of "
        f"{second['learning_rate']:g}, stage I, where there is one, of {tokens / 1e6:.1f}M tokens"
    )
