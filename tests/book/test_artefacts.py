"""The artefact store: made once, keyed by everything it depends on, repaired when damaged."""

import pytest

from mixvocab.book.artefacts import ArtefactStore
from mixvocab.files import file_sha256
from mixvocab.text import normalise


@pytest.fixture
def store(tmp_path):
    return ArtefactStore(tmp_path / "store")


def write(folder, text="content"):
    (folder / "sub").mkdir()
    (folder / "sub" / "file.txt").write_text(text)


def test_is_made_once(store):
    calls = []

    def make(folder):
        calls.append(folder)
        write(folder)

    first = store.get("thing", {"size": 3}, ["input"], make, [normalise])
    second = store.get("thing", {"size": 3}, ["input"], make, [normalise])
    assert len(calls) == 1
    assert (first.made, second.made) == (True, False)
    assert first == second
    assert (second.path / "sub" / "file.txt").read_text() == "content"
    assert [artefact.key for artefact in store.used] == [first.key] * 2


def test_key_follows_parameters_inputs_and_code(store):
    base = store.get("thing", {"size": 3}, ["input"], write, [normalise])
    others = [
        store.get("thing", {"size": 4}, ["input"], write, [normalise]),
        store.get("thing", {"size": 3}, ["other"], write, [normalise]),
        store.get("thing", {"size": 3}, [base], write, [normalise]),
        store.get("thing", {"size": 3}, ["input"], write, [file_sha256]),
    ]
    assert len({base.key, *(other.key for other in others)}) == 5


def test_order_of_parameters_does_not_matter(store):
    first = store.get("thing", {"a": 1, "b": 2}, [], write, [])
    assert store.get("thing", {"b": 2, "a": 1}, [], write, []).key == first.key


@pytest.mark.parametrize("damage", ["truncate", "change", "remove", "manifest"])
def test_damage_is_noticed_said_in_a_line_and_repaired(store, capsys, damage):
    path = store.get("thing", {}, [], write, []).path
    file = path / ("manifest.json" if damage == "manifest" else "sub/file.txt")
    if damage == "remove":
        file.unlink()
    else:
        file.write_text({"truncate": "cont", "change": "CONTENT", "manifest": '{"files": {'}[damage])
    again = store.get("thing", {}, [], write, [])
    assert again.made
    assert (again.path / "sub" / "file.txt").read_text() == "content"
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("thing: ")
    assert lines[0].endswith("making it again")


def test_failure_leaves_nothing(store):
    def fail(folder):
        write(folder)
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        store.get("thing", {}, [], fail, [])
    assert not [path for path in store.root.rglob("*") if path.name == "file.txt"]
    assert store.get("thing", {}, [], write, []).made


def test_resumable_work_goes_on_where_it_stopped(store):
    seen = []

    def make(folder):
        half = folder / "half.txt"
        seen.append(half.exists())
        half.write_text("half")
        if len(seen) == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.get("long", {}, [], make, [], resumable=True)
    assert store.get("long", {}, [], make, [], resumable=True).made
    assert seen == [False, True]


def test_names_are_safe(store):
    with pytest.raises(ValueError, match="lower-case"):
        store.get("../escape", {}, [], write, [])
