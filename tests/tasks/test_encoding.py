"""Encoding as transformers does it, windows that lose nothing silently; Viterbi's tags against brute force; slots."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import AutoTokenizer

from mixvocab.common.errors import UserError
from mixvocab.tasks.encoding import Bundle, Encoder, Slot, spans, viterbi

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


def test_a_special_piece_that_is_typed_is_text_but_for_models_that_guess(tiny_teacher: Path) -> None:
    encoder = Encoder.load(tiny_teacher, 32)
    as_text = encoder.texts("[ sep ] the [ mask ] cat").ids.tolist()
    assert encoder.texts("[SEP] the [MASK] cat").ids.tolist() == as_text
    assert encoder.words(["[SEP]"]).ids.tolist() == [encoder.cls, *encoder.words(["[sep]"]).ids[1:-1], encoder.sep]
    assert sum(encoder.texts("[SEP] cat", "a [SEP]").types) == len(encoder.texts("a [SEP]").ids) - 1
    guessing = Encoder.load(tiny_teacher, 32, masks=True)
    assert guessing.tokenizer.token_to_id("[MASK]") in guessing.texts("the [MASK] cat").ids


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


def test_a_folder_that_says_more_than_is_read_is_read(tmp_path: Path) -> None:
    said = {"task": "snips", "kind": "joint", "window": "64", "scores": {"test": {"slot_f1": 0.9}}}
    (tmp_path / "task.json").write_text(json.dumps(said))
    assert Bundle.load(tmp_path) == Bundle("snips", "joint", 64)


ORDERS = (
    ("O", "B-a", "I-a", "B-b", "I-b"),
    ("I-a", "O", "I-b", "B-b", "B-a"),
    ("O", "B-a", "B-b", "I-b"),
    ("O", "I-a", "B-b", "I-b"),  # nothing begins an a, so that nothing goes on with it
)


def is_iob2(tags: tuple[str, ...]) -> bool:
    return all(tag[:2] != "I-" or before in (f"B-{tag[2:]}", tag) for before, tag in itertools.pairwise(("O", *tags)))


@pytest.mark.parametrize("tags", ORDERS)
@pytest.mark.parametrize("words", [1, 2, 3, 5])
def test_it_is_the_best_of_all_iob2_sequences(tags: tuple[str, ...], words: int) -> None:
    sequences = itertools.product(range(len(tags)), repeat=words)
    legal = [sequence for sequence in sequences if is_iob2(tuple(tags[i] for i in sequence))]
    rng = np.random.default_rng(words)
    for _ in range(40):
        logits = rng.normal(size=(words, len(tags))).astype(np.float32)
        sums = logits.astype(np.float64)[np.arange(words), np.array(legal)].sum(1)
        assert viterbi(logits, tags).tolist() == list(legal[sums.argmax()])


@pytest.mark.parametrize("tags", ORDERS)
def test_it_is_iob2_and_it_is_argmax_wherever_that_is(tags: tuple[str, ...]) -> None:
    rng = np.random.default_rng(7)
    alike = 0
    for _ in range(500):
        # Whole numbers: many are equal, and then the first tag is taken.
        logits = rng.integers(0, 4, (int(rng.integers(0, 9)), len(tags))).astype(np.float32)
        path, best = viterbi(logits, tags), logits.argmax(-1)
        assert is_iob2(tuple(tags[i] for i in path))
        if is_iob2(tuple(tags[i] for i in best)):
            assert path.tolist() == best.tolist()
            alike += 1
    assert 20 < alike < 480


def test_one_wrong_word_does_not_break_a_slot() -> None:
    logits = np.array([[0, 5, 0, 4, 0], [0, 0, 2, 0, 3], [0, 0, 0, 0, 4]], np.float32)
    assert logits.argmax(-1).tolist() == [1, 4, 4]
    assert viterbi(logits, ORDERS[0]).tolist() == [3, 4, 4]


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("O O", []),
        ("B-a I-a O", [("a", 0, 2)]),
        ("B-a B-a", [("a", 0, 1), ("a", 1, 2)]),
        ("I-a I-a", [("a", 0, 2)]),
        ("B-a I-b", [("a", 0, 1), ("b", 1, 2)]),
        ("B-a O I-a", [("a", 0, 1), ("a", 2, 3)]),
        ("B-a-b I-a-b", [("a-b", 0, 2)]),
    ],
)
def test_spans(tags: str, expected: list[tuple[str, int, int]]) -> None:
    words = ["w0", "w1", "w2"]
    found = spans(tags.split(), words)
    assert found == tuple(Slot(name, " ".join(words[s:e]), s, e) for name, s, e in expected)
