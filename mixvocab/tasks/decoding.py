"""From logits to tags that are IOB2, and from tags to slots; on the device too, so without torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np


def viterbi(logits: np.ndarray, tags: Sequence[str]) -> np.ndarray:
    """The best sequence (W,) int64 in which I-x follows only B-x or I-x, by the sum of its logits.

    `logits` (W, S) are those of words' first pieces, `tags` the S tags, "O" among them. Viterbi's algorithm (1967);
    nothing of it is learned. A word's logits differ from log-probabilities by one number, so the sums, of 64 bits,
    need no softmax. Of equals the first is taken, as by argmax, whose answer this is wherever that one is IOB2.
    `widgets/js/demo/decoding.js` is its twin.
    """
    start, transitions = _grammar(tuple(tags))
    if not len(logits):
        return np.zeros(0, dtype=np.int64)
    scores = logits[0] + start
    steps: list[np.ndarray] = []  # for every word but the first, the best tag before each of its tags
    for word in logits[1:]:
        candidates = scores[:, None] + transitions
        steps.append(candidates.argmax(axis=0))
        scores = candidates.max(axis=0) + word
    path = [scores.argmax()]
    for before in reversed(steps):
        path.append(before[path[-1]])
    return np.array(path[::-1], dtype=np.int64)


@cache
def _grammar(tags: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """0 where a tag may stand first (S,) or after another (S before, S after), minus infinity where it may not."""

    def penalty(before: str, tag: str) -> float:
        return 0.0 if not tag.startswith("I-") or before in (f"B-{tag[2:]}", tag) else -np.inf

    return np.array([penalty("O", tag) for tag in tags]), np.array([[penalty(b, tag) for tag in tags] for b in tags])


@dataclass(frozen=True)
class Slot:
    """A filled slot; `start` and `end` count words, the end is not included."""

    name: str
    text: str
    start: int
    end: int


def spans(tags: Sequence[str], words: Sequence[str]) -> tuple[Slot, ...]:
    """Slots of IOB2 tags; an I- that continues nothing begins a slot of its own."""
    slots: list[Slot] = []
    for i, tag in enumerate(tags):
        mark, _, name = tag.partition("-")
        if mark == "I" and slots and slots[-1].end == i and slots[-1].name == name:
            start = slots.pop().start
            slots.append(Slot(name, " ".join(words[start : i + 1]), start, i + 1))
        elif mark in ("B", "I"):
            slots.append(Slot(name, words[i], i, i + 1))
    return tuple(slots)
