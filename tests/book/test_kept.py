"""The student that is kept for the pages: the best recorded one on real data, and never another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mixvocab.common.errors import UserError
from mixvocab.edge.bundle import FLOATS, ROUNDED, TASK, TOKENIZER
from mixvocab.sources.source import Source
from mixvocab_book.store import records
from mixvocab_book.sweep import kept as keeping
from mixvocab_book.sweep.kept import keep_best, kept, set_aside

SOURCE = Source("snips", "SNIPS", "data-dir", "snips", "CC0", "0" * 64, True)


def recorded(folder: Path, name: str, frames: float, method: str = "pca", real: bool = True) -> str:
    metrics: dict[str, Any] = {
        "dev": {"frame_accuracy": frames},
        "test": {"intent_accuracy": 0.981, "slot_f1": 0.9123, "frame_accuracy": 0.75},
    }
    source = Source(*[*vars(SOURCE).values()][:-1], real)
    params = {"method": method}
    path = records.write(
        name,
        chapter="06_snips",
        profile="smoke",
        seed=0,
        params=params,
        metrics=metrics,
        sources=[source],
        folder=folder,
    )
    return path.stem


def exported(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True)
    for name in (FLOATS, ROUNDED, TOKENIZER, TASK):
        (folder / name).write_text(f"{text} {name}")
    return folder


def test_the_best_on_development_data_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    committed, models = tmp_path / "records", tmp_path / "models"
    committed.mkdir()
    monkeypatch.setattr(records, "committed_folder", lambda: committed)
    assert kept() is None
    with pytest.raises(UserError, match="run `mixbook record` first"):
        keep_best(committed, models)
    for name, frames, more in (
        ("snips-pca", 0.7, {}),
        ("snips-nokd", 0.8, {}),
        ("snips-stackprop", 0.95, {"method": "stackprop"}),
        ("snips-synthetic", 0.99, {"real": False}),
    ):
        stem = recorded(committed, name, frames, **more)  # type: ignore[arg-type]
        set_aside(exported(tmp_path / name, name), models / stem)
    recorded(committed, "snips-elsewhere", 0.9)  # recorded, but exported on another machine
    assert keep_best(committed, models).name == "snips-nokd-smoke-s0.json"
    found = kept()
    assert found is not None
    assert sorted(path.name for path in found.folder.iterdir()) == sorted([keeping.ABOUT, ROUNDED, TOKENIZER, TASK])
    assert (found.folder / ROUNDED).read_text() == f"snips-nokd {ROUNDED}"
    assert found.sources == [SOURCE]
    assert found.scores == {"intent accuracy": "98.1%", "slot F1": "91.2", "whole frames": "75.0%"}
    recorded(committed, "snips-pca", 0.9)
    assert keep_best(committed, models).name == "snips-pca-smoke-s0.json"
    assert json.loads((committed / "models" / "snips" / keeping.ABOUT).read_text())["record"].startswith("snips-pca")


def test_a_kept_model_without_its_record_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "committed_folder", lambda: tmp_path)
    folder = tmp_path / "models" / "snips"
    folder.mkdir(parents=True)
    (folder / keeping.ABOUT).write_text('{"record": "snips-gone-smoke-s0.json"}')
    with pytest.raises(UserError, match=r"snips-gone-smoke-s0\.json, which is not there"):
        kept()
