import pytest

from mixvocab.sources import installed, resolve_corpus
from mixvocab.sources.installed import collect, file_prose

MODULE = '''"""This module is read as text and never imported by anybody."""
raise SystemExit("imported")
# A comment that goes over more than a single line is joined with the
# lines that follow it, if they are comments too.
x = 1  # a comment at the end of a line is not taken for a sentence of its own

def f():
    """The string with an escape\\nis decoded before it is read as a text."""
    text = "a short string with a # in it is not a comment, whatever it may look like"
    return """A long string that is not a docstring counts, since documentation is often passed around."""

b = b"""Bytes are not text even if they look like an English sentence to the reader."""
f = f"""Neither is an f-string, because its {text} is only known when the program runs."""
'''


def test_strings_and_comments_of_a_module(tmp_path):
    (tmp_path / "m.py").write_text(MODULE)
    assert file_prose(tmp_path / "m.py") == [
        "This module is read as text and never imported by anybody.",
        "A comment that goes over more than a single line is joined with the lines that follow it, if they are "
        "comments too.",
        "The string with an escape is decoded before it is read as a text.",
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


@pytest.fixture(scope="module")
def small():
    return list(collect({"asyncio", "numpy"}, processes=1))


def test_installed_packages_give_prose_once(small):
    text = "\n".join(small)
    lines = text.split("\n")
    assert len(text) > 300_000
    assert len(lines) == len(set(lines))
    assert ">>>" not in text
    assert "import numpy as np\n" not in text
    share = sum(word in {"the", "of", "a", "to", "is", "and", "in"} for word in text.split()) / len(text.split())
    assert share > 0.15


def test_order_and_content_do_not_depend_on_the_number_of_processes(small):
    assert list(collect({"asyncio", "numpy"}, processes=2)) == small


def test_workers_end_when_the_caller_has_enough(monkeypatch):
    started = []
    start = installed._start_worker
    monkeypatch.setattr(installed, "_start_worker", lambda *a: started.append(start(*a)) or started[-1])
    documents = collect(processes=2)
    assert next(documents)
    documents.close()
    assert len(started) == 2
    assert all(worker.returncode is not None for worker in started)


def test_paragraphs_that_differ_in_names_only_count_once():
    one = "Construct a Bert tokenizer that is based on the word pieces of the model."
    two = "Construct a Roberta tokenizer that is based on the word pieces of the model."
    other = "Construct a model that is based on the tokenizer of the word pieces."
    assert list(installed._new([one, two, other, one], set())) == [one, other]


def test_embedded_corpus_is_kept_and_its_digest_is_that_of_the_text(cache, monkeypatch):
    monkeypatch.setattr(installed, "collect", lambda: iter(["A document.\nOf two paragraphs.", "Another."]))
    corpus = resolve_corpus("embedded")
    assert list(corpus.documents()) == ["A document.\nOf two paragraphs.", "Another."]
    assert (corpus.source.origin, corpus.source.real) == ("embedded", True)
    monkeypatch.setattr(installed, "collect", lambda: pytest.fail("collected twice"))
    assert resolve_corpus("embedded").source == corpus.source


def test_a_smaller_corpus_is_cut_from_a_larger_one(cache, monkeypatch):
    texts = [f"Document number {i} of them all." for i in range(300)]
    monkeypatch.setattr(installed, "collect", lambda: iter(texts))
    small = list(resolve_corpus("embedded", megabytes=0.001).documents())
    assert len(small) < len(list(resolve_corpus("embedded", megabytes=0.005).documents())) < 300
    monkeypatch.setattr(installed, "collect", lambda: pytest.fail("collected again"))
    middle = list(resolve_corpus("embedded", megabytes=0.003).documents())
    assert middle[: len(small)] == small == texts[: len(small)]


def test_embedded_corpus_of_a_limited_size():
    corpus = resolve_corpus("embedded", megabytes=0.3)
    size = sum(len(document.encode()) + 2 for document in corpus.documents())
    assert 150_000 < size <= 300_000
