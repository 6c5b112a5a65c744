"""The corpus of source code: code without its prose, the same on every read."""

from __future__ import annotations

import sysconfig
from pathlib import Path

import pytest

from mixvocab.sources import resolve_corpus
from mixvocab.sources.code import code_lines

MODULE = '''"""A docstring is English and is left out."""
import os  # so is a comment

def f(path: str) -> str:
    """This one too,
    over two lines."""
    # A whole line of it.

    return os.path.join("kept", path)  # noqa
'''


def test_comments_and_docstrings_are_left_out() -> None:
    assert code_lines(MODULE) == ["import os", "def f(path: str) -> str:", 'return os.path.join("kept", path)']


def test_the_corpus_is_code_with_its_provenance(cache: Path) -> None:
    corpus = resolve_corpus("code", megabytes=0.2)
    documents = list(corpus.documents())
    text = "\n".join(documents)
    assert 0.1e6 < len(text.encode()) <= 0.2e6
    words = text.split()
    assert sum(word in ("self", "def", "if", "=", "return") for word in words) > 0.1 * len(words)
    assert sum(word in ("the", "of", "is", "a") for word in words) < 0.01 * len(words) + words.count("is")
    source = corpus.source
    assert (source.kind, source.origin, source.licence, source.real) == ("corpus", "embedded", "PSF-2.0", True)
    assert sysconfig.get_paths()["stdlib"] not in str(source.as_record())
    assert len(source.sha256) == 64


def test_reading_again_gives_the_same_and_a_limit_cuts_the_end_off(cache: Path) -> None:
    small, large = (list(resolve_corpus("code", megabytes=size).documents()) for size in (0.05, 0.2))
    assert large[: len(small)] == small
    assert len(large) > len(small)
    again = resolve_corpus("code", megabytes=0.05)
    assert list(again.documents()) == small
    for kept in (cache / "sources").iterdir():
        kept.unlink()
    assert resolve_corpus("code", megabytes=0.05).source == again.source


def test_a_folder_of_that_name_is_reached_by_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "mine.txt").write_text("my own text")
    monkeypatch.chdir(tmp_path)
    assert list(resolve_corpus("./code").documents()) == ["my own text"]
