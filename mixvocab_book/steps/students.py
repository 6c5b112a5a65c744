"""Students of the compared methods (`mixvocab.distill.methods`): trained through the store, scored, recorded."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from mixvocab.common.store import sources
from mixvocab.distill.methods import find_method, methods
from mixvocab.distill.scores import FrequencyGuess, WordScores
from mixvocab.distill.steps import StageTwo, StudentStep
from mixvocab.evaluate.word_scores import left_plateau
from mixvocab.pipeline import Plan
from mixvocab.settings.profiles import Profile
from mixvocab_book.chapter import Chapter
from mixvocab_book.store.records import tokens_asked

BLOCK = 8  # consecutive held-out rows that are resampled together: neighbours are of one document
OTHER_CHAPTERS = {"glue", "snips", "edge", "seeds"}  # sections of a profile that no student depends on


def student_step(plan: Plan, method: str, seed: int) -> StudentStep:
    """The step that makes the student of that method. Raises UserError for an unknown one."""
    known = find_method(method)
    step = known.student(plan, seed)
    return replace(step, label=f"{known.title}, seed {seed}") if isinstance(step, StageTwo) else step


def place_of(task: str, method: str, profile: Profile) -> str:
    """Where records of a method are: "glue/sst-2/l6h96-10m/pca", with a student's size and the tokens it is to read.

    `task`: "" for the student itself.
    """
    kind = {"": "students", "snips": "snips"}.get(task, f"glue/{task.lower()}")
    if method not in methods():
        return f"{kind}/{method}"
    size = methods()[method].size.format_map(vars(profile.student))
    asked = tokens_asked(profile.model_dump())
    tokens = f"{asked / 1e6:.0f}m" if asked >= 1e6 else f"{asked / 1e3:.0f}k"
    return f"{kind}/{size}-{tokens}/{method}"


def record(chapter: Chapter, method: str, seed: int, place: str | None = None) -> Path:
    """The record of the student of that method at `place` (None: by method); what was made before is found again.

    The nats of masked words are in it by blocks of held-out rows.
    """
    step = student_step(chapter.plan, method, seed)
    student, costs = chapter.get(step), step.costs(chapter.store)
    words = chapter.get(WordScores(step))  # (rows, 2) summed -log p of the masked words and their number
    guess = chapter.get(FrequencyGuess(step.vocabulary, step.rows, step.mixing, step.heldout_batches))
    first = getattr(step, "init", None)
    stage_one = chapter.get(first).result if first else None
    heldout = {name: value for name, value in student.scores.items() if name not in ("step", "tokens", "seconds")}
    nats, counts = np.add.reduceat(words, np.arange(0, len(words), BLOCK)).T  # the last may be of fewer
    return chapter.record(
        place or place_of("", method, chapter.profile),
        seed=seed,
        params=chapter.profile.model_dump(mode="json", exclude=OTHER_CHAPTERS)
        | {"method": method, "size": student.shape.name, "identity": step.asked},
        metrics={
            "heldout": heldout,
            "heldout_word_nats": float(np.divide(*words.sum(axis=0))),
            "guess": asdict(guess),
            "left_plateau_tokens": left_plateau(student.result.curve, guess.masked),
            "parameters": student.shape.total_params,
            "pieces": student.shape.vocab_size,
            "spent": {stage: vars(cost) | {"seconds": round(cost.seconds, 2)} for stage, cost in costs.items()},
        },
        curves={
            "stage_one": stage_one.curve if stage_one else [],
            "stage_two": student.result.curve,
            "word_nats": [round(float(value), 4) for value in nats],
            "word_counts": [int(value) for value in counts],
        },
        sources=sources(step),
        seconds=sum(cost.seconds for cost in costs.values()),
    )
