"""A sweep trains every student once, goes on after a kill, and is shared by several processes."""

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

from mixvocab.common.errors import UserError
from mixvocab_book.chapter import Chapter, open_chapter
from mixvocab_book.cli import main
from mixvocab_book.steps import students
from mixvocab_book.store import records
from mixvocab_book.sweep.grid import load_grid
from mixvocab_book.sweep.results import plain_table
from mixvocab_book.sweep.run import lock_of, recorded_results, run_sweep, take, units_of

CELLS = [("nokd", 0.5, 2), ("mixed", 0.5, 0), ("mixed", 0.5, 2), ("mixed", 0.25, 2)]


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> sweeping.Log:
    """What was trained, by a stand-in."""
    log: sweeping.Log = []
    monkeypatch.setattr(students, "record", sweeping.fake_record(log))
    return log


@pytest.fixture
def chapter(cache: Path, tiny_corpus: Path, tiny_teacher: Path, tiny_settings: dict[str, Any]) -> Chapter:
    settings = tiny_settings | {"teacher.source": str(tiny_teacher)}
    return open_chapter("07_ablations", profile="smoke", data_dir=tiny_corpus, **settings)


@pytest.fixture
def grid(tmp_path: Path) -> Path:
    path = tmp_path / "grid.yaml"
    path.write_text(sweeping.GRID, encoding="utf-8")
    return path


def test_every_student_once_with_a_record_in_its_experiments_folder(
    chapter: Chapter, grid: Path, trained: sweeping.Log, capsys: pytest.CaptureFixture[str]
) -> None:
    results = run_sweep(chapter, "full", path=grid)
    # p_sv = 0.5 is the profile's own: that cell of one experiment is "stage I" of the other.
    assert trained == [(*cell, seed) for seed in (0, 1) for cell in CELLS]
    assert "3 of 8 students done; now ablations/p_sv/0.25, smoke, seed 0" in capsys.readouterr().err
    folder = records.live_folder() / "ablations"
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*.json")} == {
        f"{place}/smoke-s{seed}.json"
        for place in ("start/fresh", "start/pca", "start/stage-i", "p_sv/0.25")
        for seed in (0, 1)
    }
    assert plain_table(results).count("Missing: nothing") == 2


def test_committed_records_are_found_by_what_was_asked(
    grid: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind in ("live_folder", "committed_folder"):
        monkeypatch.setattr(records, kind, lambda: tmp_path / "records")
    known, other = (load_grid("full", profile="smoke", path=grid, overrides=more) for more in ({}, {"hidden": 16}))
    units = units_of(known, range(2))
    for unit in units.values():
        records.write(
            f"ablations/anywhere/{unit.seed}/{unit.key}",
            chapter=unit.chapter,
            profile="smoke",
            seed=unit.seed,
            params={"identity": unit.identity},
            metrics={},
        )
    assert len(units) == 8
    assert recorded_results(known).records.keys() == units.keys()
    assert recorded_results(other).records == {}


def test_only_seeds_and_single_cells(chapter: Chapter, grid: Path, trained: sweeping.Log) -> None:
    run_sweep(chapter, "full", path=grid, only=["p_sv=0.25"], seeds=1)
    assert trained == [("mixed", 0.25, 2, 0)]
    run_sweep(chapter, "reduced", path=grid, only=["start=PCA", "start=fresh"])
    assert trained[1:] == [("nokd", 0.5, 2, 0), ("mixed", 0.5, 0, 0)]


def test_a_student_that_cannot_be_trained_is_missing_and_the_others_are_not(
    chapter: Chapter, grid: Path, trained: sweeping.Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(chapter: Chapter, method: str, seed: int, place: str) -> Path:
        if chapter.profile.mixing.p_sv == 0.25 and seed:
            raise UserError("the loss became nan by step 3")
        return known(chapter, method, seed, place)

    known = students.record
    monkeypatch.setattr(students, "record", failing)
    table = plain_table(run_sweep(chapter, "full", path=grid))
    assert "Missing: 0.25 (1 of 2 seeds)" in table
    assert "failed: ablations/p_sv/0.25, smoke, seed 1: the loss became nan by step 3" in table
    assert len(trained) == 7


def test_what_another_process_is_at_is_left_to_it(grid: Path, tmp_path: Path) -> None:
    first, second, *others = units = list(units_of(load_grid("full", profile="smoke", path=grid), [0]).values())
    with lock_of(first, tmp_path):
        assert list(take(units, tmp_path)) == [second, *others]
    order = []
    lock = lock_of(first, tmp_path)
    lock.acquire()
    for unit in take(units, tmp_path, wait=True):
        order.append(unit)
        lock.release()
    assert order == [second, *others, first]


# ---- the command, with real training, in processes of its own


def table_of(output: str) -> str:
    """The table at the end of a command's output."""
    return output[output.index("init: ") :]


def finished(cache: Path) -> dict[Path, int]:
    """Students in the store, with the moment that each was written."""
    return {path: path.stat().st_mtime_ns for path in (cache / "artefacts" / "stage-two").glob("*/manifest.json")}


def test_two_processes_share_a_sweep_and_a_killed_one_repeats_nothing(
    tmp_path: Path,
    tiny_corpus: Path,
    tiny_teacher: Path,
    tiny_settings: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = tiny_settings | {"teacher.source": tiny_teacher}
    options = [part for name, value in given.items() for part in ("--set", f"{name}={value}")]
    only = [part for cell in ("init=NoKD", "init=PCA", "p_sv=0.25", "p_sv=0.5") for part in ("--only", cell)]
    sizes = ["--profile", "smoke", "--seeds", "2", "--data-dir", str(tiny_corpus)]
    sweep = ["sweep", "full", *sizes, *only, *options]

    def start(cache: Path) -> subprocess.Popen[str]:
        own = {"MIXVOCAB_CACHE": str(cache), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
        environment = {name: value for name, value in os.environ.items() if name != "MIXVOCAB_DATA"} | own
        command = [sys.executable, "-m", "mixvocab_book.cli", *sweep]
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    together = [start(tmp_path / "together") for _ in range(2)]
    said = [process.communicate(timeout=600) for process in together]
    assert [process.returncode for process in together] == [0, 0], said
    assert len(finished(tmp_path / "together")) == 8
    assert table_of(said[0][0]) == table_of(said[1][0])

    killed = tmp_path / "killed"
    process = start(killed)
    while len(finished(killed)) < 3 and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    before = finished(killed)
    assert 3 <= len(before) < 8
    monkeypatch.setenv("MIXVOCAB_CACHE", str(killed))
    monkeypatch.delenv("MIXVOCAB_DATA", raising=False)
    with pytest.raises(SystemExit) as resumed:
        main(sweep)
    assert not resumed.value.code
    assert before.items() <= finished(killed).items()
    assert table_of(capsys.readouterr().out) == table_of(said[0][0])
