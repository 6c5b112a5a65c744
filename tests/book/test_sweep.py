"""A sweep trains every cell once, goes on after a kill, and is shared by several processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import sweeping
from filelock import FileLock

from mixvocab.common.errors import UserError
from mixvocab_book.chapter import Chapter, open_chapter
from mixvocab_book.steps import students
from mixvocab_book.store import records
from mixvocab_book.sweep import cell_records
from mixvocab_book.sweep import run as sweep
from mixvocab_book.sweep.results import plain_table
from mixvocab_book.sweep.workers import Worker

CELLS = [("nokd", 0.5, 2), ("mixed", 0.5, 0), ("mixed", 0.5, 2), ("mixed", 0.25, 2)]


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> sweeping.Log:
    """What was trained, by a stand-in."""
    log: sweeping.Log = []
    monkeypatch.setattr(students, "run", sweeping.fake_run(log))
    return log


@pytest.fixture
def chapter(cache: Path, tiny_corpus: Path, tiny_teacher: Path, tiny_settings: dict[str, Any]) -> Chapter:
    settings = tiny_settings | {"teacher.source": str(tiny_teacher)}
    return open_chapter(sweep.CHAPTER, profile="smoke", data_dir=tiny_corpus, **settings)


@pytest.fixture
def grid(tmp_path: Path) -> Path:
    path = tmp_path / "grid.yaml"
    path.write_text(sweeping.GRID, encoding="utf-8")
    return path


def test_every_cell_once_shared_between_experiments_and_found_again(
    chapter: Chapter, grid: Path, trained: sweeping.Log, capsys: pytest.CaptureFixture[str]
) -> None:
    results = sweep.run_sweep(chapter, "full", grid=grid)
    # p_sv = 0.5 is the profile's own: that cell of one experiment is "stage I" of the other.
    assert trained == [(*cell, seed) for seed in (0, 1) for cell in CELLS]
    assert not results.missing()
    assert "3 of 8 cells done, about" in capsys.readouterr().err
    assert len(list(records.live_folder().glob("*.json"))) == 8
    again = sweep.run_sweep(chapter, "full", grid=grid)
    assert len(trained) == 8
    assert "cells done" not in capsys.readouterr().err
    assert plain_table(again) == plain_table(results)


def test_only_seeds_and_single_cells(chapter: Chapter, grid: Path, trained: sweeping.Log) -> None:
    sweep.run_sweep(chapter, "full", grid=grid, only=["p_sv=0.25"], seeds=1)
    assert trained == [("mixed", 0.25, 2, 0)]
    sweep.run_sweep(chapter, "full", grid=grid, only=["start=PCA", "start=fresh"], seeds=1)
    assert trained[1:] == [("nokd", 0.5, 2, 0), ("mixed", 0.5, 0, 0)]
    results = sweep.run_sweep(chapter, "reduced", grid=grid)
    assert trained[3:] == [("mixed", 0.5, 2, 0)]
    assert [len(one.cells) for one in results.grid.experiments] == [1, 3]


def test_a_cell_that_cannot_be_trained_is_missing_and_the_others_are_not(
    chapter: Chapter, grid: Path, trained: sweeping.Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(chapter: Chapter, method: str, seed: int) -> students.Run:
        if chapter.profile.mixing.p_sv == 0.25 and seed:
            raise UserError("the loss became nan\nby step 3")
        return known(chapter, method, seed)

    known = students.run
    monkeypatch.setattr(students, "run", failing)
    results = sweep.run_sweep(chapter, "full", grid=grid)
    assert [(one.name, cell.label, seed) for one, cell, seed in results.missing()] == [("p_sv", "0.25", 1)]
    table = plain_table(results)
    assert "1 missing: p_sv, 0.25, seed 1" in table
    assert "failed: the loss became nan by step 3" in table
    assert len(trained) == 7


def test_other_code_other_settings_and_other_data_are_other_cells(
    chapter: Chapter, grid: Path, trained: sweeping.Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = {"grid": grid, "only": ["p_sv=0.25"], "seeds": 1}
    sweep.run_sweep(chapter, "full", **cell)
    monkeypatch.setattr(cell_records, "code_fingerprint", lambda room: "changed code")
    sweep.run_sweep(chapter, "full", keep=True, **cell)
    assert len(trained) == 1
    sweep.run_sweep(chapter, "full", **cell)
    assert len(trained) == 2
    assert len(list(records.live_folder().glob("*.json"))) == 1
    (tmp_path / "data" / "text.txt").write_text("another text .\n\nof two documents .", encoding="utf-8")
    chapter.sources.clear()
    sweep.run_sweep(chapter, "full", **cell)
    assert len(trained) == 3
    assert len(list(records.live_folder().glob("*.json"))) == 2


def test_committed_records_count_whatever_the_code_unless_told_otherwise(
    chapter: Chapter, grid: Path, trained: sweeping.Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep.run_sweep(chapter, "full", grid=grid)
    kept = tmp_path / "committed"
    records.live_folder().rename(kept)
    monkeypatch.setattr(records, "committed_folder", lambda: kept)
    monkeypatch.setattr(cell_records, "code_fingerprint", lambda room: "changed code")
    results = sweep.run_sweep(chapter, "full", grid=grid)
    assert len(trained) == 8
    assert not any(record["live"] for record in results.records.values())
    results = sweep.run_sweep(chapter, "full", grid=grid, committed=False)
    assert len(trained) == 16
    assert all(record["live"] for record in results.records.values())


def test_what_another_process_has_taken_is_left_to_it(chapter: Chapter, grid: Path, trained: sweeping.Log) -> None:
    runner_locks = chapter.store.root / ".locks"
    sweep.run_sweep(chapter, "full", grid=grid, only=["p_sv=0.25"], seeds=1)
    (lock,) = runner_locks.glob("cell-*")
    for record in records.live_folder().glob("*.json"):
        record.unlink()
    trained.clear()
    with FileLock(lock):
        results = sweep.run_sweep(chapter, "full", grid=grid, seeds=1, worker=Worker(rank=1, count=2))
    assert ("mixed", 0.25, 2, 0) not in trained
    assert len(trained) == 3
    assert [cell.label for _, cell, _ in results.missing()] == ["0.25"]


# ---- the command, with real training, in processes of its own


def command(grid: Path, data: Path, teacher: Path, settings: dict[str, Any]) -> list[str]:
    """`mixbook sweep` of two experiments at the smallest size."""
    given = settings | {"teacher.source": teacher}
    options = [part for name, value in given.items() for part in ("--set", f"{name}={value}")]
    return ["sweep", "full", "--grid", str(grid), "--profile", "smoke", "--data-dir", str(data), *options]


def environment(cache: Path) -> dict[str, str]:
    own = {"MIXVOCAB_CACHE": str(cache), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    return {k: v for k, v in os.environ.items() if k != "MIXVOCAB_DATA"} | own


def launched(processes: int) -> list[str]:
    """The command line by Accelerate's launcher, as a reader would type it."""
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", str(processes)]
    return [*launch, "--main_process_port", "0", "--mixed_precision", "no", "--dynamo_backend", "no", "-m"]


def table_of(output: str) -> str:
    """The table at the end of a command's output."""
    return output[output.index("start: Which start?") :]


def finished(cache: Path) -> dict[str, str]:
    """Records by file name, with the moment that each was written."""
    return {p.name: records.read(p)["created"] + str(p.stat().st_mtime_ns) for p in (cache / "records").glob("*.json")}


def test_two_processes_share_a_sweep_and_a_killed_one_repeats_nothing(
    tmp_path: Path, grid: Path, tiny_corpus: Path, tiny_teacher: Path, tiny_settings: dict[str, Any]
) -> None:
    arguments = command(grid, tiny_corpus, tiny_teacher, tiny_settings)
    alone, killed = tmp_path / "alone", tmp_path / "killed"
    undisturbed = subprocess.run(
        [*launched(2), "mixvocab_book.cli", *arguments],
        env=environment(alone), capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert undisturbed.returncode == 0, undisturbed.stderr
    assert undisturbed.stderr.count("; now ") == 8  # each cell once
    assert undisturbed.stdout.count("start: Which start?") == 1  # one of them prints the table

    process = subprocess.Popen(
        [sys.executable, "-m", "mixvocab_book.cli", *arguments], env=environment(killed), stdout=subprocess.DEVNULL
    )
    while len(before := finished(killed)) < 3 and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    before = finished(killed)
    assert 3 <= len(before) < 8
    resumed = subprocess.run(
        [sys.executable, "-m", "mixvocab_book.cli", *arguments],
        env=environment(killed), capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert resumed.returncode == 0, resumed.stderr
    assert f"full: {len(before)} of 8 cells done" in resumed.stderr
    assert resumed.stderr.count("; now ") == 8 - len(before)
    assert before.items() <= finished(killed).items()
    assert table_of(resumed.stdout) == table_of(undisturbed.stdout)
