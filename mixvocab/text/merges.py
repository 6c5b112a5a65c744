"""Candidate pieces from pair merges: the greedy algorithm of section 3.1 (Sennrich et al., 2016), in numpy.

Every word type starts as a chain of characters; the pair of neighbours that occurs most often in the text
becomes a piece, everywhere at once, again and again. All chains lie end to end in flat arrays, and the
places where each pair occurs are kept, so a merge touches only those places and their neighbours.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.int64]

# A pair of symbols (left, right) is one integer, left * _BASE + right.
_BASE = 1 << 31
_DEAD = -1
_CHARACTER = -1  # in the queue, in place of a pair


def merged_pieces(counts: Mapping[str, int]) -> Iterator[str]:
    """Pieces in the order in which merging words of these counts makes them, each once, until none is left.

    A piece's score is the number of its occurrences when it is made. Characters compete by their own counts:
    a pair never occurs more often than its parts, so a character comes before what is merged from it.
    Equal scores are ordered by the piece's text; nothing else decides, so equal counts give equal pieces.
    """
    chains = _Chains.of(counts)
    pieces: set[str] = set()
    while chains.queue:
        score, text, pair = heapq.heappop(chains.queue)
        if pair != _CHARACTER:
            current = chains.counts.get(pair, 0)
            if current != -score:  # counts fall silently: an entry that is too high returns with its true score
                if 0 < current < -score:
                    heapq.heappush(chains.queue, (-current, text, pair))
                continue
            chains.merge(pair, text)
        if text not in pieces:  # two pairs may spell the same piece
            pieces.add(text)
            yield text


@dataclass
class _Chains:
    """Words as chains of symbols in flat arrays; index n (one past the end) is the border of every word."""

    symbols: Array  # (n + 1,) symbol at each place, _DEAD where it was merged into the place before
    after: Array  # (n + 1,) next place in the word, n at its end
    before: Array  # (n + 1,) previous place in the word, n at its start
    weights: Array  # (n + 1,) how often the word occurs
    texts: list[str]  # text of each symbol, with ## where it continues a word
    known: dict[str, int]
    counts: dict[int, int] = field(default_factory=dict)  # occurrences of each pair
    places: dict[int, list[Array]] = field(default_factory=dict)  # where its left part was seen; may be stale
    queue: list[tuple[int, str, int]] = field(default_factory=list)  # (-score, text, pair or _CHARACTER)

    @classmethod
    def of(cls, counts: Mapping[str, int]) -> _Chains:
        # Sorted, so that the order of the mapping cannot matter.
        words = sorted(counts)
        lengths = np.fromiter(map(len, words), np.int64, len(words))
        frequencies = np.fromiter((counts[word] for word in words), np.int64, len(words))
        ends = np.cumsum(lengths)
        n = int(lengths.sum())
        points = np.frombuffer("".join(words).encode("utf-32-le"), np.uint32).astype(np.int64)
        continues = np.ones(n, np.int64)
        continues[ends - lengths] = 0
        kinds, symbols = np.unique(points * 2 + continues, return_inverse=True)
        texts = [("##" if kind & 1 else "") + chr(kind >> 1) for kind in kinds.tolist()]

        after = np.arange(1, n + 2)
        after[ends - 1] = n
        after[n] = n
        before = np.arange(-1, n)
        before[ends - lengths] = n
        weights = np.append(np.repeat(frequencies, lengths), 0)
        chains = cls(
            symbols=np.append(symbols, _DEAD),
            after=after,
            before=np.append(before, n),
            weights=weights,
            texts=texts,
            known={text: i for i, text in enumerate(texts)},
        )
        single = np.bincount(symbols, weights[:n], len(texts)).astype(np.int64)
        chains.queue = [(-count, text, _CHARACTER) for count, text in zip(single.tolist(), texts, strict=True)]
        heapq.heapify(chains.queue)
        chains._add(np.arange(n))
        return chains

    def merge(self, pair: int, text: str) -> None:
        """Make `pair` one symbol wherever it occurs, and bring the counts of its neighbours up to date."""
        left, right = divmod(pair, _BASE)
        symbols, after, before = self.symbols, self.after, self.before
        seen = self.places.pop(pair)
        first = np.concatenate(seen) if len(seen) > 1 else seen[0]
        first = first[(symbols[first] == left) & (symbols[after[first]] == right)]
        if left == right:
            first = _without_overlaps(np.sort(first), after)
        second = after[first]

        self._remove(np.concatenate([before[first], first, second]))
        merged = self.known.setdefault(text, len(self.texts))
        if merged == len(self.texts):
            self.texts.append(text)
        symbols[first] = merged
        symbols[second] = _DEAD
        after[first] = after[second]
        before[after[first]] = first  # at a word's end this writes to the border, which nothing reads
        self.counts.pop(pair, None)
        # A left neighbour that has itself just been merged away is reached through `first`.
        self._add(np.concatenate([before[first], first]))

    def _pairs_at(self, places: Array) -> tuple[Array, Array]:
        """The distinct places among `places` where a pair begins, and those pairs."""
        places = np.sort(places)
        places = places[np.diff(places, prepend=-1) != 0]
        left, right = self.symbols[places], self.symbols[self.after[places]]
        alive = (left != _DEAD) & (right != _DEAD)
        return places[alive], left[alive] * _BASE + right[alive]

    def _remove(self, places: Array) -> None:
        """Take the pairs that begin at `places` out of the counts."""
        places, pairs = self._pairs_at(places)
        order = np.argsort(pairs)
        pairs = pairs[order]
        starts = np.flatnonzero(np.diff(pairs, prepend=-1))
        lost = np.add.reduceat(self.weights[places[order]], starts)
        for pair, count in zip(pairs[starts].tolist(), lost.tolist(), strict=True):
            self.counts[pair] -= count

    def _add(self, places: Array) -> None:
        """Count the pairs that begin at `places`, note where, and queue them."""
        places, pairs = self._pairs_at(places)
        if not len(places):
            return
        order = np.argsort(pairs)
        places, pairs = places[order], pairs[order]
        starts = np.flatnonzero(np.diff(pairs, prepend=-1))
        gained = np.add.reduceat(self.weights[places], starts).tolist()
        ends = [*starts[1:].tolist(), len(places)]
        for pair, count, start, end in zip(pairs[starts].tolist(), gained, starts.tolist(), ends, strict=True):
            total = self.counts[pair] = self.counts.get(pair, 0) + count
            self.places.setdefault(pair, []).append(places[start:end])
            left, right = divmod(pair, _BASE)
            heapq.heappush(self.queue, (-total, self.texts[left] + self.texts[right][2:], pair))


def _without_overlaps(first: Array, after: Array) -> Array:
    """Of the places where a symbol meets itself, those merged when reading from the left ("aaa": one)."""
    taken: set[int] = set()
    kept: list[int] = []
    for place, following in zip(first.tolist(), after[first].tolist(), strict=True):
        if place not in taken:
            kept.append(place)
            taken.add(following)
    return np.array(kept, np.int64)
