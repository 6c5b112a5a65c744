"""What tests of sweeps share: a small grid, and a stand-in for training whose results follow from the settings."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from mixvocab.book.chapter import Chapter

GRID = """
sweeps:
  full: { seeds: 2, experiments: all }
  reduced: { experiments: [{ p_sv: [0.25] }, start] }
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


@dataclass
class Spent:
    tokens_read: int
    flops: float
    seconds: float
    steps: int


def fake_methods(log: Log) -> dict[str, Any]:
    """Methods that write to `log` instead of training."""

    def method(name: str) -> Any:
        def run(chapter: Chapter) -> Any:
            first, mixing = chapter.profile.stage_one, chapter.profile.mixing
            log.append((name, mixing.p_sv, first.steps, chapter.seed))
            nats = 10 + mixing.p_sv + chapter.seed / 10 + np.arange(20) / 7
            curve = [{"step": 1, "loss": 5.0, "masked": 6.0}]
            return SimpleNamespace(
                student=SimpleNamespace(result=SimpleNamespace(curve=curve)),
                parameters=1000,
                pieces=300,
                spent={"stage one": Spent(40, 1e6, 1.0, 2), "stage two": Spent(100, 3e6, 2.0, 3)},
                heldout={"loss": 5.0 + mixing.p_sv, "masked": 6.0, "right": 0.1},
                words=np.stack([nats * 2, np.full(20, 2.0)], axis=1),
                notes={"aligned": 0.5},
            )

        return run

    return {name: method(name) for name in ("nokd", "mixed")}
