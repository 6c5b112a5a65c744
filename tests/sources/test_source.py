from pathlib import Path

import pytest

from mixvocab.errors import UserError
from mixvocab.sources.source import Source, data_directory, read_licence, resolve, text_sha256


def look(spec, data_dir=None, *, folder=None, hub=None, online=False):
    def on_hub(repository):
        if isinstance(hub, Exception):
            raise hub
        return f"hub {repository}" if hub else None

    return resolve(
        "thing",
        spec,
        data_dir,
        in_folder=lambda path: folder,
        on_hub=on_hub,
        embedded=lambda: "embedded",
        at_path=lambda path: f"path {path.name}",
        reachable=lambda: online,
    )


@pytest.fixture(autouse=True)
def no_data_variable(monkeypatch):
    monkeypatch.delenv("MIXVOCAB_DATA", raising=False)


def test_auto_takes_the_data_directory_then_the_hub_then_what_is_embedded(tmp_path):
    assert look("auto", tmp_path, folder="mine", hub=True, online=True) == "mine"
    assert look("auto", tmp_path, hub=True, online=True) == "hub None"
    assert look("auto", tmp_path, hub=True, online=False) == "embedded"
    assert look("auto", hub=UserError("gone"), online=True) == "embedded"


def test_a_named_source_is_never_replaced(tmp_path):
    for spec, options, message in (
        ("data-dir", {}, "none is named"),
        ("data-dir", {"data_dir": tmp_path}, "none in"),
        ("hub", {"hub": True}, "cannot be reached"),
        ("hub", {"online": True}, "no default"),
        ("hub:", {"online": True}, "names no repository"),
        ("hub:a/b", {"hub": UserError("a/b: gone"), "online": True}, "a/b: gone"),
        (str(tmp_path / "missing"), {}, "neither auto"),
        ("Auto", {}, "neither auto"),
    ):
        with pytest.raises(UserError, match=message):
            look(spec, **options)


def test_names_reach_their_places(tmp_path):
    assert look("hub:owner/name", hub=True, online=True) == "hub owner/name"
    assert look("embedded", tmp_path, folder="mine") == "embedded"
    assert look(str(tmp_path)) == f"path {tmp_path.name}"


def test_data_directory_from_option_or_environment(tmp_path, monkeypatch):
    assert data_directory() is None
    monkeypatch.setenv("MIXVOCAB_DATA", str(tmp_path))
    assert data_directory() == tmp_path
    monkeypatch.setenv("MIXVOCAB_DATA", str(tmp_path / "no"))
    with pytest.raises(UserError, match="MIXVOCAB_DATA"):
        data_directory()
    with pytest.raises(UserError, match="--data-dir"):
        look("auto", tmp_path / "no")
    assert data_directory(tmp_path) == tmp_path


def test_record_is_json_ready_and_whole():
    source = Source("corpus", "a.txt", "path", "a.txt", "CC0", "0" * 64, True)
    assert Source(**source.as_record()) == source


def test_licence_from_table_line_or_file(tmp_path):
    (tmp_path / "README.md").write_text(
        "| path | rows | licence there |\n|---|---|---|\n| `corpus/a.txt` | 3 | CC0 |\n| `glue/` | 1 | own terms |\n"
    )
    assert read_licence(tmp_path, "corpus/a.txt") == "CC0"
    assert read_licence(tmp_path, "glue") == "own terms"
    assert read_licence(tmp_path, "other") is None
    (tmp_path / "README.md").write_text("---\nlicense: apache-2.0\n---\n")
    assert read_licence(tmp_path, "x") == "apache-2.0"
    (tmp_path / "README.md").unlink()
    (tmp_path / "LICENSE").write_text("\n# MIT License\n\nCopyright\n")
    assert read_licence(tmp_path, "x") == "MIT License"
    assert read_licence(Path(tmp_path / "none"), "x") is None


def test_digest_keeps_parts_apart():
    assert text_sha256("ab", "c") != text_sha256("a", "bc")
