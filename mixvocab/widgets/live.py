"""The widgets on two vocabularies: type and see words cut by both; browse what they share.

In JupyterLab a widget and the kernel share its traits, whichever side changes them. What follows from these is computed
on each side for itself: the page draws with its own JavaScript, the kernel cuts `segments` with Python's tokenizers.
Tests hold both sides to the same pieces.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Any, ClassVar

import anywidget
import traitlets

from mixvocab.common.errors import UserError
from mixvocab.models.parameters import STUDENT_SHAPES
from mixvocab.text.reading import backend
from mixvocab.text.wordpiece import SPECIAL_PIECES
from mixvocab.widgets import style
from mixvocab.widgets.assets import scripts
from mixvocab.widgets.element import element, html_table
from mixvocab.widgets.vocabularies import MixedLine, mixed_line, restore, segments_of

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

EXAMPLE = "Knowledge distillation compresses pretrained language models for on-device use."
SHAPES = {name: {"layers": shape.layers, "hidden": shape.hidden} for name, shape in STUDENT_SHAPES.items()}
MOST_WORDS = 20_000  # that the explorer cuts


class LiveWidget(anywidget.AnyWidget):
    """A widget that is in step with a kernel in JupyterLab, and alive without one on a page.

    Where the scripts were never fetched and cannot be, it is a table and a line that says so.
    """

    kind: ClassVar[str]  # the folder of its scripts in js/
    config: ClassVar[tuple[str, ...]]  # traits that a page begins with; what is published it reads from there

    _trouble = ""

    def __init__(self, **values: Any) -> None:
        try:
            folder = scripts()
            self._esm = (folder / "lab" / f"{self.kind}.js").read_text(encoding="utf-8")
            # JupyterLab has no page around a widget that would bring the colours.
            self._css = style.CSS + (folder / "pages" / f"{self.kind}.css").read_text(encoding="utf-8")
        except UserError as error:
            self._trouble = f"<p>The widget cannot be shown: {escape(str(error))}</p>"
        super().__init__(**values)

    def table_html(self) -> str:
        """What is shown without a script."""
        raise NotImplementedError

    def _repr_mimebundle_(self, **options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """The widget for JupyterLab, the live element for pages without a kernel."""
        config = {name: getattr(self, name) for name in self.config}
        page = {"text/html": element(self.kind, config, self.table_html() + self._trouble)}
        if self._trouble:
            return {"text/plain": repr(self), **page}, {}
        widget = super()._repr_mimebundle_(**options)
        assert widget is not None  # it has a view
        return {**widget[0], **page}, widget[1]


class VocabularyWidget(LiveWidget):
    """One on two vocabularies. Traits: vocabularies, what `mixvocab.widgets.vocabularies.published` made; size, the
    pieces in the student's. Raises `UserError` for a size that `vocabularies` does not hold.
    """

    size = traitlets.Int().tag(sync=True)
    vocabularies = traitlets.Dict().tag(sync=True)

    def __init__(self, vocabularies: dict[str, Any], **values: Any) -> None:
        super().__init__(**{"vocabularies": vocabularies, "size": int(vocabularies["default"]), **values})

    @traitlets.validate("size")
    def _known_size(self, proposal: dict[str, Any]) -> int:
        if str(proposal["value"]) not in self.vocabularies["students"]:
            raise UserError(f"size = {proposal['value']}: choose one of {', '.join(self.vocabularies['sizes'])}")
        return int(proposal["value"])

    def _tokenizers(self) -> tuple[PreTrainedTokenizerFast, PreTrainedTokenizerFast]:
        return restore(self.vocabularies["teacher"]), restore(self.vocabularies["students"][str(self.size)])


class OverlapWidget(VocabularyWidget):
    """Both segmentations of a text, their numbers, and one mixed sequence with its masks.

    Traits: text; p, the probability of the student's vocabulary; seed; shape, the name of a student; setup, Python that
    makes `teacher` and `students`, for "Copy as Python".
    """

    kind = "overlap"
    config = ("text", "p", "seed", "size", "shape", "shapes", "setup")

    text = traitlets.Unicode(EXAMPLE).tag(sync=True)
    p = traitlets.Float(0.5, min=0, max=1).tag(sync=True)
    seed = traitlets.Int(0, min=0, max=2**31 - 1).tag(sync=True)
    shape = traitlets.Enum(list(SHAPES), "L-6 H-96").tag(sync=True)
    setup = traitlets.Unicode().tag(sync=True)
    shapes = traitlets.Dict(SHAPES, read_only=True).tag(sync=True)

    @property
    def segments(self) -> list[dict[str, Any]]:
        """The words of the text with their pieces."""
        return segments_of(self.text, *map(backend, self._tokenizers()))

    @property
    def mixed(self) -> MixedLine:
        """The mixed sequence that the page shows."""
        return mixed_line(self.text, *self._tokenizers(), p_sv=self.p, seed=self.seed)

    def table_html(self) -> str:
        rows = [(cut["word"], " ".join(cut["teacher"]), " ".join(cut["student"])) for cut in self.segments]
        return html_table(("word", "teacher's pieces", "student's pieces"), rows)


class ExplorerWidget(VocabularyWidget):
    """Two vocabularies as sets of pieces, by frequency and by length; a search; the words that hold a piece.

    Traits: words, what `frequent_words` made; query, what is searched; selected, the piece that is shown, or "".
    """

    kind = "explorer"
    config = ("size", "query", "selected")

    query = traitlets.Unicode().tag(sync=True)
    selected = traitlets.Unicode().tag(sync=True)
    words = traitlets.Dict().tag(sync=True)

    def table_html(self) -> str:
        teacher, rows = set(self.vocabularies["teacher"]["pieces"]), []
        for size in self.vocabularies["sizes"]:
            own = {*self.vocabularies["students"][size]["pieces"]} - {*SPECIAL_PIECES}
            shared = len(own & teacher)
            rows.append((f"{len(own):,}", f"{shared:,}", f"{shared / len(own):.1%}", f"{len(own) - shared:,}"))
        return html_table(("pieces of the student", "also the teacher's", "share", "only the student's"), rows)


def frequent_words(counts: Mapping[str, int], most: int = MOST_WORDS) -> dict[str, list[Any]]:
    """The most frequent words with their counts, as the explorer cuts them and chapters publish them as "words"."""
    chosen = sorted(counts, key=lambda word: (-counts[word], word))[:most]
    return {"words": chosen, "counts": [counts[word] for word in chosen]}
