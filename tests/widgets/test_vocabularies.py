"""Vocabularies on their way to the pages and back."""

from __future__ import annotations

import json

import pytest

from mixvocab.models.pretrained import load_tokenizer
from mixvocab.text.wordpiece import Vocabulary
from mixvocab.widgets.vocabularies import pack, published, restore

TEXT = "The cats' reading [MASK] 漢字 Straße, naïve " + "x" * 120


@pytest.fixture
def teacher(tiny_teacher):
    return load_tokenizer(tiny_teacher)


@pytest.fixture
def students(tiny_pieces):
    return {size: Vocabulary(tuple(tiny_pieces[:size])) for size in (120, 150)}


def test_a_packed_vocabulary_comes_back_whole(teacher, students):
    teacher.backend_tokenizer.enable_truncation(8)
    for vocabulary in (Vocabulary.of(teacher), students[120]):
        packed = json.loads(json.dumps(pack(vocabulary, "it")))
        assert packed["pieces"][0] == "[PAD]"
        assert "vocab" not in packed["tokenizer"]["model"]
        assert packed["tokenizer"]["truncation"] is packed["tokenizer"]["padding"] is None  # a page shows whole texts
        again = restore(packed).backend_tokenizer
        assert again.encode(TEXT).ids == vocabulary.backend().encode(TEXT).ids
        assert again.get_vocab() == vocabulary.backend().get_vocab()


def test_the_published_vocabularies(teacher, students):
    found = published(teacher, students, default=150, about="a test")
    assert found["sizes"] == ["120", "150"]
    assert list(found["students"]) == found["sizes"]
    assert found["default"] == "150"
    assert len(found["students"]["120"]["pieces"]) == 120
    assert len(found["teacher"]["pieces"]) == len(teacher)
    json.dumps(found)
