"""What tests of sweeps share: a small grid, and a stand-in for training whose results follow from the settings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from mixvocab.distill.scores import Guess
from mixvocab.distill.steps import Student
from mixvocab.models.parameters import BertShape, Spent
from mixvocab.train.loop import TrainResult
from mixvocab_book.chapter import Chapter
from mixvocab_book.steps.students import Run, student_step

GRID = """
sweeps:
  full: { seeds: 2 }
  reduced: { experiments: [p_sv=0.25, start] }
experiments:
  start:
    question: Which start?
    cells:
      fresh: { method: nokd }
      PCA: { method: mixed, stage_one.steps: 0 }
      stage I: { method: mixed }
    baseline: fresh
  p_sv:
    question: How much of it?
    paper: "0.5"
    method: mixed
    axis: { mixing.p_sv: [0.25, 0.5] }
    baseline: 0.5
"""

Log = list[tuple[str, float, int, int]]  # method, p_sv, steps of stage I, seed


def fake_run(log: Log) -> Callable[[Chapter, str, int], Run]:
    """`students.run` that writes to `log` instead of training."""

    def run(chapter: Chapter, method: str, seed: int) -> Run:
        p_sv = chapter.profile.mixing.p_sv
        log.append((method, p_sv, chapter.profile.stage_one.steps, seed))
        curve = [{"step": 1, "tokens": 100, "loss": 5.0 + p_sv, "masked": 6.0, "right": 0.1}]
        student = Student(Path(), TrainResult(curve, [], 3, 100, 2.0), BertShape(1, 16, 300), Spent())
        nats = 10 + p_sv + seed / 10 + np.arange(20) / 7
        return Run(
            method,
            seed,
            student_step(chapter.plan, "nokd", seed),
            student,
            {"stage one": Spent(40, 1e6, 1.0, 2), "stage two": Spent(100, 3e6, 2.0, 3)},
            np.stack([nats * 2, np.full(20, 2.0)], axis=1),
            Guess(6.5, 0.05, 11.0),
        )

    return run
