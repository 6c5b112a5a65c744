from pathlib import Path

import pytest

from mixvocab.common.errors import UserError
from mixvocab.common.files import text_sha256
from mixvocab.sources import hub
from mixvocab.sources.lookup import look_up
from mixvocab.sources.source import cache_root, data_directory, read_licence


def on_hub(repository):
    if repository == "gone":
        raise UserError("gone: no such repository")
    return f"hub {repository}"


def look(spec, data_dir=None, *, inside=None, repository=""):
    return look_up(
        "thing",
        spec,
        data_dir,
        place=lambda data: data / (inside or "nothing"),
        read=lambda path, origin, root: f"{origin} {path.name} in {root.name}",
        embedded=lambda: "embedded",
        on_hub=on_hub if repository else None,
        repository=repository,
    )


@pytest.fixture(autouse=True)
def online(monkeypatch):
    monkeypatch.delenv("MIXVOCAB_DATA", raising=False)
    monkeypatch.setattr(hub, "reachable", lambda: True)


def test_auto_takes_the_data_directory_then_the_hub_then_what_is_embedded(tmp_path, monkeypatch):
    (tmp_path / "mine").mkdir()
    assert look("auto", tmp_path, inside="mine", repository="a/b") == f"data-dir mine in {tmp_path.name}"
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
        ("hub", {}, "not on the Hugging Face hub"),
        ("hub:gone", {"repository": "a/b"}, "gone: no such repository"),
        (str(tmp_path / "missing"), {}, "neither auto"),
        ("Auto", {}, "neither auto"),
    ):
        with pytest.raises(UserError, match=message):
            look(spec, **options)


def test_names_reach_their_places(tmp_path):
    assert look("hub:owner/name", repository="a/b") == "hub owner/name"
    assert look("embedded", tmp_path, inside="mine") == "embedded"
    assert look(str(tmp_path)) == f"path {tmp_path.name} in {tmp_path.parent.name}"


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


def test_licences_from_the_table_of_a_readme(tmp_path):
    unknown = "as stated by the owner of the files"
    assert read_licence(tmp_path, "corpus/") == unknown
    (tmp_path / "README.md").write_text(
        "| path | rows | licence there |\n|---|---|---|\n| `corpus/a.txt` | 3 | CC0 |\n| `corpus/b.txt` | 1 | MIT |\n"
        "| `glue/` | 1 | own terms |\n| bert | 1 | Apache-2.0 |\n"
    )
    assert read_licence(tmp_path, "corpus/") == "CC0; MIT"
    assert read_licence(tmp_path, "corpus/a.txt") == "CC0"
    assert read_licence(tmp_path, "glue/") == read_licence(tmp_path, "glue/SST-2/") == "own terms"
    assert read_licence(tmp_path, "bert/") == "Apache-2.0"
    assert read_licence(tmp_path, "other") == read_licence(tmp_path, "bert-large/") == unknown
    for folder in ("bert", "bert-large"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "README.md").write_text("---\nlanguage: en\nlicense: mit\n---\n# A model\n")
    assert read_licence(tmp_path, "bert/") == "Apache-2.0"
    assert read_licence(tmp_path, "bert-large/") == "mit"


def test_digest_keeps_parts_apart():
    assert text_sha256("ab", "c") != text_sha256("a", "bc")


def test_the_cache_is_named_then_in_the_checkout_then_the_users_own(tmp_path, monkeypatch):
    monkeypatch.setenv("MIXVOCAB_CACHE", str(tmp_path / "named"))
    assert cache_root() == tmp_path / "named"
    monkeypatch.delenv("MIXVOCAB_CACHE")
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "mixvocab"\n')
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")
    assert cache_root() == tmp_path / ".cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.chdir(Path("/"))
    assert cache_root() == tmp_path / "xdg" / "mixvocab"
