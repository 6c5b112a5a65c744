import gzip
import lzma

import pyarrow
import pytest

from mixvocab.common.errors import UserError
from mixvocab.common.files import file_sha256
from mixvocab.sources import hub
from mixvocab.sources.corpus import limited, read_documents, resolve_corpus
from mixvocab.sources.source import files_sha256, read_lines


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


def test_only_text_in_a_folder_is_read(tmp_path):
    beside = (".git/x.txt", ".hidden.txt", "a/.b/c.txt", "LICENSE.txt", "a/README.txt", "vocab.txt", "requirements.txt")
    for name in (*beside, "b.txt", "a/readings.txt"):
        (tmp_path / ".home" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / ".home" / name).write_text(f"{name}\n")
    (tmp_path / ".home" / "folder.txt").mkdir()
    assert list(resolve_corpus(str(tmp_path / ".home")).documents()) == ["a/readings.txt", "b.txt"]
    assert list(resolve_corpus(str(tmp_path / ".home" / "LICENSE.txt")).documents()) == ["LICENSE.txt"]


def test_a_link_has_the_name_that_was_given(tmp_path):
    (tmp_path / "blob").write_text("Text.\n")
    (tmp_path / "t.txt").symlink_to("blob")
    assert list(resolve_corpus(str(tmp_path / "t.txt")).documents()) == ["Text."]


def test_what_cannot_be_read_is_told_without_this_machines_folders(tmp_path):
    with pytest.raises(UserError, match=r"/gone\.txt: cannot be read.*\(No such file or directory\); fetch") as caught:
        list(read_documents(tmp_path / "gone.txt"))
    assert str(tmp_path) not in str(caught.value)


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


def test_a_part_of_a_text_is_another_text(tmp_path):
    """What is kept of one must not be taken for what is kept of the other."""
    (tmp_path / "a.txt").write_text("A document.\n\nAnother one.\n")
    digests = [resolve_corpus(str(tmp_path), megabytes=limit).source.sha256 for limit in (None, 0.001, 1.0)]
    assert len(set(digests)) == 3


def test_real_corpus(data_dir):
    corpus = resolve_corpus("data-dir", data_dir=data_dir, megabytes=1)
    size = sum(len(document.encode()) + 2 for document in corpus.documents())
    assert 900_000 < size <= 1_000_000


TEXT = "First paragraph.\nSecond one.\n\n\n  \nAnother document: café, naïve.\n"
DOCUMENTS = ["First paragraph.\nSecond one.", "Another document: café, naïve."]


def zst(text):
    return pyarrow.compress(text, codec="zstd", asbytes=True)


PACK = {".txt": bytes, ".txt.gz": gzip.compress, ".txt.xz": lzma.compress, ".txt.zst": zst}


@pytest.mark.parametrize("suffix", PACK)
def test_every_compression_gives_the_same_documents_and_names_the_line_of_latin_1(tmp_path, suffix):
    path = tmp_path / f"old{suffix}"
    path.write_bytes(PACK[suffix](TEXT.encode()))
    assert list(read_documents(path)) == DOCUMENTS
    path.write_bytes(PACK[suffix]("Fine.\n\nA caf\u00e9.\n".encode("latin-1")))
    with pytest.raises(UserError, match=r"old\.txt.*, line 3: not UTF-8 \(byte 0xe9\).*iconv -f LATIN1"):
        list(read_documents(path))


def test_without_blank_lines_a_line_is_a_document_and_a_limit_is_kept(tmp_path):
    path = tmp_path / "SENTENCES.TXT.GZ"
    path.write_bytes(gzip.compress("".join(f"Sentence {i:05}.\n" for i in range(50_000)).encode() + b"\n"))
    documents = list(resolve_corpus(str(path), megabytes=0.1).documents())
    assert documents[:2] == ["Sentence 00000.", "Sentence 00001."]
    assert sum(len(document) + 2 for document in documents) <= 100_000


def test_utf_16_is_named(tmp_path):
    path = tmp_path / "notepad.txt"
    path.write_bytes(TEXT.encode("utf-16"))
    with pytest.raises(UserError, match=r"notepad\.txt, line 1: not UTF-8 .*; it is UTF-16, convert .* -f UTF-16"):
        list(read_documents(path))


def test_byte_order_mark_and_windows_line_ends_are_not_text(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode())
    assert list(read_documents(path)) == DOCUMENTS


@pytest.mark.parametrize("suffix", [".txt.gz", ".txt.xz", ".txt.zst"])
@pytest.mark.parametrize("damage", ["cut", "garbage"])
def test_damaged_compression_is_one_clear_line(tmp_path, suffix, damage):
    path = tmp_path / f"a{suffix}"
    whole = PACK[suffix]("\n\n".join(f"Document {i * i} is here." for i in range(5000)).encode())
    path.write_bytes(whole[: len(whole) // 2] if damage == "cut" else b"this is not compressed at all")
    with pytest.raises(UserError, match=rf"a\{suffix}: cannot be read, or is damaged"):
        list(read_documents(path))


def test_zst_without_its_package_says_how_to_get_it(tmp_path, monkeypatch):
    path = tmp_path / "a.txt.zst"
    path.write_bytes(zst(TEXT.encode()))
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(UserError, match=r"needs pyarrow: pip install"):
        list(read_documents(path))


def test_zst_of_several_frames_is_read_to_the_end(tmp_path):
    path = tmp_path / "a.txt.zst"
    path.write_bytes(zst(b"One.\n\nT") + zst(b"wo.\n"))
    assert list(read_documents(path)) == ["One.", "Two."]


@pytest.fixture
def streams():
    """One stream of few documents between two of many."""
    sizes = {"b": 10, "a": 1000, "c": 1000}
    return [[f"{name} document {i:04d}." for i in range(count)] for name, count in sizes.items()]


def test_the_limit_is_shared_evenly_and_what_is_short_passes_its_share_on(streams):
    taken = list(limited(streams, 0.01))
    assert 9_900 < sum(len(document) + 2 for document in taken) <= 10_000
    counts = {name: sum(document.startswith(name) for document in taken) for name in "abc"}
    assert counts["b"] == 10
    assert abs(counts["a"] - counts["c"]) <= 1


def test_no_limit_gives_everything_and_a_tiny_one_gives_one_document(streams):
    assert len(list(limited(streams, None))) == 2010
    assert len(list(limited(streams, 1e-6))) == 1


def test_a_limit_reads_no_further_than_it_needs(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"A good document.\n\n" * 100 + b"then \xe9 Latin-1.\n")
    assert len(list(limited([read_documents(path)], 0.0005))) == 27


def test_digest_depends_on_bytes_and_names(tmp_path):
    one, two = tmp_path / "1.txt", tmp_path / "2.txt"
    one.write_text("a")
    two.write_text("b")
    digest = files_sha256([one, two])
    assert files_sha256([one]) == "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
    two.write_text("c")
    assert files_sha256([one, two]) != digest


def test_a_document_too_long_to_be_held_comes_in_parts(tmp_path, monkeypatch):
    (tmp_path / "a.txt").write_text("one two\nthree\nfour\n\nfive\nsix\n")
    assert [*read_documents(tmp_path / "a.txt")] == ["one two\nthree\nfour", "five\nsix"]
    monkeypatch.setattr("mixvocab.sources.corpus.LONGEST", 8)
    assert [*read_documents(tmp_path / "a.txt")] == ["one two\nthree", "four", "five\nsix"]


@pytest.mark.parametrize(
    "text", ["the cat sat " * 9, "日本語の文章" * 20, "é" * 101, "a\nbc\n" + "no_blank" * 30 + "\nlast"]
)
def test_a_line_too_long_to_be_held_comes_in_parts(tmp_path, text):
    """And the number of a bad line stays that of the line."""
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    parts = list(read_lines(path, 20))
    assert "".join(parts) == text
    assert len(parts) > 4
    assert max(len(part.encode()) for part in parts) <= 20 + 12  # with a word that the part before had no room for
    if " " in text:
        assert all(part.endswith(" ") for part in parts)
    path.write_bytes(b"a\n" + text.replace("\n", " ").encode() + b"\nb\xe9\n")
    with pytest.raises(UserError, match="line 3: not UTF-8"):
        list(read_lines(path, 20))
