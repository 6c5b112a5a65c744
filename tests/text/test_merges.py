from __future__ import annotations

import random
from collections import Counter
from itertools import islice, pairwise

import pytest

from mixvocab.text.learner import merged_pieces


def textbook(counts: dict[str, int], limit: int) -> list[str] | None:
    """Recount everything after each merge; None when two pairs tie for the same piece."""
    chains = {word: [word[0], *("##" + character for character in word[1:])] for word in counts}
    characters: Counter[str] = Counter()
    for word, chain in chains.items():
        for symbol in chain:
            characters[symbol] += counts[word]
    made: dict[str, None] = {}
    while len(made) < limit:
        pairs: Counter[tuple[str, str]] = Counter()
        for word, chain in chains.items():
            for pair in pairwise(chain):
                pairs[pair] += counts[word]
        options = [(-count, text, None) for text, count in characters.items()]
        options += [(-count, left + right[2:], (left, right)) for (left, right), count in pairs.items()]
        if not options:
            break
        first = min(option[:2] for option in options)
        (_, text, pair), *tied = [option for option in options if option[:2] == first]
        if tied:
            return None
        made[text] = None
        if pair is None:
            del characters[text]
            continue
        for word, chain in chains.items():
            merged, i = [], 0
            while i < len(chain):
                if tuple(chain[i : i + 2]) == pair:
                    merged.append(text)
                    i += 2
                else:
                    merged.append(chain[i])
                    i += 1
            chains[word] = merged
    return list(made)


@pytest.mark.parametrize("alphabet", ["a", "ab", "abcd", "aé控"])
def test_merges_are_those_of_the_textbook(alphabet: str) -> None:
    rng = random.Random(7)
    compared = 0
    for _ in range(60):
        counts = {"".join(rng.choices(alphabet, k=rng.randint(1, 9))): rng.randint(1, 10_000) for _ in range(25)}
        if (expected := textbook(counts, 50)) is not None:
            compared += 1
            assert list(islice(merged_pieces(counts), 50)) == expected
    assert compared >= 20


def test_the_order_of_the_counts_does_not_matter() -> None:
    counts = {"low": 5, "lower": 2, "newest": 6, "widest": 3, "west": 3}
    assert list(merged_pieces(counts)) == list(merged_pieces(dict(reversed(counts.items()))))


def test_merging_ends_with_every_word_a_piece_and_no_piece_twice() -> None:
    counts = {"banana": 4, "bandana": 3, "anna": 3, "aaaa": 2}
    pieces = list(merged_pieces(counts))
    assert set(counts) <= set(pieces)
    assert len(pieces) == len(set(pieces))
