"""Viterbi's tags against brute force over all IOB2 sequences, and against argmax where that is one of them."""

import itertools

import numpy as np
import pytest

from mixvocab.tasks.encoding import viterbi

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
