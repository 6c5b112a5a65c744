"""Students of the compared methods (`mixvocab.distill.methods`): trained through the store, scored, recorded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mixvocab.common.errors import UserError
from mixvocab.common.store import refs
from mixvocab.distill.methods import find_method, methods
from mixvocab.distill.scores import FrequencyGuess, Guess, WordScores
from mixvocab.distill.steps import StageTwo, Student, StudentStep
from mixvocab.evaluate.word_scores import left_plateau
from mixvocab.models.flops import Spent
from mixvocab.pipeline import Plan

if TYPE_CHECKING:
    from mixvocab_book.chapter import Chapter

CHAPTER_4 = ("nokd", "nokd-wide", "pca", "pca-frequency", "paper", "mixed", "nokd-matched")  # what it compares


@dataclass(frozen=True)
class Run:
    """The student of a method and a seed, what it cost and how well it does."""

    method: str
    seed: int
    step: StudentStep
    student: Student
    costs: Mapping[str, Spent]  # by stage: "teacher" (made for this student), "stage one", "stage two"
    words: np.ndarray  # (rows, 2) summed -log p of the masked words and their number: one measure for all vocabularies
    guess: Guess
    notes: Mapping[str, Any]

    @property
    def title(self) -> str:
        """The method's, as figures show it."""
        return methods()[self.method].title

    @property
    def masked(self) -> float:
        """Held-out loss behind [MASK] after stage II, nats a piece."""
        return self.student.scores["masked"]

    @property
    def right(self) -> float:
        """Share of the held-out pieces behind [MASK] that its best guess is right about."""
        return self.student.scores["right"]

    @property
    def word(self) -> float:
        """Nats a whole hidden word."""
        nats, hidden = self.words.sum(axis=0)
        return float(nats / hidden)

    @property
    def tokens(self) -> tuple[int, int]:
        """Tokens read in stage I and in stage II."""
        return tokens_by_stage(self.costs)

    @property
    def spent(self) -> Spent:
        """By all stages together."""
        return sum(self.costs.values(), Spent())

    @property
    def left_plateau(self) -> float | None:
        """Tokens of stage II after which it was clearly better than guessing by frequency; None: it is not yet."""
        return left_plateau(self.student.result.curve, self.guess.masked)


def tokens_by_stage(costs: Mapping[str, Spent]) -> tuple[int, int]:
    """Tokens read in stage I and in stage II, of a student's costs."""
    first, second = (costs.get(stage, Spent()).tokens_read for stage in ("stage one", "stage two"))
    return first, second


def student_step(plan: Plan, method: str, seed: int) -> StudentStep:
    """The step that makes the student of that method. Raises UserError for an unknown one."""
    known = find_method(method)
    step = known.student(plan, seed)
    return replace(step, label=f"{known.title}, seed {seed}") if isinstance(step, StageTwo) else step


def run(chapter: Chapter, method: str, seed: int) -> Run:
    """The student of that method; what was made before is found again."""
    step, get = student_step(chapter.plan, method, seed), chapter.get
    student = get(step)
    return Run(
        method,
        seed,
        step,
        student,
        step.costs(chapter.store),
        get(WordScores(step)),
        get(FrequencyGuess.beside(step)),
        step.notes(chapter.store),
    )


def chosen(given: str) -> list[str]:
    """The methods named in a comma-separated list, in their order. Raises UserError for an unknown one."""
    names = {name.strip() for name in given.split(",")}
    for name in sorted(names - set(methods())):
        raise UserError(f"students: {name!r} is unknown; choose from {', '.join(CHAPTER_4)}")
    return [name for name in methods() if name in names]


def runs(chapter: Chapter, names: Iterable[str]) -> list[Run]:
    """Every method for every seed of the chapter."""
    return [run(chapter, name, seed) for seed in chapter.seeds for name in names]


def record(chapter: Chapter, done: Run, name: str | None = None, **params: Any) -> Path:
    """The record of a run, as `name` if it is to have another than the method's; `params` join the profile's.

    Its curves are those of training and, by held-out text, the nats of the masked words and their number, in blocks of
    rows.
    """
    first = getattr(done.step, "init", None)
    stage_one = chapter.get(first).result if first else None
    student, shape = done.student, done.student.shape
    nats, counts = blocks(done.words).T
    return chapter.record(
        name or f"student-{done.method}",
        seed=done.seed,
        params=chapter.profile.model_dump(mode="json", exclude={"glue", "snips", "edge", "seeds"})
        | {"method": done.method, "size": shape.name, "identity": done.step.asked}
        | params,
        metrics={
            "heldout": {name: value for name, value in student.scores.items() if name not in _COURSE},
            "heldout_word_nats": done.word,
            "guess": asdict(done.guess),
            "left_plateau_tokens": done.left_plateau,
            "parameters": shape.total_params,
            "pieces": shape.vocab_size,
            "spent": {stage: vars(cost) | {"seconds": round(cost.seconds, 2)} for stage, cost in done.costs.items()},
            "notes": dict(done.notes),
        },
        curves={
            "stage_one": stage_one.curve if stage_one else [],
            "stage_two": student.result.curve,
            "word_nats": [round(float(value), 4) for value in nats],
            "word_counts": [int(value) for value in counts],
        },
        sources=[ref.value.source for ref in refs(done.step)],
        seconds=done.spent.seconds,
    )


def blocks(rows: np.ndarray) -> np.ndarray:
    """Sums over BLOCK consecutive rows each: (rows, 2) -> (blocks, 2); the last block may be of fewer."""
    return np.add.reduceat(rows, np.arange(0, len(rows), BLOCK), axis=0)


BLOCK = 8  # consecutive held-out rows that are resampled together: neighbours are of one document
_COURSE = ("step", "tokens", "seconds")  # of a curve's point: where it lies, not what it scores
