"""Vocabularies on their way to the pages and back."""

from __future__ import annotations

import json

import pytest
from tokenizers import Tokenizer
from tokenizers.models import BPE
from transformers import BertTokenizer

from mixvocab.common.errors import UserError
from mixvocab.models.teacher import load_tokenizer
from mixvocab.text.wordpiece import Vocabulary
from mixvocab.widgets.vocabularies import pack, published, restore, unpack

TEXT = "The cats' reading [MASK] 漢字 Straße, naïve " + "x" * 120


@pytest.fixture
def teacher(tiny_teacher):
    return load_tokenizer(tiny_teacher)


@pytest.fixture
def students(tiny_pieces):
    return {size: Vocabulary(tuple(tiny_pieces[:size])) for size in (120, 150)}


def test_a_packed_vocabulary_comes_back_whole(teacher, students):
    for tokenizer, backend in ((teacher, teacher.backend_tokenizer), (students[120], students[120].backend())):
        packed = json.loads(json.dumps(pack(tokenizer, "it")))
        assert packed["pieces"][0] == "[PAD]"
        assert "vocab" not in packed["tokenizer"]["model"]
        for again in (unpack(packed), restore(packed).backend_tokenizer):
            assert again.encode(TEXT).ids == backend.encode(TEXT).ids
            assert again.get_vocab() == backend.get_vocab()


def test_a_packed_vocabulary_cuts_whole_texts(teacher):
    backend = teacher.backend_tokenizer
    backend.enable_truncation(8)
    backend.enable_padding(length=64)
    assert len(unpack(pack(backend, "it")).encode("a b " * 20).ids) == 42


def test_what_is_no_wordpiece_is_refused(tiny_pieces):
    with pytest.raises(UserError, match="'it' is no WordPiece"):
        pack(Tokenizer(BPE({"a": 0, "b": 1}, [])), "it")
    gap = Tokenizer.from_str(json.dumps(_with_gap(Vocabulary(tuple(tiny_pieces)).backend())))
    with pytest.raises(UserError, match="leaves ids out"):
        pack(gap, "it")


def _with_gap(backend):
    state = json.loads(backend.to_str())
    state["model"]["vocab"]["house"] = 5000
    return state


def test_the_published_vocabularies(teacher, students):
    found = published(teacher, students, default=150, about="a test")
    assert found["sizes"] == ["120", "150"]
    assert list(found["students"]) == found["sizes"]
    assert found["default"] == "150"
    assert len(found["students"]["120"]["pieces"]) == 120
    assert len(found["teacher"]["pieces"]) == len(teacher)
    json.dumps(found)


def test_vocabularies_that_cannot_be_compared_are_refused(teacher, students, tiny_pieces):
    with pytest.raises(UserError, match="no vocabulary of 99 pieces among 120, 150"):
        published(teacher, students, default=99, about="")
    cased = BertTokenizer(vocab={piece: n for n, piece in enumerate(tiny_pieces)}, do_lower_case=False)
    with pytest.raises(UserError, match="splits text otherwise"):
        published(cased, students, default=120, about="")
    teacher.add_special_tokens({"additional_special_tokens": ["<x>"]})
    with pytest.raises(UserError, match="special tokens"):
        published(teacher, students, default=120, about="")
