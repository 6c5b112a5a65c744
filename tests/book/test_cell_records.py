"""What a cell's record keeps of the held-out scores."""

from __future__ import annotations

import numpy as np

from mixvocab_book.steps.students import BLOCK, blocks


def test_blocks_hold_every_row_once_in_order() -> None:
    rows = np.random.default_rng(3).random((3 * BLOCK + 2, 2))
    summed = blocks(rows)
    assert summed.shape == (4, 2)
    np.testing.assert_allclose(summed[1], rows[BLOCK : 2 * BLOCK].sum(axis=0))
    np.testing.assert_allclose(summed[3], rows[3 * BLOCK :].sum(axis=0))
