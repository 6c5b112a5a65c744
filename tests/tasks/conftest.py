"""A small set of commands whose labels follow from their words, and models that can learn it in seconds."""

from __future__ import annotations

import numpy as np
import pytest

from mixvocab.sources.rows import SnipsData, SnipsRow
from mixvocab.sources.source import Source

SOURCE = Source("snips", "commands", "path", "commands/", "none", "0" * 64, False)


def commands(count: int, seed: int) -> list[SnipsRow]:
    """ "read the <thing> [was it]" and "house <thing> <thing>": the frame decides the slot's name."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        one, two = rng.choice(["cat", "dog", "river", "city", "night", "machine"], 2)
        if rng.random() < 0.5:
            tail = [(), ("was", "it")][int(rng.integers(2))]
            rows.append(SnipsRow(("read", "the", one, *tail), ("O", "O", "B-book", *["O"] * len(tail)), "ReadBook"))
        else:
            rows.append(SnipsRow(("house", one, two), ("O", "B-place", "I-place"), "GoHome"))
    return rows


@pytest.fixture(scope="session")
def command_data() -> SnipsData:
    return SnipsData(SOURCE, {"train": commands(160, 1), "valid": commands(40, 2), "test": commands(40, 3)})
