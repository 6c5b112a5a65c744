import pytest

from mixvocab.common.errors import UserError
from mixvocab.common.files import file_sha256
from mixvocab.sources import hub
from mixvocab.sources.corpus import resolve_corpus


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    monkeypatch.setattr(hub, "reachable", lambda: False)
    monkeypatch.delenv("MIXVOCAB_DATA", raising=False)


def test_the_data_directorys_corpus_folder_is_read(tmp_path):
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "a.txt").write_text("One.\nTwo.\n\nThree.\n")
    (tmp_path / "other.txt").write_text("Not this.\n")
    (tmp_path / "README.md").write_text("| file | licence |\n|---|---|\n| corpus/a.txt | CC0 |\n")
    corpus = resolve_corpus(data_dir=tmp_path)
    assert list(corpus.documents()) == ["One.\nTwo.", "Three."] == list(corpus.documents())
    source = corpus.source
    assert (source.origin, source.location, source.licence, source.real) == ("data-dir", "corpus/", "CC0", True)
    assert source.sha256 == file_sha256(tmp_path / "corpus" / "a.txt")
    assert str(tmp_path) not in str(source.as_record())


def test_a_path_may_be_a_file_or_a_folder(tmp_path):
    (tmp_path / "deep").mkdir()
    for name in ("deep/a.txt", "b.txt", "notes.md", ".hidden.txt"):
        (tmp_path / name).write_text(f"{name[-5]}.\n")
    folder = resolve_corpus(str(tmp_path))
    assert list(folder.documents()) == ["b.", "a."]
    assert (folder.source.name, folder.source.location) == ("b.txt, a.txt", f"{tmp_path.name}/")
    assert folder.source.licence == "as stated by the owner of the files"
    file = resolve_corpus(str(tmp_path / "deep" / "a.txt")).source
    assert (file.origin, file.location) == ("path", "a.txt")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.txt", b"", "holds no text"),
        ("blank.txt", b"\n \n\n", "holds no text"),
        ("old.txt", b"Caf\xe9\n", "line 1: not UTF-8"),
        ("table.csv", b"a,b\n", "no text file"),
    ],
)
def test_unusable_files_are_named(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message) as caught:
        resolve_corpus(str(tmp_path / name))
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_other_bad_input(tmp_path):
    with pytest.raises(UserError, match=r"no text file \(\.txt,"):
        resolve_corpus(str(tmp_path))
    with pytest.raises(UserError, match="not a directory"):
        resolve_corpus(data_dir=tmp_path / "missing")
    with pytest.raises(UserError, match="none in"):
        resolve_corpus("data-dir", data_dir=tmp_path)


def test_real_corpus(data_dir):
    corpus = resolve_corpus("data-dir", data_dir=data_dir, megabytes=1)
    size = sum(len(document.encode()) + 2 for document in corpus.documents())
    assert 900_000 < size <= 1_000_000
