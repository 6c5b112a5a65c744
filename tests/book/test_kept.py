"""The student that is kept for the pages: the best recorded one on real data, and never another."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mixvocab.common.errors import UserError
from mixvocab.common.store import Store
from mixvocab.edge.runtime import FLOATS, ROUNDED
from mixvocab.sources.source import Source
from mixvocab.tasks.encoding import TASK, TOKENIZER
from mixvocab_book.store import records
from mixvocab_book.sweep import kept as keeping
from mixvocab_book.sweep.kept import keep_best, kept
from mixvocab_book.sweep.queue import Queue
from mixvocab_book.sweep.run import Unit

SOURCE = Source("snips", "SNIPS", "data-dir", "snips", "CC0", "0" * 64, True)


def unit(method: str) -> Unit:
    return Unit(method, "snips", "smoke", {}, 0, f"snips/{method}")


def recorded(method: str, frames: float, real: bool = True) -> None:
    records.write(
        f"snips/{method}",
        chapter="06_snips",
        profile="smoke",
        seed=0,
        params={"method": method, "identity": unit(method).identity},
        metrics={
            "dev": {"frame_accuracy": frames},
            "test": {"intent_accuracy": 0.981, "slot_f1": 0.9123, "frame_accuracy": 0.75},
        },
        sources=[replace(SOURCE, real=real)],
    )


@pytest.fixture
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Queue:
    """A queue whose store has every student but that of the paper, and answers an export with files that name it."""

    def exported(_: Store, step: keeping.Export) -> Path:
        folder = tmp_path / "exported"
        folder.mkdir(exist_ok=True)
        for name in (FLOATS, ROUNDED, TOKENIZER, TASK):
            (folder / name).write_text(f"{step.model.label} {name}")
        return folder

    monkeypatch.setattr(Store, "get", exported)
    there = lambda _, step: tmp_path / ("lost" if "paper" in step.label else "")  # noqa: E731
    monkeypatch.setattr(Store, "place", there)
    for kind in ("live_folder", "committed_folder"):
        monkeypatch.setattr(records, kind, lambda: tmp_path / "records")
    return Queue(tmp_path, tmp_path / "store", tmp_path / "records")


def test_the_best_on_development_data_is_kept(queue: Queue) -> None:
    units = [unit(method) for method in ("pca", "nokd", "stackprop", "mixed", "paper")]
    assert kept() is None
    with pytest.raises(UserError, match="run `mixbook record` first"):
        keep_best(queue, units)
    recorded("pca", 0.7)
    recorded("nokd", 0.8)
    recorded("stackprop", 0.95)  # no student
    recorded("mixed", 0.99, real=False)
    recorded("paper", 0.99)  # its files are elsewhere
    assert keep_best(queue, units) == Path("snips/nokd/smoke-s0.json")
    best = kept()
    assert best
    assert sorted(path.name for path in best.folder.iterdir()) == sorted([keeping.ABOUT, ROUNDED, TOKENIZER, TASK])
    assert (best.folder / ROUNDED).read_text() == f"SNIPS, NoKD, seed 0 {ROUNDED}"
    assert best.sources == [SOURCE]
    assert best.scores == {"intent accuracy": "98.1%", "slot F1": "91.2", "whole frames": "75.0%"}
    recorded("pca", 0.9)
    assert keep_best(queue, units) == Path("snips/pca/smoke-s0.json")
    assert json.loads((best.folder / keeping.ABOUT).read_text()) == {"record": "snips/pca/smoke-s0.json"}


def test_a_kept_model_without_its_record_is_named(queue: Queue) -> None:
    folder = queue.records / "models" / "snips"
    folder.mkdir(parents=True)
    (folder / keeping.ABOUT).write_text('{"record": "snips/gone/smoke-s0.json"}')
    with pytest.raises(UserError, match=r"snips/gone/smoke-s0\.json"):
        kept()
