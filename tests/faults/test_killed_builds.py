"""Builds that are killed, raced or damaged: nothing half-made is ever taken for whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from mixvocab.common.store import Step, Store

ROOT = Path(__file__).resolve().parents[2]
BUILDER = """
import sys, time
from pathlib import Path
from dataclasses import dataclass
from mixvocab.common.store import Step, Store

root, log, leave = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])

@dataclass(frozen=True)
class Slow(Step):
    name, room = "slow", "text"
    resumable = sys.argv[4] == "resumable"

    def make(self, folder, store):
        with log.open("a") as file:
            file.write("resumed\\n" if (folder / "half.txt").exists() else "begun\\n")
        (folder / "half.txt").write_text("half")
        end = time.monotonic() + 300  # of a test that failed and left it alone
        while not leave.exists() and time.monotonic() < end:
            time.sleep(0.02)
        (folder / "whole.txt").write_text("whole")

print(Store(root).artefact(Slow()).made, flush=True)
"""


def start(root: Path, log: Path, leave: Path, kind: str = "plain") -> subprocess.Popen:
    """A process that makes the artefact `slow`, half of it at once and the rest when the file `leave` is there."""
    command = [sys.executable, "-c", BUILDER, str(root), str(log), str(leave), kind]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)


def wait_for(condition, seconds: float = 120.0) -> None:
    """Poll until the condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.02)


@pytest.mark.parametrize("kind", ["plain", "resumable"])
def test_killed_build_leaves_nothing_half_made_and_the_next_one_finishes(tmp_path, kind):
    root, log = tmp_path / "store", tmp_path / "log"
    killed = start(root, log, tmp_path / "never", kind)
    wait_for(lambda: list(root.glob(".making/*/half.txt")))
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert not list(root.glob("slow/*"))
    again = start(root, log, tmp_path, kind)
    assert again.communicate(timeout=600)[0].split()[-1] == "True"
    assert log.read_text().split() == ["begun", "resumed" if kind == "resumable" else "begun"]
    assert [path.name for path in root.glob("slow/*/whole.txt")] == ["whole.txt"]
    assert not list(root.glob(".making/slow*"))


def test_two_processes_make_it_once(tmp_path):
    root, log = tmp_path / "store", tmp_path / "log"
    leave = tmp_path / "leave"
    first = start(root, log, leave)
    wait_for(lambda: list(root.glob(".making/*/half.txt")))
    second = start(root, log, leave)
    assert second.stdout is not None
    assert "another process is making it; waiting" in second.stdout.readline()
    leave.touch()  # not before the second has come, however long its start takes
    assert first.communicate(timeout=600)[0].split()[-1] == "True"
    assert second.communicate(timeout=600)[0].split()[-1] == "False"
    assert log.read_text().split() == ["begun"]


@dataclass(frozen=True)
class Large(Step[None]):
    name, room = "large", "text"

    def make(self, folder: Path, store: Store) -> None:
        (folder / "large.bin").write_bytes(bytes(3 << 20))


def test_truncation_of_a_large_file_shows_in_its_size(tmp_path):
    store = Store(tmp_path)
    path = store.artefact(Large()).path
    os.truncate(path / "large.bin", 1 << 20)
    assert store.artefact(Large()).made
    assert (path / "large.bin").stat().st_size == 3 << 20
