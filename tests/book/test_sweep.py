"""A sweep: every cell once, one record each, gone on with after a kill, shared by several processes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mixvocab.book import cell_records, records, sweep
from mixvocab.book.ablations import plain_table
from mixvocab.book.chapter import Chapter, open_chapter

GRID = """
sweeps:
  full: { seeds: 2, experiments: all }
  reduced: { experiments: [start] }
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
    method: mixed
    axis: { mixing.p_sv: [0.25, 0.5] }
    baseline: 0.5
"""


@dataclass
class Spent:
    tokens_read: int
    flops: float
    seconds: float
    steps: int


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, float, int, int]]:
    """What was trained, with a stand-in for training: the nats follow from settings and seed."""
    log: list[tuple[str, float, int, int]] = []

    def method(name: str) -> Any:
        def run(chapter: Chapter) -> Any:
            first, mixing = chapter.profile.stage_one, chapter.profile.mixing
            log.append((name, mixing.p_sv, first.steps, chapter.seed))
            nats = 10 + mixing.p_sv + chapter.seed / 10 + np.arange(8) / 100
            curve = [{"step": 1, "loss": 5.0}]
            return SimpleNamespace(
                student=SimpleNamespace(result=SimpleNamespace(curve=curve)),
                parameters=1000,
                pieces=300,
                spent={"stage two": Spent(100, 1e6, 2.0, 3)},
                heldout_piece=5.0 + mixing.p_sv,
                words=np.stack([nats * 2, np.full(8, 2.0)], axis=1),
                notes={},
            )

        return run

    monkeypatch.setattr(cell_records, "methods", lambda: {name: method(name) for name in ("nokd", "mixed")})
    monkeypatch.setattr(cell_records, "code", lambda: "code")
    return log


@pytest.fixture
def chapter(cache: Path, tiny_corpus: Path, tiny_teacher: Path, tiny_settings: dict[str, Any]) -> Chapter:
    return open_chapter(
        sweep.CHAPTER, profile="smoke", data_dir=tiny_corpus, **tiny_settings, **{"teacher.source": str(tiny_teacher)}
    )


@pytest.fixture
def grid(tmp_path: Path) -> Path:
    path = tmp_path / "grid.yaml"
    path.write_text(GRID, encoding="utf-8")
    return path


def test_every_cell_once_and_shared_between_experiments(
    chapter: Chapter, grid: Path, trained: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    results = sweep.run_sweep(chapter, "full", grid=grid)
    # p_sv = 0.5 is the profile's own: that cell is "stage I" of the other experiment.
    assert trained == [
        (name, p_sv, steps, seed)
        for seed in (0, 1)
        for name, p_sv, steps in (("nokd", 0.5, 2), ("mixed", 0.5, 0), ("mixed", 0.5, 2), ("mixed", 0.25, 2))
    ]
    assert not results.missing()
    assert "3 of 8 cells done, about" in capsys.readouterr().out
    assert len(list(records.live_folder().glob("*.json"))) == 8
    again = sweep.run_sweep(chapter, "full", grid=grid)
    assert len(trained) == 8
    assert plain_table(again) == plain_table(results)
