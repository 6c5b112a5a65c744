import gzip
import lzma

import pyarrow
import pytest

from mixvocab.common.errors import UserError
from mixvocab.sources.corpus import limited, read_documents
from mixvocab.sources.source import files_sha256

TEXT = "First paragraph.\nSecond one.\n\n\n  \nAnother document: café, naïve.\n"
DOCUMENTS = ["First paragraph.\nSecond one.", "Another document: café, naïve."]


def zst(text):
    return pyarrow.compress(text, codec="zstd", asbytes=True)


PACK = {".txt": bytes, ".txt.gz": gzip.compress, ".txt.xz": lzma.compress, ".txt.zst": zst}


@pytest.mark.parametrize("suffix", PACK)
def test_every_compression_gives_the_same_documents(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(PACK[suffix](TEXT.encode()))
    assert list(read_documents(path)) == DOCUMENTS


def test_byte_order_mark_and_windows_line_ends_are_not_text(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode())
    assert list(read_documents(path)) == DOCUMENTS


@pytest.mark.parametrize("suffix", PACK)
def test_latin_1_names_file_line_and_remedy(tmp_path, suffix):
    path = tmp_path / f"old{suffix}"
    path.write_bytes(PACK[suffix]("Fine.\n\nA caf\u00e9.\n".encode("latin-1")))
    with pytest.raises(UserError, match=r"old\.txt.*, line 3: not UTF-8 \(byte 0xe9\).*iconv -f LATIN1"):
        list(read_documents(path))


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
    with pytest.raises(UserError, match="pip install pyarrow"):
        list(read_documents(path))


def test_zst_of_several_frames_is_read_to_the_end(tmp_path):
    path = tmp_path / "a.txt.zst"
    path.write_bytes(zst(b"One.\n\nT") + zst(b"wo.\n"))
    assert list(read_documents(path)) == ["One.", "Two."]


@pytest.fixture
def streams(tmp_path):
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
