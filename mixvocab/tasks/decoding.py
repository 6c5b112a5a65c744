"""The most probable tags of an utterance that are IOB2; on the device too, so without torch."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np


def viterbi(logits: np.ndarray, tags: Sequence[str]) -> np.ndarray:
    """The best sequence (W,) int64 in which I-x follows only B-x or I-x, by the sum of its logits.

    Viterbi's algorithm (1967); nothing of it is learned: a transition is allowed or it is not. A logit and its
    log-probability differ by the same number for all tags of a word, so the sums need no softmax. They are of 64
    bits. Of equally good tags the first is taken, as by argmax, whose answer this is wherever that one is IOB2.
    `widgets/js/demo/decoding.js` is its twin.

    Args:
        logits: (W, S), of the words' first pieces alone.
        tags: the S tags in the order of the logits, "O" among them.
    """
    inside, low, high = _grammar(tuple(tags))
    scores = np.zeros(len(tags))
    steps: list[np.ndarray] = []  # for every word but the first, the best tag before each of its tags
    for word, row in enumerate(logits.astype(np.float64)):
        if word:
            before = np.full(len(tags), scores.argmax())
            before[inside] = np.where(scores[high] > scores[low], high, low)
            scores = scores[before]
            steps.append(before)
        else:
            scores[inside] = -np.inf
        scores = scores + row
    path = [scores.argmax()]
    for before in reversed(steps):
        path.append(before[path[-1]])
    return np.array(path[::-1][: len(logits)], dtype=np.int64)


@cache
def _grammar(tags: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Places of the I- tags, and for each of them the lower and the higher place of the tags that it may follow."""
    place = {tag: i for i, tag in enumerate(tags)}
    inside = [i for i, tag in enumerate(tags) if tag.startswith("I-")]
    begin = [place.get(f"B-{tags[i][2:]}", i) for i in inside]
    pairs = np.sort(np.array([begin, inside], dtype=np.int64), axis=0)
    return np.array(inside, dtype=np.int64), pairs[0], pairs[1]
