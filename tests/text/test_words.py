"""The word store: exact for every kind of teacher, the same bytes however built, damaged files named."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from mixvocab.common.errors import UserError
from mixvocab.text import reading
from mixvocab.text.reading import words_of
from mixvocab.text.words import WordStore, WordTable

Get = Callable[[str], PreTrainedTokenizerFast]
Student = PreTrainedTokenizerFast
KINDS = ["uncased", "cased", "byte-level", "unigram"]


@pytest.fixture
def student(tokenizers: Get) -> Student:
    return tokenizers("student")


def plain_ids(tokenizer: PreTrainedTokenizerFast, text: str) -> list[int]:
    """What the tokenizer itself makes of text, nothing in which is a command."""
    return tokenizer(text, add_special_tokens=False, split_special_tokens=True).input_ids


def as_stretches(text: str) -> str:
    """Any white space between stretches is one space, and none is left of those that BERT deletes."""
    stretches = re.sub("[\x0b\x0c\x1c-\x1f\x85]", "", text).split()
    return " " + " ".join(filter(words_of, stretches))


def in_store(store: WordStore, table: WordTable) -> list[list[int]]:
    """Each document's ids, both splits together, in an order that does not depend on the store's."""
    return sorted(
        table.segment(words).tolist() for split in ("train", "heldout") for words in documents_of(store, split)
    )


def documents_of(store: WordStore, split: str) -> list[np.ndarray]:
    """The words of each document."""
    return np.split(np.asarray(store.words(split)), store.documents(split))[1:]


def digests(folder: Path) -> dict[str, str]:
    return {path.name: sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


@pytest.mark.parametrize("kind", KINDS)
def test_both_segmentations_are_exact(kind: str, prose: list[str], tokenizers: Get, tmp_path: Path) -> None:
    teacher, student = tokenizers(kind), tokenizers("student")
    store = WordStore.build(prose, tmp_path / "store", student, teacher=teacher, heldout=0.05)
    assert store.stretches == (kind != "uncased")
    kept = [text for text in prose if words_of(text)]
    assert in_store(store, store.table(student)) == sorted(plain_ids(student, text) for text in kept)
    if store.stretches:
        kept = [as_stretches(text) for text in kept]
        assert {"can't", "http://example.org/?q=1&r=2"} <= set(store.types)
    assert in_store(store, store.table(teacher)) == sorted(plain_ids(teacher, text) for text in kept)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=40), min_size=1, max_size=4),
    st.sampled_from(KINDS),
)
def test_any_text_is_exact(tokenizers: Get, tmp_path: Path, documents: list[str], kind: str) -> None:
    kept, student = [text for text in documents if words_of(text)], tokenizers("student")
    if not kept:
        return
    shutil.rmtree(tmp_path / "store", ignore_errors=True)  # of the example before
    store = WordStore.build(documents, tmp_path / "store", student, teacher=tokenizers(kind), heldout=0)
    assert in_store(store, store.table(student)) == sorted(plain_ids(student, text) for text in kept)
    if store.stretches:
        kept = [as_stretches(text) for text in kept]
    teacher = tokenizers(kind)
    assert in_store(store, store.table(teacher)) == sorted(plain_ids(teacher, text) for text in kept)


@pytest.mark.parametrize("kind", ["uncased", "byte-level"])
def test_neither_processes_nor_chunks_leave_a_trace(
    student: Student, kind: str, prose: list[str], tokenizers: Get, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for processes, characters in ((1, 100_000_000), (2, 150_000)):
        monkeypatch.setattr(reading, "CHUNK_CHARACTERS", characters)
        folder = tmp_path / str(processes)
        WordStore.build(iter(prose), folder, student, teacher=tokenizers(kind), processes=processes)
    assert digests(tmp_path / "1") == digests(tmp_path / "2")


def test_a_store_is_cased_as_its_student_is(tokenizers: Get, tmp_path: Path) -> None:
    texts = ["Some Text here", "more Text there"]
    for kind, word in (("student", "text"), ("cased", "Text")):
        store = WordStore.build(texts, tmp_path / kind, tokenizers(kind))
        assert word in store.types
        assert len(store.table(tokenizers(kind))) == len(store.types)
    with pytest.raises(UserError, match="a student reads as BERT does"):
        WordStore.build(texts, tmp_path / "other", tokenizers("byte-level"))


def test_types_come_commonest_first(student: Student, prose: list[str], tmp_path: Path) -> None:
    store = WordStore.build(prose, tmp_path / "store", student, heldout=0)
    assert (np.diff(store.counts) <= 0).all()
    np.testing.assert_array_equal(store.counts, np.bincount(np.asarray(store.words("train"))))
    assert store.types[int(np.asarray(store.words("train"))[0])] == words_of(prose[0])[0]


def test_heldout_documents_are_whole_few_and_nowhere_else(student: Student, prose: list[str], tmp_path: Path) -> None:
    store = WordStore.build([*prose, *prose[:40]], tmp_path / "store", student, heldout=0.1)  # with 40 copies
    train, heldout = store.words("train"), store.words("heldout")
    seen = [{tuple(words.tolist()) for words in documents_of(store, split)} for split in ("train", "heldout")]
    assert not seen[0] & seen[1]
    assert 0.09 < len(heldout) / (len(train) + len(heldout)) <= 0.1
    fewer = WordStore.build(prose[40:80], tmp_path / "fewer", student, heldout=0.0001)
    assert len(fewer.documents("heldout")) == 1


def test_a_single_document_cannot_be_split(student: Student, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="none can be held out: give more text, a document a line or"):
        WordStore.build(["one document"], tmp_path / "store", student, heldout=0.01)
    store = WordStore.build(["one document"], tmp_path / "store", student, heldout=0)
    assert len(store.words("heldout")) == 0


@pytest.mark.parametrize("documents", [[], [""], ["\n \t", "\u200b"]])
def test_an_empty_corpus_is_an_error_and_leaves_nothing(student: Student, documents: list[str], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no words"):
        WordStore.build(documents, tmp_path / "store", student)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_exists_is_not_replaced(student: Student, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match="is there already"):
        WordStore.build(["some text", "more text"], tmp_path, student)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_tokenizer_that_reads_otherwise_needs_its_own_store(
    student: Student, tokenizers: Get, tmp_path: Path
) -> None:
    texts = ["some text here", "more text there"]
    store = WordStore.build(texts, tmp_path / "store", student, teacher=tokenizers("uncased"))
    store.table(tokenizers("uncased"))
    with pytest.raises(UserError, match="build a store with it as the student or as the teacher"):
        store.table(tokenizers("byte-level"))


def test_a_tokenizer_without_mask_token_is_an_error(student: Student, tokenizers: Get, tmp_path: Path) -> None:
    store = WordStore.build(["some text here", "more text there"], tmp_path / "store", student)
    unmasked = PreTrainedTokenizerFast(tokenizer_object=tokenizers("uncased").backend_tokenizer)
    with pytest.raises(UserError, match=r"cls_token.*mask_token"):
        store.table(unmasked)
