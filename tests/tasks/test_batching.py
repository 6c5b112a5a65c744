"""Epochs: every example once, similar lengths together, the same order for the same seed whatever came before."""

import numpy as np
import pytest

from mixvocab.tasks.finetune import Batches, collate
from mixvocab.train.loop import Turn

LENGTHS = np.random.default_rng(0).integers(1, 60, 1000)


def batches(count: int, seed: int = 3) -> Batches:
    examples = [{"ids": np.zeros(n, dtype=np.int64), "name": np.array(i)} for i, n in enumerate(LENGTHS[:count])]
    return Batches(examples, seed)


def names(drawn: Batches, indices: range) -> list[list[int]]:
    return [drawn(Turn(i, 16, np.random.default_rng(i))).name.tolist() for i in indices]


@pytest.mark.parametrize("count", [1, 15, 16, 17, 1000])
def test_an_epoch_holds_every_example_once(count: int) -> None:
    drawn, per_epoch = batches(count), -(-count // 16)
    for epoch in range(2):
        epoch_names = names(drawn, range(epoch * per_epoch, (epoch + 1) * per_epoch))
        assert sorted(name for batch in epoch_names for name in batch) == list(range(count))


def test_epochs_and_seeds_differ_and_repeat() -> None:
    first, second = names(batches(200), range(13)), names(batches(200), range(13, 26))
    assert first != second
    assert first != names(batches(200, seed=4), range(13))
    drawn = batches(200)
    assert (names(drawn, range(13)), names(drawn, range(13, 26))) == (first, second)


def test_batches_hold_similar_lengths() -> None:
    drawn = names(batches(1000), range(63))
    assert np.mean([np.ptp(LENGTHS[batch]) for batch in drawn]) < 6  # unsorted ones spread over more than 50
    order = [LENGTHS[batch[0]] for batch in drawn]
    assert order != sorted(order), "short batches must not all come first"


def test_padding() -> None:
    rows = [np.array([1, 2, 3]), np.array([4])]
    batch = collate([{"ids": row, "tags": row, "intent": np.array(7)} for row in rows])
    np.testing.assert_array_equal(batch.ids, [[1, 2, 3], [4, 0, 0]])
    np.testing.assert_array_equal(batch.tags, [[1, 2, 3], [4, -100, -100]])
    np.testing.assert_array_equal(batch.attention, [[True, True, True], [True, False, False]])
    assert batch.intent.tolist() == [7, 7]
