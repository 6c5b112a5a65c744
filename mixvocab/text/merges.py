"""Candidate pieces from pair merges: the greedy algorithm of section 3.1 (Sennrich et al., 2016).

Every word begins as a chain of characters; the pair of neighbours that occurs most often in the text becomes a
piece, everywhere at once, again and again.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import pairwise

Pair = tuple[str, str]


def merged_pieces(counts: Mapping[str, int]) -> Iterator[str]:
    """Pieces in the order in which merging words of these counts makes them, each once, until none is left.

    A piece's score is the number of its occurrences when it is made. Characters compete by their own counts, as pairs
    with nothing: a pair never occurs more often than its parts, so a character comes before what is merged from it.
    Equal scores are ordered by the piece's text, so equal counts give equal pieces.
    """
    chains = {word: [word[0], *(f"##{character}" for character in word[1:])] for word in counts}
    scores: defaultdict[Pair, int] = defaultdict(int)
    holders: defaultdict[Pair, set[str]] = defaultdict(set)  # the words that a pair was ever seen in
    for word, chain in chains.items():
        for symbol in chain:
            scores[symbol, ""] += counts[word]
        for pair in pairwise(chain):
            scores[pair] += counts[word]
            holders[pair].add(word)
    queue = [(-score, left + right[2:], (left, right)) for (left, right), score in scores.items()]
    heapq.heapify(queue)
    pieces: set[str] = set()
    while queue:
        score, piece, pair = heapq.heappop(queue)
        current = -scores[pair]
        if score != current:  # scores fall silently: an entry that is too high returns with its true score
            if score < current < 0:
                heapq.heappush(queue, (current, piece, pair))
            continue
        neighbours: set[Pair] = set()
        for word in holders.pop(pair, ()):
            lost, gained = _merge(chains[word], pair, piece)
            for former in lost:
                scores[former] -= counts[word]
            for neighbour in gained:
                scores[neighbour] += counts[word]
                holders[neighbour].add(word)
            neighbours.update(gained)
        for left, right in neighbours:
            if scores[left, right]:
                heapq.heappush(queue, (-scores[left, right], left + right[2:], (left, right)))
        if piece not in pieces:  # two pairs may spell the same piece
            pieces.add(piece)
            yield piece


def _merge(chain: list[str], pair: Pair, piece: str) -> tuple[list[Pair], list[Pair]]:
    """Put `piece` in the place of `pair` wherever it stands in the chain; the pairs that this takes and makes."""
    lost: list[Pair] = []
    gained: list[Pair] = []
    place = 0
    while place < len(chain) - 1:
        if chain[place] == pair[0] and chain[place + 1] == pair[1]:
            start = max(place - 1, 0)
            lost += pairwise(chain[start : place + 3])
            chain[place : place + 2] = [piece]
            gained += pairwise(chain[start : place + 2])
        place += 1
    return lost, gained
