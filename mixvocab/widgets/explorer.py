"""The vocabulary explorer as a widget: which pieces teacher and student share, and which words are cut with a piece.

In JupyterLab the widget and the kernel share `size`, `query` and `selected`, whichever side changes them; cutting and
counting is the page's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import traitlets

from mixvocab.text.wordpiece import SPECIAL_PIECES
from mixvocab.widgets.element import fallback_table
from mixvocab.widgets.live import LiveWidget
from mixvocab.widgets.vocabularies import Pack

MOST_WORDS = 20_000


def frequent_words(counts: Mapping[str, int], most: int = MOST_WORDS) -> dict[str, list[Any]]:
    """The most frequent words with their counts, as the explorer cuts them and chapters publish them as "words"."""
    chosen = sorted(counts, key=lambda word: (-counts[word], word))[:most]
    return {"words": chosen, "counts": [counts[word] for word in chosen]}


class ExplorerWidget(LiveWidget):
    """Two vocabularies as sets of pieces, by frequency and by length; a search; the words that hold a piece.

    Traits, in step with the page: size, the pieces in the student's vocabulary; query, what is searched; selected, the
    piece that is shown, or "".

    Raises `UserError` for a size that `vocabularies` does not hold.
    """

    kind = "explorer"
    config = ("size", "query", "selected")

    query = traitlets.Unicode().tag(sync=True)
    selected = traitlets.Unicode().tag(sync=True)
    words = traitlets.Dict(read_only=True).tag(sync=True)

    def __init__(self, vocabularies: dict[str, Any], words: dict[str, list[Any]], **values: Any) -> None:
        """Give it the data, and `values` of the other traits.

        vocabularies: what `mixvocab.widgets.vocabularies.published` made. words: what `frequent_words` made.
        """
        self.set_trait("words", words)
        super().__init__(vocabularies, **values)

    def table_html(self) -> str:
        """How many pieces are shared, for every size."""
        teacher = frozenset(self.vocabularies["teacher"]["pieces"])
        heads = ("pieces of the student", "also the teacher's", "share", "only the student's")
        return fallback_table(
            heads, [_row(self.vocabularies["students"][size], teacher) for size in self.vocabularies["sizes"]]
        )


def _row(student: Pack, teacher: frozenset[str]) -> tuple[str, ...]:
    own = [piece for piece in student["pieces"] if piece not in SPECIAL_PIECES]
    shared = sum(piece in teacher for piece in own)
    return f"{len(own):,}", f"{shared:,}", f"{shared / len(own):.1%}", f"{len(own) - shared:,}"
