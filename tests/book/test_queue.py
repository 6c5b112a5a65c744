"""The queue: what the list asks for, what is done is not done again, and a kill changes nothing."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mixvocab.common.errors import UserError
from mixvocab.common.files import write_json
from mixvocab_book.store import records
from mixvocab_book.sweep import queue as queues
from mixvocab_book.sweep.queue import Queue, Unit, load_wanted, table, work


@pytest.fixture
def queue(tmp_path: Path) -> Queue:
    """A queue of this checkout that keeps its records elsewhere."""
    found = Queue.find(tmp_path / "store")
    (tmp_path / "records").mkdir()
    return Queue(found.root, found.store, tmp_path / "records")


def wanted(folder: Path, *entries: str) -> Path:
    path = folder / "wanted.yaml"
    path.write_text("\n".join(f"- {{ {entry} }}" for entry in entries))
    return path


def test_the_order_is_priority_then_seed_then_place(tmp_path: Path) -> None:
    path = wanted(
        tmp_path,
        "students: [nokd, pca], tasks: [snips, sst2], profile: smoke, seeds: [0, 1], priority: 2",
        "students: [pca], profile: smoke, seeds: [0], priority: 1, set: {stage_two.steps: 1000}",
        "baselines: [stackprop], tasks: [snips], profile: smoke, seeds: [0], priority: 1",
    )
    units = load_wanted(path)
    assert [(unit.method, unit.task, unit.seed) for unit in units] == [
        ("pca", "", 0),
        ("stackprop", "snips", 0),
        *[(method, task, 0) for method in ("nokd", "pca") for task in ("", "snips", "SST-2")],
        *[(method, task, 1) for method in ("nokd", "pca") for task in ("", "snips", "SST-2")],
    ]
    assert units[0].name == "student-pca-l2h32-512k"
    assert units[1].name == "snips-stackprop"
    assert units[5].name == "student-pca-l2h32-12k"
    assert units[0].identity != units[5].identity
    assert load_wanted(path, "laptop") == []


def test_a_cell_of_two_experiments_is_wanted_once(tmp_path: Path) -> None:
    one = "cells: [init=PCA], profile: smoke, seeds: [0], priority: 1"
    path = wanted(tmp_path, one, "cells: [stage_one_length], profile: smoke, seeds: [0], priority: 2")
    units = load_wanted(path)
    assert [unit.method for unit in units if "PCA" in unit.method].count("stage_one_length=PCA, 0") == 0
    assert units[0].method == "init=PCA"


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("students: [nokt], profile: smoke, seeds: [0], priority: 1", "students: 'nokt' is unknown; choose from nokd"),
        ("baselines: [nokd], profile: smoke, seeds: [0], priority: 1", "baselines: 'nokd' is unknown"),
        ("students: [nokd], profile: smok, seeds: [0], priority: 1", "profile 'smok' is unknown"),
        ("students: [nokd], tasks: [foo], profile: smoke, seeds: [0], priority: 1", "no task 'foo'"),
        ("students: [nokd], profile: smoke, seeds: [-1], priority: 1", "seeds.0 Input should be"),
        ("students: [nokd], profile: smoke, priority: 1", "seeds Field required"),
        ("cells: [init=foo], profile: smoke, seeds: [0], priority: 1", "has no cell 'foo'"),
        ("student: [nokd], profile: smoke, seeds: [0], priority: 1", "student Extra inputs"),
        ("students: [pca], profile: smoke, seeds: [0], priority: 1, set: {steps: 1}", "setting 'steps' is ambiguous"),
    ],
)
def test_a_wrong_entry_is_named(tmp_path: Path, entry: str, told: str) -> None:
    path = wanted(tmp_path, "students: [nokd], profile: smoke, seeds: [0], priority: 1", entry)
    with pytest.raises(UserError, match="entry 2") as caught:
        load_wanted(path)
    assert told in str(caught.value)


def test_a_list_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "wanted.yaml"
    with pytest.raises(UserError, match=r"wanted\.yaml cannot be read"):
        load_wanted(path)
    path.write_text("students: [nokd]")
    with pytest.raises(UserError, match="write a list of entries"):
        load_wanted(path)


def test_the_projects_own_list_can_be_read() -> None:
    units = load_wanted(Queue.find().records / "wanted.yaml")
    assert len({(unit.identity, unit.seed, unit.profile) for unit in units}) == len(units) > 0


def unit_of(folder: Path, steps: int = 60) -> Unit:
    tiny = (
        "corpus.megabytes: 0.05, corpus.heldout: 0.1, vocabulary.megabytes: 0.05, vocabulary.size: 300, "
        "mixing.length: 24, "
        f"stage_two.steps: {steps}, stage_two.evaluations: 6"
    )
    path = wanted(folder, f"students: [pca], profile: smoke, seeds: [0], priority: 1, set: {{ {tiny} }}")
    (unit,) = load_wanted(path)
    return unit


def test_a_killed_run_goes_on_and_writes_the_same_record(
    queue: Queue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("MIXVOCAB_DATA", raising=False)
    plain = queues.command
    monkeypatch.setattr(queues, "command", lambda unit: plain(unit)[3:])  # at the test's own priority
    unit = unit_of(tmp_path)
    assert table(queue, [unit])[0].split()[0] == "missing"
    assert work(queue, [unit], here=True) == [unit]
    (made,) = queue.records.iterdir()
    undisturbed = records.read(made)
    assert undisturbed["seed"] == 0
    assert work(queue, [unit], here=True) == []  # it is there
    made.unlink()
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
    while not list(log.rglob("run")) and first.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert first.poll() is None
    assert table(disturbed, [unit])[0].split()[0] == "running"
    children = subprocess.run(["pgrep", "-P", str(first.pid)], capture_output=True, text=True).stdout.split()
    os.kill(first.pid, signal.SIGKILL)
    for child in children:
        os.kill(int(child), signal.SIGKILL)
    first.wait()
    assert list(queue.records.iterdir()) == []
    assert table(disturbed, [unit])[0].split()[0] == "begun"
    assert work(disturbed, [unit], here=True) == [unit]
    (again,) = queue.records.iterdir()
    assert again.name == made.name
    assert json.dumps(records.without_clock(records.read(again))) == json.dumps(records.without_clock(undisturbed))
    assert "goes on" in capfd.readouterr().out
    assert table(disturbed, [unit])[0].split()[0] == "recorded"


def test_time_is_up_before_a_run_is_done(queue: Queue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unit = unit_of(tmp_path)
    script = tmp_path / "run.py"
    script.write_text(
        "import signal, sys, time\n"
        "def stop(*_):\n"
        "    print('kept'); sys.stdout.flush(); signal.signal(signal.SIGTERM, signal.SIG_DFL)\n"
        "    import os; os.kill(os.getpid(), signal.SIGTERM)\n"
        "signal.signal(signal.SIGTERM, stop)\n"
        "time.sleep(60)\n"
    )
    monkeypatch.setattr(queues, "command", lambda unit: [sys.executable, str(script)])
    started = time.monotonic()
    assert work(queue, [unit, unit], minutes=0.05, here=True) == []
    assert time.monotonic() - started < 30
    assert table(queue, [unit])[0].split()[0] == "begun"


def test_what_another_queue_is_at_is_left_to_it(queue: Queue, tmp_path: Path) -> None:
    unit = unit_of(tmp_path)
    with queue.lock(unit):
        other = Queue(queue.root, queue.store, queue.records)
        assert table(other, [unit])[0].split()[0] == "running"
        assert work(other, [unit], here=True) == []


def test_a_failed_run_is_named_with_its_last_word(
    queue: Queue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unit = unit_of(tmp_path)
    monkeypatch.setattr(queues, "command", lambda unit: [sys.executable, "-c", "print('no text'); raise SystemExit(2)"])
    with pytest.raises(UserError, match="seed 0 failed: no text"):
        work(queue, [unit], here=True)
    assert table(queue, [unit])[0].split()[0] == "missing"  # a later commit may mend it


def test_a_work_tree_is_of_the_commit_and_clean(tmp_path: Path) -> None:
    root = tmp_path / "project"
    root.mkdir()
    queue = Queue(root, tmp_path / "store", root / "records")
    for arguments in (
        ["init", "-q"],
        ["config", "user.email", "a@b"],
        ["config", "user.name", "a"],
    ):
        queue.git(*arguments)
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


def test_without_clock_keeps_the_rest(tmp_path: Path) -> None:
    one = {"seconds": 1.0, "created": "now", "curves": {"stage_two": [{"step": 1, "loss": 2.0, "seconds": 3.0}]}}
    write_json(tmp_path / "one.json", one)
    assert records.without_clock(one) == {"curves": {"stage_two": [{"step": 1, "loss": 2.0}]}}
