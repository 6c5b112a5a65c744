"""Epochs: every example once, similar lengths together, the same order for the same seed whatever came before."""

from dataclasses import dataclass

import numpy as np
import pytest

from mixvocab.tasks.batching import Batches, in_order, pad, real
from mixvocab.train.loop import Turn


@dataclass
class Item:
    ids: np.ndarray
    name: int


def items(count: int) -> list[Item]:
    rng = np.random.default_rng(0)
    return [Item(np.zeros(int(n), dtype=np.int64), i) for i, n in enumerate(rng.integers(1, 60, count))]


def turn(index: int, rows: int = 16) -> Turn:
    return Turn(index, rows, np.random.default_rng(index))


def names(batches: Batches, indices: range, rows: int = 16) -> list[list[int]]:
    return [batches(turn(i, rows)) for i in indices]


def made(count: int, seed: int = 3) -> Batches:
    return Batches(items(count), lambda chosen: [item.name for item in chosen], seed)


@pytest.mark.parametrize("count", [1, 15, 16, 17, 1000])
def test_an_epoch_holds_every_example_once(count: int) -> None:
    batches = made(count)
    per_epoch = batches.per_epoch(16)
    for epoch in range(2):
        drawn = names(batches, range(epoch * per_epoch, (epoch + 1) * per_epoch))
        assert sorted(name for batch in drawn for name in batch) == list(range(count))


def test_epochs_and_seeds_differ_and_repeat() -> None:
    first, second = names(made(200), range(13)), names(made(200), range(13, 26))
    assert first != second
    assert first != names(made(200, seed=4), range(13))
    assert second == names(made(200), range(13, 26)), "an epoch's order depends on what was drawn before it"


def test_batches_hold_similar_lengths() -> None:
    batches, lengths = made(1000), [len(item.ids) for item in items(1000)]
    spread = [np.ptp([lengths[i] for i in batch]) for batch in names(batches, range(batches.per_epoch(16)))]
    assert np.mean(spread) < 6  # unsorted batches of 16 spread over more than 50
    order = [lengths[batch[0]] for batch in names(batches, range(30))]
    assert order != sorted(order), "short batches must not all come first"


def test_prediction_order_is_complete_and_sorted() -> None:
    chosen = list(in_order(items(300), 64))
    assert sorted(np.concatenate(chosen)) == list(range(300))
    assert [len(part) for part in chosen] == [64, 64, 64, 64, 44]


def test_padding() -> None:
    rows = [np.array([1, 2, 3]), np.array([4])]
    np.testing.assert_array_equal(pad(rows, 0), [[1, 2, 3], [4, 0, 0]])
    np.testing.assert_array_equal(real(rows), [[True, True, True], [True, False, False]])
