"""Records: complete, free of this machine's names, and damaged ones are named."""

import socket
from pathlib import Path

import pytest

from mixvocab.common.errors import UserError
from mixvocab.sources.source import Source
from mixvocab_book.store import records

SOURCE = Source("corpus", "a.txt", "path", "a.txt", "CC0", "0" * 64, True)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Records of these tests alone, taken for committed ones."""
    for kind in ("live_folder", "committed_folder"):
        monkeypatch.setattr(records, kind, lambda: tmp_path)
    return tmp_path


def write(place="runs/a", **more):
    settings = {"chapter": "04", "profile": "smoke", "seed": 3, "params": {"p": 1}, "metrics": {"loss": 2.5}}
    return records.write(place, **settings | more)


def test_round_trip(folder):
    path = write(curves={"loss": [3.0, 2.5]}, sources=[SOURCE], seconds=1.234)
    assert path == folder / "runs" / "a" / "smoke-s3.json"
    (record,) = records.committed("runs")
    assert record["curves"] == {"loss": [3.0, 2.5]}
    assert record["sources"] == [SOURCE.as_record()]
    assert record["seconds"] == 1.23
    assert record["versions"]["python"]
    assert set(record["git"]) == {"commit", "dirty"}
    assert record["hardware"]["cores"] >= 1


def test_a_place_has_its_records_and_those_below_it():
    for place, seed in (("runs/b", 0), ("runs/a", 1), ("runs/a", 0), ("run", 0)):
        write(place, seed=seed)
    assert [(r["name"], r["seed"]) for r in records.committed("runs")] == [("runs/a", 0), ("runs/a", 1), ("runs/b", 0)]
    assert len(records.committed("runs/a")) == 2
    assert records.committed("nothing") == []


def test_no_host_and_no_path():
    text = write(sources=[SOURCE]).read_text()
    assert str(Path.home()) not in text
    assert str(Path.cwd()) not in text
    assert len(host := socket.gethostname()) < 4 or host not in text


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"schema": 1}', '{"schema": 99}'])
def test_damaged_record_is_named(damage):
    write("broken").write_text(damage)
    with pytest.raises(UserError, match=r"record .*broken/smoke-s3\.json (is damaged|has schema 99)"):
        records.committed("broken")
