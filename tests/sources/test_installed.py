import sysconfig

import pytest

from mixvocab.sources import installed
from mixvocab.sources.corpus import limited, resolve_corpus
from mixvocab.sources.installed import code_lines, file_prose

MODULE = '''"""This module is read as text and never imported by anybody."""
raise SystemExit("imported")
# A comment that goes over more than a single line is joined with the
# lines that follow it, if they are comments too.
x = 1  # a comment at the end of a line is not taken for a sentence of its own

def f():
    """The string that documents the function is read as a text."""
    text = "a short string with a # in it is not a comment, whatever it may look like"
    return """A long string that is not a docstring counts, since documentation is often passed around."""

b = b"""Bytes are not text even if they look like an English sentence to the reader."""
f = f"""Neither is an f-string, because its {text} is only known when the program runs."""
'''

CODE = '''"""A docstring is English and is left out."""
import os  # so is a comment

def f(path: str) -> str:
    """This one too,
    over two lines."""
    # A whole line of it.

    return os.path.join("kept", path)  # noqa
'''


def test_strings_and_comments_of_a_module(tmp_path):
    (tmp_path / "m.py").write_text(MODULE)
    assert file_prose(tmp_path / "m.py") == [
        "This module is read as text and never imported by anybody.",
        "A comment that goes over more than a single line is joined with the lines that follow it, if they are "
        "comments too.",
        "The string that documents the function is read as a text.",
        "A long string that is not a docstring counts, since documentation is often passed around.",
    ]


def test_unreadable_files_hold_no_prose(tmp_path):
    (tmp_path / "m.py").write_bytes(b"# caf\xe9 is where the people of the town meet each other.\n")
    assert file_prose(tmp_path / "m.py") == []
    assert file_prose(tmp_path / "missing.py") == []


def test_metadata_is_read_from_its_description_on(tmp_path):
    header = "Summary: This header is a sentence of the file and has to be left out.\n"
    (tmp_path / "METADATA").write_text(f"{header}\nThe text that follows it is what is kept.\n")
    assert file_prose(tmp_path / "METADATA") == ["The text that follows it is what is kept."]


def test_installed_packages_give_prose_once():
    text = "\n".join(limited([installed.prose()], 0.4))
    lines = text.split("\n")
    assert len(text) > 300_000
    assert len(lines) == len(set(lines))
    assert ">>>" not in text
    assert "import numpy as np\n" not in text
    share = sum(word in {"the", "of", "a", "to", "is", "and", "in"} for word in text.split()) / len(text.split())
    assert share > 0.15


def test_comments_and_docstrings_are_no_code():
    assert code_lines(CODE) == ["import os", "def f(path: str) -> str:", 'return os.path.join("kept", path)']


def test_the_corpus_of_code_with_its_provenance(cache):
    corpus = resolve_corpus("code", megabytes=0.2)
    text = "\n".join(corpus.documents())
    assert 0.1e6 < len(text.encode()) <= 0.2e6
    words = text.split()
    assert sum(word in ("self", "def", "if", "=", "return") for word in words) > 0.1 * len(words)
    assert sum(word in ("the", "of", "is", "a") for word in words) < 0.01 * len(words) + words.count("is")
    source = corpus.source
    assert (source.kind, source.origin, source.licence, source.real) == ("corpus", "embedded", "PSF-2.0", True)
    assert sysconfig.get_paths()["stdlib"] not in str(source.as_record())


def test_a_folder_called_code_is_reached_by_its_path(tmp_path, monkeypatch):
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "mine.txt").write_text("my own text")
    monkeypatch.chdir(tmp_path)
    assert list(resolve_corpus("./code").documents()) == ["my own text"]


def test_paragraphs_that_differ_in_names_only_count_once(tmp_path, monkeypatch):
    texts = (
        "Construct a Bert tokenizer that is based on the word pieces of the model.",
        "Construct a Roberta tokenizer that is based on the word pieces of the model.",
        "Construct a model that is based on the tokenizer of the word pieces.",
    )
    for number, text in enumerate(texts):
        (tmp_path / f"{number}.md").write_text(text)
    monkeypatch.setattr(installed, "_files", lambda *roots: sorted(tmp_path.iterdir()))
    assert list(installed.prose()) == [texts[0], texts[2]]


def test_embedded_corpus_is_collected_once_and_its_digest_is_that_of_the_text(cache, monkeypatch):
    documents = ["A document.\nOf two paragraphs.", "Another."]
    monkeypatch.setattr(installed, "prose", lambda: iter(documents))
    corpus = resolve_corpus("embedded")
    assert list(corpus.documents()) == documents
    assert (corpus.source.origin, corpus.source.real) == ("embedded", True)
    monkeypatch.setattr(installed, "prose", lambda: pytest.fail("collected twice"))
    assert resolve_corpus("embedded").source == corpus.source
