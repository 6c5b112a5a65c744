"""Learning a WordPiece vocabulary of an exact size, the same bytes every time.

The paper (section 3.1) merges pairs, as Sennrich et al. (2016) do: every word begins as a chain of characters, and the
pair of neighbours that occurs most often becomes a piece, everywhere at once, until about the size asked for is reached
(asked 5,000, got 4,928). Merging leaves stepping stones: "##ationa" is needed to build "##ational" and hardly used
afterwards. So this learner merges to twice the size and then takes pieces out again, each time one whose absence costs
the text the fewest extra tokens under the greedy longest-match segmentation that will be used, until `size` are left.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping
from functools import cache
from itertools import islice, pairwise

from mixvocab.common.errors import UserError
from mixvocab.common.progress import progress
from mixvocab.text.reading import words_of
from mixvocab.text.wordpiece import CONTINUATION, MAX_WORD_CHARACTERS, SPECIAL_PIECES, Vocabulary

Pair = tuple[str, str]

# Candidates a piece kept. Measured on 80 MB of Wikipedia at 5,000 pieces, tokens a word: 1.351 without
# surplus, 1.322 with 1.3, 1.312 with 2, 1.309 with 3 (and three times the time).
SURPLUS = 2

# Word types that taking out looks at, a piece: the most frequent ones. Looking at all 259,000 types of the same text
# gives 1.841 tokens a word instead of 1.844 at 1,000 pieces, in seven times the time, and no gain at 5,000.
WORDS_PER_PIECE = 20


def ascii_pieces(lowercase: bool = True) -> list[str]:
    """Every printable ASCII character that survives normalisation, as word-initial and continuation piece."""
    characters = [chr(code) for code in range(33, 127)]
    kept = [character for character in characters if words_of(character, lowercase) == [character]]
    return kept + [CONTINUATION + character for character in kept]


def learn_vocabulary(counts: Mapping[str, int], size: int, *, lowercase: bool = True) -> Vocabulary:
    """A vocabulary of exactly `size` pieces, special pieces included, from word counts (`count_words`).

    Ids: [PAD] [UNK] [CLS] [SEP] [MASK], the ASCII alphabet, then learned pieces by falling use in the text.
    Raises UserError if the size cannot hold the alphabet or the text cannot give so many pieces.
    """
    return learn_vocabularies(counts, [size], lowercase=lowercase)[size]


def learn_vocabularies(
    counts: Mapping[str, int], sizes: Iterable[int], *, lowercase: bool = True
) -> dict[int, Vocabulary]:
    """`learn_vocabulary` for each of `sizes`, sharing the merges, which are the same for all."""
    # Longer words are [UNK] whatever is learned.
    counts = {word: count for word, count in counts.items() if len(word) <= MAX_WORD_CHARACTERS}
    sizes, alphabet = sorted(set(sizes)), ascii_pieces(lowercase)
    fixed = [*SPECIAL_PIECES, *alphabet]
    if sizes[0] < len(fixed):
        raise UserError(
            f"vocabulary size {sizes[0]}: the special pieces and the ASCII alphabet alone are {len(fixed)}; "
            f"ask for {len(fixed)} or more"
        )
    candidates = list(islice(merged_pieces(counts), SURPLUS * sizes[-1]))
    available = len({*fixed, *candidates})
    if available < sizes[-1]:
        raise UserError(
            f"vocabulary size {sizes[-1]}: the text gives {available} different pieces at most; "
            f"ask for {available} or fewer, or give more text"
        )
    frequent = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    learned = {}
    for size in sizes:
        selection = _Selection(dict(frequent[: WORDS_PER_PIECE * size]), alphabet, candidates[: SURPLUS * size])
        learned[size] = Vocabulary((*fixed, *selection.pruned(size - len(SPECIAL_PIECES))), lowercase)
    return learned


def merged_pieces(counts: Mapping[str, int]) -> Iterator[str]:
    """Pieces in the order in which merging words of these counts makes them, each once, until none is left.

    A piece's score is the number of its occurrences when it is made. Characters compete by their own counts, as pairs
    with nothing: a pair never occurs more often than its parts, so a character comes before what is merged from it.
    Equal scores are ordered by the piece's text, so equal counts give equal pieces.
    """
    inner = cache(CONTINUATION.__add__)  # one string for each character, not for each of its occurrences
    chains = {word: [word[0], *map(inner, word[1:])] for word in counts}
    scores: defaultdict[Pair, int] = defaultdict(int)
    holders: defaultdict[Pair, list[str]] = defaultdict(list)  # the words that a pair was ever seen in
    for word, chain in chains.items():
        for symbol in chain:
            scores[symbol, ""] += counts[word]
        for pair in pairwise(chain):
            scores[pair] += counts[word]
            holders[pair].append(word)
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
        for word in set(holders.pop(pair, ())):
            lost, gained = _merge(chains[word], pair, piece)
            for former in lost:
                scores[former] -= counts[word]
            for neighbour in gained:
                scores[neighbour] += counts[word]
                holders[neighbour].append(word)
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


def longest_match(word: str, pieces: Container[str], longest: int, prefix: str = "") -> list[str] | None:
    """Cover `word` from the left by the longest of `pieces` that fit; None if that gets stuck.

    `longest`: characters of the longest piece without its prefix. `prefix`: CONTINUATION if `word` is itself
    the rest of a word.
    """
    segments: list[str] = []
    start, length = 0, len(word)
    while start < length:
        for end in range(min(length, start + longest), start, -1):
            piece = prefix + word[start:end]
            if piece in pieces:
                break
        else:
            return None
        segments.append(piece)
        start, prefix = end, CONTINUATION
    return segments


class _Selection:
    """A set of pieces, the words they segment, and what each piece is worth."""

    def __init__(self, counts: Mapping[str, int], alphabet: Iterable[str], candidates: Iterable[str]) -> None:
        self.counts = counts
        self.alphabet = frozenset(alphabet)  # never taken out
        self.pieces = {*self.alphabet, *candidates}
        self.longest = max(len(piece.removeprefix(CONTINUATION)) for piece in self.pieces)
        self.segments: dict[str, list[str] | None] = dict.fromkeys(counts)  # of each word; None: cannot be covered
        self.use = dict.fromkeys(self.pieces, 0)  # occurrences of each piece in the segmented text
        self.users: dict[str, set[str]] = {piece: set() for piece in self.pieces}  # words that contain it
        self._apply({word: longest_match(word, self.pieces, self.longest) for word in counts})

    def pruned(self, size: int) -> list[str]:
        """Take out the cheapest piece until `size` are left; those outside the alphabet, the most used first.

        The queue is ordered by an estimate; a piece goes only if its exact cost is still the lowest there.
        """
        queue = [(self._estimate(piece), piece) for piece in self.pieces - self.alphabet]
        heapq.heapify(queue)
        with progress("Taking out pieces", len(self.pieces) - size) as bar:
            while len(self.pieces) > size:
                _, piece = heapq.heappop(queue)
                if piece not in self.pieces:
                    continue
                self.pieces.remove(piece)
                changes = {word: longest_match(word, self.pieces, self.longest) for word in self.users[piece]}
                cost = sum(map(self._added_tokens, changes, changes.values()))
                if queue and (cost, piece) > queue[0]:
                    self.pieces.add(piece)
                    heapq.heappush(queue, (cost, piece))
                    continue
                for less_used in self._apply(changes):
                    heapq.heappush(queue, (self._estimate(less_used), less_used))
                bar.advance()
        return sorted(self.pieces - self.alphabet, key=lambda piece: (-self.use[piece], piece))

    def _added_tokens(self, word: str, segments: list[str] | None) -> int:
        """What a new segmentation of a word adds to the text. A word that cannot be segmented counts as more than
        its characters, or leaving a rare character out would look like a saving."""
        before, after = (len(word) + 1 if cut is None else len(cut) for cut in (self.segments[word], segments))
        return self.counts[word] * (after - before)

    def _estimate(self, piece: str) -> int:
        """Tokens added if every use of `piece` were replaced by what its own text falls apart into."""
        body = piece.removeprefix(CONTINUATION) if len(piece) > len(CONTINUATION) else piece
        prefix = CONTINUATION if body != piece else ""
        parts = longest_match(body, self.pieces, len(body) - 1, prefix)
        return self.use[piece] * (len(body) if parts is None else len(parts) - 1)

    def _apply(self, changes: Mapping[str, list[str] | None]) -> set[str]:
        """Put new segmentations in place; the removable pieces that lost uses."""
        touched: set[str] = set()
        for word, segments in changes.items():
            for piece in self.segments[word] or ():
                self.use[piece] -= self.counts[word]
                self.users[piece].discard(word)
                touched.add(piece)
            self.segments[word] = segments
            for piece in segments or ():
                self.use[piece] += self.counts[word]
                self.users[piece].add(word)
        return (touched & self.pieces) - self.alphabet
