"""The queue: what the list asks for, what is done is not done again, and a kill changes nothing."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mixvocab.common.errors import UserError
from mixvocab_book.store import records
from mixvocab_book.sweep import queue as queues
from mixvocab_book.sweep.queue import Queue, load_wanted, work
from mixvocab_book.sweep.run import Unit, lock_of


@pytest.fixture
def queue(tmp_path: Path) -> Queue:
    """A queue of this checkout that keeps its records elsewhere."""
    return Queue(Queue.find().root, tmp_path / "store", tmp_path / "records")


def state(queue: Queue, unit: Unit) -> str:
    return queue.status(unit).split()[0]


def wanted(folder: Path, *entries: str) -> Path:
    path = folder / "wanted.yaml"
    path.write_text("\n".join(f"- {{ {entry} }}" for entry in entries))
    return path


def test_the_order_is_priority_then_seed_then_students_before_tasks(tmp_path: Path) -> None:
    path = wanted(
        tmp_path,
        "methods: [nokd, pca], tasks: [snips, sst2], profile: smoke, seeds: [0, 1], priority: 2",
        "methods: [pca], profile: smoke, seeds: [0], priority: 1, set: {stage_two.steps: 1000}",
        "methods: [stackprop], tasks: [snips], profile: smoke, seeds: [0], priority: 1",
        "cells: [p_sv], profile: smoke, seeds: [0], priority: 3",
    )
    units = load_wanted(path)
    assert [unit.place for unit in units if not unit.seed] == [
        "students/l2h32-512k/pca",
        "snips/stackprop",
        *(f"students/l2h32-12k/{method}" for method in ("nokd", "pca")),  # several queues never wait for one student
        *(f"{kind}/l2h32-12k/{method}" for method in ("nokd", "pca") for kind in ("snips", "glue/sst-2")),
        *(f"ablations/p_sv/{value}" for value in (0, 0.25, 0.5, 0.75, 1)),
    ]
    assert [unit.seed for unit in units] == [0] * 8 + [1] * 6 + [0] * 5
    assert {unit.chapter for unit in units} == {"04_stage_two", "05_glue", "06_snips", "07_ablations"}
    assert len({unit.identity for unit in units}) == len(units)


def test_a_student_of_two_experiments_is_wanted_once(tmp_path: Path) -> None:
    one = "cells: [init=PCA], profile: smoke, seeds: [0], priority: 1"
    path = wanted(tmp_path, one, "cells: [stage_one_length], profile: smoke, seeds: [0], priority: 2")
    places = [unit.place for unit in load_wanted(path)]
    assert places[0] == "ablations/init/pca"
    assert "ablations/stage_one_length/pca-0" not in places


def test_methods_that_share_a_student_have_a_record_of_it_each(tmp_path: Path) -> None:
    path = wanted(tmp_path, "methods: [mixed, mixed-tinybert], profile: smoke, seeds: [0], priority: 1")
    first, second = load_wanted(path)
    assert first.identity == second.identity
    assert first.file != second.file


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("methods: [nokt], profile: smoke, seeds: [0], priority: 1", "methods: 'nokt' is unknown; choose from nokd"),
        ("methods: [nokd], profile: smok, seeds: [0], priority: 1", "profile 'smok' is unknown"),
        ("methods: [nokd], tasks: [foo], profile: smoke, seeds: [0], priority: 1", "no task 'foo'"),
        ("methods: [nokd], profile: smoke, seeds: [-1], priority: 1", "seeds.entry 1: Input should be"),
        ("methods: [nokd], profile: smoke, priority: 1", "seeds: Field required"),
        ("cells: [init=foo], profile: smoke, seeds: [0], priority: 1", "'init=foo' is neither an experiment nor"),
        ("cells: [init], profile: smoke, seeds: [0], priority: 1, set: {p_sv: 1}", "cells take no set"),
        ("method: [nokd], profile: smoke, seeds: [0], priority: 1", "method: Extra inputs"),
        ("methods: [pca], profile: smoke, seeds: [0], priority: 1, set: {steps: 1}", "setting 'steps' is ambiguous"),
    ],
)
def test_a_wrong_entry_is_named(tmp_path: Path, entry: str, told: str) -> None:
    path = wanted(tmp_path, "methods: [nokd], profile: smoke, seeds: [0], priority: 1", entry)
    with pytest.raises(UserError, match="entry 2") as caught:
        load_wanted(path)
    assert told in str(caught.value)


def test_a_list_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "wanted.yaml"
    with pytest.raises(UserError, match=r"wanted\.yaml cannot be read"):
        load_wanted(path)
    path.write_text("methods: [nokd]")
    with pytest.raises(UserError, match="Input should be a valid list"):
        load_wanted(path)


def test_the_projects_own_list_can_be_read() -> None:
    units = load_wanted(Queue.find().records / "wanted.yaml")
    assert len({unit.file for unit in units}) == len(units) > 0


def unit_of(folder: Path, steps: int = 60) -> Unit:
    tiny = (
        "corpus.megabytes: 0.05, corpus.heldout: 0.1, vocabulary.megabytes: 0.05, vocabulary.size: 300, "
        "mixing.length: 24, "
        f"stage_two.steps: {steps}, stage_two.evaluations: 6"
    )
    path = wanted(folder, f"methods: [pca], profile: smoke, seeds: [0], priority: 1, set: {{ {tiny} }}")
    (unit,) = load_wanted(path)
    return unit


def without_clock(value: Any) -> Any:
    """A record, or a part of one, without what the clock wrote: the rest of two runs of one commit is the same."""
    if isinstance(value, dict):
        return {name: without_clock(part) for name, part in value.items() if name not in ("created", "seconds")}
    return [without_clock(part) for part in value] if isinstance(value, list) else value


def test_a_killed_run_goes_on_and_writes_the_same_record(
    queue: Queue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("MIXVOCAB_DATA", raising=False)
    plain = queues.command
    monkeypatch.setattr(queues, "command", lambda unit: plain(unit)[3:])  # at the test's own priority
    unit = unit_of(tmp_path)
    assert state(queue, unit) == "missing"
    assert work(queue, [unit], here=True) == [unit]
    path = queue.records / unit.file
    undisturbed = records.read(path)
    assert undisturbed["seed"] == 0
    assert work(queue, [unit], here=True) == []  # it is there
    path.unlink()
    disturbed = Queue(queue.root, tmp_path / "second", queue.records)
    # A run of many seconds that is killed, together with its queue, once it trains.
    monkeypatch.setenv("PYTHONPATH", str(queue.root))
    script = f"""
from pathlib import Path
from mixvocab_book.sweep import queue
plain = queue.command
queue.command = lambda unit: plain(unit)[3:]
units = queue.load_wanted(Path({str(tmp_path / "wanted.yaml")!r}))
queue.work(queue.Queue(*map(Path, {list(map(str, (queue.root, disturbed.store, queue.records)))!r})), units, here=True)
"""
    first = subprocess.Popen([sys.executable, "-c", script], start_new_session=True)
    log = disturbed.store / "artefacts"
    deadline = time.monotonic() + 240
    while not list(log.glob(".making/*/run")) and first.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert first.poll() is None
    assert state(disturbed, unit) == "running"
    children = subprocess.run(["pgrep", "-P", str(first.pid)], capture_output=True, text=True).stdout.split()
    os.kill(first.pid, signal.SIGKILL)
    for child in children:
        os.kill(int(child), signal.SIGKILL)
    first.wait()
    assert not path.exists()
    assert state(disturbed, unit) == "begun"
    assert work(disturbed, [unit], here=True) == [unit]
    assert without_clock(records.read(path)) == without_clock(undisturbed)
    assert "goes on" in capfd.readouterr().out
    assert state(disturbed, unit) == "recorded"


def test_time_is_up_before_a_run_is_done(queue: Queue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unit = unit_of(tmp_path)
    script = (
        "import os, signal, time\n"
        "def stop(*_):\n"
        "    signal.signal(signal.SIGTERM, signal.SIG_DFL); os.kill(os.getpid(), signal.SIGTERM)\n"
        "signal.signal(signal.SIGTERM, stop)\n"
        "time.sleep(60)\n"
    )
    monkeypatch.setattr(queues, "command", lambda unit: [sys.executable, "-c", script])
    started = time.monotonic()
    assert work(queue, [unit, unit], minutes=0.05, here=True) == []
    assert time.monotonic() - started < 30
    assert state(queue, unit) == "begun"


def test_what_another_queue_is_at_is_left_to_it(queue: Queue, tmp_path: Path) -> None:
    unit = unit_of(tmp_path)
    queue.locks.mkdir(parents=True)
    with lock_of(unit, queue.locks):
        assert state(queue, unit) == "running"
        tuned = replace(unit, task="snips", place="snips/l2h32-1k/pca")  # nor is its student waited for
        assert work(queue, [unit, tuned], here=True) == []


def test_a_failed_run_is_named(
    queue: Queue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    unit = unit_of(tmp_path)
    monkeypatch.setattr(queues, "command", lambda unit: [sys.executable, "-c", "raise SystemExit('no text')"])
    with pytest.raises(UserError, match="seed 0 failed, as said above"):
        work(queue, [unit], here=True)
    assert "no text" in capfd.readouterr().err
    assert state(queue, unit) == "missing"  # a later commit may mend it


def test_a_work_tree_is_of_the_commit_and_clean(tmp_path: Path) -> None:
    root = tmp_path / "project"
    root.mkdir()
    queue = Queue(root, tmp_path / "store", root / "records")
    queue.git("init", "-q")
    queue.git("config", "user.email", "a@b")
    queue.git("config", "user.name", "a")
    (root / "pyproject.toml").write_text("one")
    queue.git("add", "-A")
    queue.git("commit", "-qm", "one")
    commit = queue.git("rev-parse", "HEAD")
    (root / "pyproject.toml").write_text("edited meanwhile")
    tree = queue.tree(commit)
    assert (tree / "pyproject.toml").read_text() == "one"
    assert queue.tree(commit) == tree
    with pytest.raises(UserError, match="git worktree"):
        queue.tree("0" * 40)
