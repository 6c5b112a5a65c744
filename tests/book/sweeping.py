"""What tests of sweeps share: a small grid, and a stand-in for training whose results follow from the settings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from mixvocab_book.chapter import Chapter

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


def fake_record(log: Log) -> Callable[[Chapter, str, int, str], Path]:
    """`students.record` that writes to `log` instead of training."""

    def record(chapter: Chapter, method: str, seed: int, place: str) -> Path:
        p_sv = chapter.profile.mixing.p_sv
        log.append((method, p_sv, chapter.profile.stage_one.steps, seed))
        nats = 10 + p_sv + seed / 10 + np.arange(20) / 7
        return chapter.record(
            place,
            seed=seed,
            params={},
            metrics={
                "heldout": {"masked": 6.0, "right": 0.1},
                "heldout_word_nats": float(nats.mean()),
                "guess": {"masked": 6.5, "right": 0.05, "word": 11.0},
                "left_plateau_tokens": None,
                "parameters": 300,
                "pieces": 300,
                "spent": {"stage one": {"flops": 1e6}, "stage two": {"flops": 3e6}},
            },
            curves={"word_nats": (2 * nats).tolist(), "word_counts": [2] * 20},
        )

    return record
