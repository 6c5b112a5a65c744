"""The charts of chapter 07: cells side by side, curves over an axis or over what was spent, and all differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from mixvocab.widgets.charts import Axis, Chart, Reference, curves, dots
from mixvocab_book.show import told
from mixvocab_book.show.entries import course
from mixvocab_book.show.tables import Finding, verdict
from mixvocab_book.sweep.grid import as_text
from mixvocab_book.sweep.results import UNIT, WORDS, Answer, Row

LOSS = Axis(f"held-out loss ({UNIT})", decimals=3)
OPERATIONS = "floating-point operations of all stages (PFLOPs)"


def cells(answer: Answer) -> Chart:
    """One row a cell: the mean with its interval over seeds, single seeds, the baseline as a line."""
    rows = {row.cell.label: row for row in answer.known}
    means = {label: row.mean(WORDS) for label, row in rows.items()}
    baselines = [Reference("x", means[label].mean, "baseline") for label, row in rows.items() if row.baseline is None]
    return dots(
        answer.title,
        LOSS,
        means,
        {label: row.values(WORDS) for label, row in rows.items()},
        kinds={label: _kind(row) for label, row in rows.items()},
        references=[*baselines, *_guess(answer, "x", "word")],
    )


def differences(answers: Sequence[Answer]) -> Chart:
    """Every difference to a baseline of as many pieces, with its corrected interval; to the left is better."""
    rows = {
        f"{answer.experiment.name.replace('_', ' ')}: {row.cell.label}": row
        for answer in answers
        for row in answer.rows
        if row.comparison and _has_baselines_size(answer, row)
    }
    kinds = {name: _kind(row) for name, row in rows.items()}
    intervals = sum(row.comparison is not None and row.comparison.estimate.n > 1 for row in rows.values())
    return dots(
        told.EXCEED(sum(colour > 0 for _, colour in kinds.values()), intervals),
        Axis(f"difference to the experiment's baseline ({UNIT})", decimals=3),
        {name: row.comparison.estimate for name, row in rows.items() if row.comparison},
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
            gain = twin.comparison.estimate if twin and twin.comparison else None
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
    }
    return curves(answer.title, axis, LOSS, lines, references=_guess(answer, "y", "word"), name=name)


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
