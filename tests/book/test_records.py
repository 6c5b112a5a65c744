"""Records: complete, free of this machine's names, and damaged ones are named."""

import json
import socket
from pathlib import Path

import pytest

from mixvocab.common.errors import UserError
from mixvocab.sources.source import Source
from mixvocab_book.store import records

SOURCE = Source("corpus", "a.txt", "path", "a.txt", "CC0", "0" * 64, True)


def write(name="run-a", **more):
    settings = {"chapter": "04", "profile": "smoke", "seed": 3, "params": {"p": 1}, "metrics": {"loss": 2.5}}
    return records.write(name, **settings | more)


def test_round_trip():
    path = write(curves={"loss": [3.0, 2.5]}, sources=[SOURCE], seconds=1.234)
    assert path.name == "run-a-smoke-s3.json"
    (record,) = records.load("run-*", profile="smoke")
    assert record["curves"] == {"loss": [3.0, 2.5]}
    assert record["sources"] == [SOURCE.as_record()]
    assert record["live"] is True
    assert record["versions"]["python"]
    assert set(record["git"]) == {"commit", "dirty"}
    assert record["hardware"]["cores"] >= 1


def test_filters():
    write("run-a", seed=0)
    write("run-a", seed=1)
    write("run-b", profile="laptop")
    assert [r["seed"] for r in records.load("run-a", profile="smoke")][:2] == [0, 1]
    assert not records.load("run-b", profile="smoke")
    assert not records.load("nothing*")


def test_no_host_and_no_path():
    text = write(sources=[SOURCE]).read_text()
    assert str(Path.home()) not in text
    assert str(Path.cwd()) not in text
    assert len(host := socket.gethostname()) < 4 or host not in text


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"schema": 1}'])
def test_damaged_record_is_named(damage):
    path = write("broken")
    path.write_text(damage)
    with pytest.raises(UserError, match=r"record broken-smoke-s3\.json"):
        records.load()
    path.unlink()


def test_unknown_schema_is_named():
    path = write("newer")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schema": 99}))
    with pytest.raises(UserError, match="schema 99"):
        records.load()
    path.unlink()
