from pathlib import Path

import pytest

from mixvocab.common.errors import UserError
from mixvocab.sources import hub
from mixvocab.sources.lookup import look_up
from mixvocab.sources.source import Source, data_directory, read_licence, text_sha256


def on_hub(repository):
    if repository == "gone":
        raise UserError("gone: no such repository")
    return f"hub {repository}"


def look(spec, data_dir=None, *, folder=None, repository=None):
    return look_up(
        "thing",
        spec,
        data_dir,
        in_folder=lambda path: folder,
        on_hub=on_hub,
        embedded=lambda: "embedded",
        at_path=lambda path: f"path {path.name}",
        repository=repository,
    )


@pytest.fixture(autouse=True)
def online(monkeypatch):
    monkeypatch.delenv("MIXVOCAB_DATA", raising=False)
    monkeypatch.setattr(hub, "reachable", lambda: True)


def test_auto_takes_the_data_directory_then_the_hub_then_what_is_embedded(tmp_path, monkeypatch):
    assert look("auto", tmp_path, folder="mine", repository="a/b") == "mine"
    assert look("auto", tmp_path, repository="a/b") == "hub a/b"
    assert look("auto", repository="gone") == look("auto") == "embedded"
    monkeypatch.setattr(hub, "reachable", lambda: False)
    assert look("auto", tmp_path, repository="a/b") == "embedded"
    with pytest.raises(UserError, match="cannot be reached"):
        look("hub", repository="a/b")


def test_a_named_source_is_never_replaced(tmp_path):
    for spec, options, message in (
        ("data-dir", {}, "none is named"),
        ("data-dir", {"data_dir": tmp_path}, "none in"),
        ("hub", {}, "names no repository"),
        ("hub:", {"repository": "a/b"}, "names no repository"),
        ("hub:gone", {"repository": "a/b"}, "gone: no such repository"),
        (str(tmp_path / "missing"), {}, "neither auto"),
        ("Auto", {}, "neither auto"),
    ):
        with pytest.raises(UserError, match=message):
            look(spec, **options)


def test_names_reach_their_places(tmp_path):
    assert look("hub:owner/name") == "hub owner/name"
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
