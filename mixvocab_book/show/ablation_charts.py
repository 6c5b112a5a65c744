"""The charts of chapter 07: cells side by side, curves over an axis or over what was spent, and all differences.

And what is told of an experiment: its finding, what stands below its figure, how much of it is recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from mixvocab.evaluate.stats import corrected
from mixvocab.evaluate.word_scores import MARGIN
from mixvocab.widgets.charts import Axis, Chart, Reference, curves, dots
from mixvocab_book.show import told
from mixvocab_book.show.entries import course
from mixvocab_book.show.tables import Finding, verdict
from mixvocab_book.sweep.grid import as_text
from mixvocab_book.sweep.results import UNIT, WORDS, Answer, Row

LOSS = Axis(f"held-out loss ({UNIT})", decimals=3)
OPERATIONS = "floating-point operations of all stages (PFLOPs)"


def finding(answer: Answer) -> str:
    """The largest difference that is a finding, and how many are; else that none was found, or what one seed gave."""
    compared = [(row, row.difference) for row in answer.rows if row.difference]
    several = [difference.half_width for _, difference in compared if difference.n > 1]
    if answer.findings:
        costs = _costs(answer.findings[0])
        return f"{costs}; {told.DIFFER(len(answer.findings), len(several))}" if len(several) > 1 else costs
    if several:
        return told.NO_DIFFERENCE.format(margin=f"{max(several):.3f}")
    if compared:
        return _costs(max(compared, key=lambda pair: abs(pair[1].mean))[0])
    return told.NOTHING_TO_COMPARE


def _costs(row: Row) -> str:
    assert row.difference
    assert row.baseline
    names = {"cell": row.cell.told, "baseline": row.baseline.told}
    if row.difference.n < 2:
        return told.ONE_SEED_COSTS(row.difference.mean, **names)
    return told.CELL_COSTS(row.difference.mean, margin=f"{row.difference.half_width:.3f}", **names)


def title(answer: Answer) -> str:
    """An experiment's name and finding."""
    return told.OF_EXPERIMENT.format(topic=answer.experiment.topic, finding=finding(answer))


def caption(answer: Answer) -> str:
    """What an experiment asks, how its differences are judged, and what is missing; the method is told in 7.1."""
    parts, family = [answer.experiment.question, answer.experiment.about], answer.comparisons
    if family:
        level = f"{100 * corrected(family):.3g}%"
        parts.append(f"Intervals of differences at {level}, for {family} comparison{'s' * (family > 1)}.")
    few = [row for row in answer.known if len(row.records) < answer.seeds]
    if few or len(answer.known) < len(answer.rows):
        lacking = f", {len(few)} of them with fewer than {answer.seeds} seeds" if few else ""
        parts.append(f"{told.RECORDED(len(answer.known), len(answer.rows))}{lacking}.")
    return " ".join(filter(None, parts))


def plateau(answer: Answer) -> str:
    """How many of an experiment's students have learned no context in any seed; "" where the guess differs."""
    if answer.guess("word") is None:
        return ""
    still = sum(all(tokens is None for tokens in row.values("left_plateau_tokens")) for row in answer.known)
    return f"{told.ON_PLATEAU(still, len(answer.known), margin=MARGIN)}."


def charts(answer: Answer) -> list[Chart]:
    """An experiment over its axis where that has numbers, else its cells side by side."""
    numbers = all(isinstance(row.cell.value, int | float) for row in answer.known)
    return over_axis(answer) if numbers else [cells(answer)]


def cells(answer: Answer) -> Chart:
    """One row a cell: the mean with its interval over seeds, single seeds, the baseline as a line."""
    rows = {row.cell.label: row for row in answer.known}
    means = {label: row.mean(WORDS) for label, row in rows.items()}
    baselines = [Reference("x", means[label].mean, "baseline") for label, row in rows.items() if row.baseline is None]
    return dots(
        title(answer),
        LOSS,
        means,
        {label: row.values(WORDS) for label, row in rows.items()},
        kinds={label: _kind(row) for label, row in rows.items()},
        references=[*baselines, *_guess(answer, "x", "word")],
    )


def differences(answers: Sequence[Answer]) -> Chart:
    """Every difference to a baseline of as many pieces, with its corrected interval; to the left is better.

    What several experiments compare is drawn once, as the first has it.
    """
    rows: dict[frozenset[str], tuple[str, Row]] = {}
    for answer in answers:
        for row in answer.rows:
            if row.difference and _has_baselines_size(answer, row):
                rows.setdefault(row.pair, (f"{answer.experiment.topic}: {row.cell.told}", row))
    kinds = {name: _kind(row) for name, row in rows.values()}
    drawn = {name: row.difference for name, row in rows.values() if row.difference}
    return dots(
        told.EXCEED(sum(colour > 0 for _, colour in kinds.values()), sum(each.n > 1 for each in drawn.values())),
        Axis(f"difference to the experiment's baseline ({UNIT})", decimals=3),
        drawn,
        {},
        kinds=kinds,
        references=[Reference("x", 0.0, "baseline")],
    )


def beside(answer: Answer, recorded: Answer | None) -> list[str]:
    """What cells of one seed gained here, each with whether that agrees with the recorded runs of the same cells."""
    known = {row.cell.label: row for row in recorded.rows} if recorded else {}
    lines = []
    for row in answer.rows:
        if row.comparison and row.comparison.estimate.n < 2 and row.baseline:
            twin = known.get(row.cell.label)
            gain = twin.difference if twin else None
            found = Finding(gain, f"over {gain.n if gain else 0} seeds")
            told_gain = verdict(row.comparison.estimate, UNIT, 3, beside=found)
            lines.append(f"{row.cell.label} against {row.baseline.label}: {told_gain}")
    return lines


def over_axis(answer: Answer) -> list[Chart]:
    """The cells' means with intervals, a line for each of the experiment's: against its own axis, and against costs."""
    values = tuple(dict.fromkeys(as_text(row.cell.value) for row in answer.known))
    varied = Axis(answer.experiment.axis_label, "categories", categories=values)
    return [
        _over(answer, "as varied", varied, lambda row: as_text(row.cell.value)),
        _over(answer, "operations", Axis(OPERATIONS, "log"), lambda row: row.spent("flops") / 1e15),
    ]


def during_stage_two(answer: Answer) -> Chart:
    """Mean loss behind [MASK] over seeds at each evaluation of stage II, against the operations of all stages."""
    rows = answer.known
    ratio = max(row.spent("flops", "stage one") / row.spent("flops", "stage two") for row in rows)
    return curves(
        told.STAGE_ONE_COST(ratio),
        Axis(OPERATIONS),
        Axis("held-out loss behind [MASK] (nats a piece)", decimals=3),
        {row.cell.label: _course(row) for row in rows},
        dashes=["solid" if row.spent("steps", "stage one") > 0 else "dashed" for row in rows],
        references=_guess(answer, "y", "masked"),
    )


def _course(row: Row) -> list[tuple[float, float]]:
    """(operations, mean loss over seeds) at each evaluation."""
    evaluations, total, stage_two = course(row.records), row.spent("flops"), row.spent("flops", "stage two")
    last = evaluations[-1][0]["step"]
    return [((total - (1 - point["step"] / last) * stage_two) / 1e15, mean.mean) for point, mean in evaluations]


def _over(answer: Answer, name: str, axis: Axis, place: Callable[[Row], float | str]) -> Chart:
    lines = {
        line or "mean over seeds": [(place(row), row.mean(WORDS).mean, row.mean(WORDS).half_width) for row in rows]
        for line, rows in answer.lines().items()
        if len(rows) > 1  # one value of what is varied is no line
    }
    return curves(title(answer), axis, LOSS, lines, references=_guess(answer, "y", "word"), name=name)


def _kind(row: Row) -> tuple[str, int]:
    """What may be said of a row, and its colour in the palette."""
    if row.comparison is None or not row.comparison.finding:
        return "baseline, or no difference found", 0
    return ("lower than the baseline", 2) if row.comparison.estimate.mean < 0 else ("higher than the baseline", 1)


def _guess(answer: Answer, axis: Literal["x", "y"], of: str) -> list[Reference]:
    guess = answer.guess(of)
    return [] if guess is None else [Reference(axis, guess, "guessing by frequency")]


def _has_baselines_size(answer: Answer, row: Row) -> bool:
    """Whether a cell and its baseline have equally many pieces: between sizes, differences are of another order."""
    baselines = [other for other in answer.rows if other.cell is row.baseline]
    return len({pieces for each in (row, *baselines) for pieces in each.values("pieces")}) == 1
