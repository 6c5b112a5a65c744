"""The learner on a reader's own words: `js/learner/` is `mixvocab.text.learner` that notes every step."""

from __future__ import annotations

import re

import traitlets

from mixvocab.text.learner import ascii_pieces, learn_vocabulary, merged_pieces
from mixvocab.text.reading import words_of
from mixvocab.text.wordpiece import SPECIAL_PIECES, Vocabulary
from mixvocab.widgets.element import html_table
from mixvocab.widgets.live import LiveWidget

WORDS = "low:5 lower:2 newest:6 widest:3"
MOST_WORDS = 200  # different ones that are learned from
LONGEST = 30  # characters of a word that is learned from
FIXED = (*SPECIAL_PIECES, *ascii_pieces())
"""Pieces of every vocabulary, which are never taken out."""
_COUNTED = re.compile(r"([^\W\d_]+):([1-9][0-9]{0,4})")


def count_typed(text: str) -> dict[str, int]:
    """Words of a text by falling count, equals by code points; "newest:6" stands for six times "newest".

    Of more than `MOST_WORDS` different words the first ones are counted, and none longer than `LONGEST`.
    """
    counts: dict[str, int] = {}
    for stretch in re.split(r"[ \t\n\r]+", text):
        found = _COUNTED.fullmatch(stretch)
        counted = found is not None and found[1].isalpha()
        word, times = (found[1], int(found[2])) if found and counted else (stretch, 1)
        for one in words_of(word):
            if len(one) <= LONGEST and (one in counts or len(counts) < MOST_WORDS):
                counts[one] = counts.get(one, 0) + times
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


class LearnerWidget(LiveWidget):
    """What the learner does to a few words: pairs that it joins, pieces that it takes out, and every word's cut.

    Traits: text, see `count_typed`; pieces, how many to learn beside the special ones and the alphabet; step, what is
    shown: 0 before the first step.
    """

    kind = "learner"
    config = ("text", "pieces", "step")

    text = traitlets.Unicode(WORDS).tag(sync=True)
    pieces = traitlets.Int(6, min=0).tag(sync=True)
    step = traitlets.Int(0, min=0).tag(sync=True)

    @property
    def candidates(self) -> list[str]:
        """The pieces that joining makes, in order, alphabet left out."""
        return [piece for piece in merged_pieces(count_typed(self.text)) if piece not in FIXED]

    @property
    def vocabulary(self) -> Vocabulary:
        """What is learned: as many pieces as wanted, or as the words give."""
        size = len(FIXED) + min(self.pieces, len(self.candidates))
        return learn_vocabulary(count_typed(self.text), size)

    def table_html(self) -> str:
        counts, known = count_typed(self.text), self.vocabulary
        joined = html_table(
            ("join", "piece", "in the end"),
            [
                (f"{number}", piece, "kept" if piece in known.pieces else "taken out")
                for number, piece in enumerate(self.candidates, 1)
            ],
        )
        cut = [(word, f"{count}", " ".join(known.segment(word))) for word, count in counts.items()]
        return joined + html_table(("word", "times", "cut by the pieces kept"), cut)
