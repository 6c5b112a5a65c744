"""Fingerprints: prose and layout do not count, behaviour does, and so does every room below."""

from pathlib import Path

import pytest

from mixvocab.common import fingerprint
from mixvocab.common.fingerprint import code_fingerprint, package_fingerprint


@pytest.fixture
def module(tmp_path):
    """A function that writes a module and returns its normal form."""
    file = tmp_path / "sample.py"

    def normal(source):
        file.write_text(source)
        return fingerprint._normal(file)

    return normal


def test_comments_docstrings_and_layout_do_not_count(module):
    plain = module("def f(x):\n    return x + 1\n")
    assert module('"""Doc."""\ndef f(x):\n    """What."""\n    # why\n    return (x\n        + 1)\n') == plain
    assert module("def f(x):\n    return x + 2\n") != plain


def test_a_room_stands_for_those_below(tmp_path, monkeypatch):
    before = {room: code_fingerprint(room) for room in fingerprint.ROOMS}
    monkeypatch.setitem(fingerprint._ROOMS, "models", "changed")
    changed = [room for room in fingerprint.ROOMS if code_fingerprint(room) != before[room]]
    assert changed == list(fingerprint.ROOMS[fingerprint.ROOMS.index("models") :])


def test_every_room_that_makes_results_is_there():
    rooms = {path.parent.name for path in fingerprint.LIBRARY.glob("*/__init__.py")}
    assert rooms - set(fingerprint.ROOMS) == {"common", "settings", "sources", "widgets"}


def test_an_edit_after_the_import_changes_nothing(monkeypatch):
    before = code_fingerprint("edge")
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: "EDITED = 1")
    assert code_fingerprint("edge") == before


def test_a_package_without_some_of_its_folders(tmp_path):
    for name in ("steps", "press"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("")
    before = package_fingerprint(tmp_path), package_fingerprint(tmp_path, leave_out=["press"])
    (tmp_path / "press" / "more.py").write_text("X = 1")
    after = package_fingerprint(tmp_path), package_fingerprint(tmp_path, leave_out=["press"])
    assert before[0] != after[0]
    assert before[1] == after[1]
