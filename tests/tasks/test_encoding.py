"""Encoding: the same pieces as transformers, first pieces where words begin, windows that lose nothing silently."""

from pathlib import Path

import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import AutoTokenizer

from mixvocab.common.errors import UserError
from mixvocab.tasks.encoding import Bundle, Encoder

TEXTS = ["The cat sat, learning!", "smallest HOUSE of all time", "x", "", "the   readers' cats", "été in the city"]


def test_texts_and_pairs_are_those_of_transformers(tiny_teacher: Path) -> None:
    encoder, reference = Encoder.load(tiny_teacher, 12), AutoTokenizer.from_pretrained(tiny_teacher)
    for first in TEXTS:
        assert encoder.texts(first).ids.tolist() == reference(first, truncation=True, max_length=12)["input_ids"]
        for second in filter(None, TEXTS):  # to transformers an empty second text is none
            encoded = encoder.texts(first, second)
            expected = reference(first, second, truncation="longest_first", max_length=12)
            assert encoded.ids.tolist() == expected["input_ids"]
            assert encoded.types.tolist() == expected["token_type_ids"]


@pytest.mark.parametrize(("one", "two"), [(3, 30), (30, 3), (30, 30), (30, 0), (1, 9), (5, 4)])
def test_of_a_long_pair_the_longer_text_is_cut(tiny_teacher: Path, one: int, two: int) -> None:
    encoded = Encoder.load(tiny_teacher, 13).texts(" ".join(["cat"] * one), " ".join(["dog"] * two))
    cats, dogs = int((encoded.types == 0).sum()) - 2, int((encoded.types == 1).sum()) - 1
    assert (cats, dogs) == (min(one, max(10 - two, 5)), min(two, max(10 - one, 5)))


def test_every_word_has_a_first_piece_and_the_pieces_of_transformers(tiny_teacher: Path) -> None:
    words = ["Smallest", "cat", "zzz", "don't", "learning"]
    encoded = Encoder.load(tiny_teacher, 64).words(words)
    reference = AutoTokenizer.from_pretrained(tiny_teacher)(words, is_split_into_words=True)
    assert encoded.ids.tolist() == reference["input_ids"]
    assert encoded.first.tolist() == [reference.word_ids().index(i) for i in range(len(words))]


def test_a_word_without_pieces_is_unknown_rather_than_gone(tiny_teacher: Path) -> None:
    encoder = Encoder.load(tiny_teacher, 16)
    encoded = encoder.words(["cat", "\u200b\u00ad", "dog"])
    assert len(encoded.first) == 3
    assert encoded.ids[encoded.first[1]] == encoder.unk


def test_words_beyond_the_window_have_no_first_piece(tiny_teacher: Path) -> None:
    encoder = Encoder.load(tiny_teacher, 8)
    encoded = encoder.words(["cat"] * 20)
    assert len(encoded.ids) == 8
    assert encoded.ids[-1] == encoder.sep
    assert encoded.first.tolist() == [1, 2, 3, 4, 5, 6]
    long = encoder.words(["smallest" * 3, "cat"])
    assert (long.first.tolist(), len(long.ids)) == ([1], 8)


def test_the_tokenizer_keeps_its_own_truncation(tiny_teacher: Path) -> None:
    tokenizer = Tokenizer.from_file(str(tiny_teacher / "tokenizer.json"))
    tokenizer.enable_truncation(4)
    assert len(Encoder(tokenizer, 32).texts("the cat was in the old house").ids) > 4
    assert tokenizer.truncation["max_length"] == 4


def test_what_cannot_work_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"tokenizer\.json cannot be read"):
        Encoder.load(tmp_path, 16)
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(UserError, match=r"tokenizer\.json cannot be read"):
        Encoder.load(tmp_path, 16)
    with pytest.raises(UserError, match=r"no piece \[CLS\]"):
        Encoder(Tokenizer(WordLevel({"a": 0}, unk_token="a")), 16)
    with pytest.raises(UserError, match=r"task\.json is missing or damaged"):
        Bundle.load(tmp_path)
    (tmp_path / "task.json").write_text('{"kind": "joint"}')
    with pytest.raises(UserError, match=r"task\.json is missing or damaged"):
        Bundle.load(tmp_path)
