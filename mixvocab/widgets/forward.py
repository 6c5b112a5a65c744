"""The mixed teacher's forward pass of one sentence, as the page draws it: `MixedTeacher`'s rule, token by token."""

from __future__ import annotations

import traitlets

from mixvocab.text.masking import IGNORED
from mixvocab.widgets.element import html_table
from mixvocab.widgets.live import EXAMPLE, VocabularyWidget
from mixvocab.widgets.vocabularies import MixedLine, mixed_line


class ForwardWidget(VocabularyWidget):
    """One mixed sequence on its way through the mixed teacher: which matrix looks up a token, which softmax scores it.

    Traits: text; p, the probability of the student's vocabulary; seed; layers and wide, the teacher's layers and width;
    narrow, the student's width; tied, whether the student's softmax is its raised embeddings.
    """

    kind = "forward"
    config = ("text", "p", "seed", "size", "layers", "wide", "narrow", "tied")

    text = traitlets.Unicode(EXAMPLE).tag(sync=True)
    p = traitlets.Float(0.5, min=0, max=1).tag(sync=True)
    seed = traitlets.Int(0, min=0, max=2**31 - 1).tag(sync=True)
    layers, wide, narrow = (traitlets.Int().tag(sync=True) for _ in range(3))
    tied = traitlets.Bool(True).tag(sync=True)

    @property
    def mixed(self) -> MixedLine:
        """The mixed sequence that the page shows."""
        return mixed_line(self.text, *self._tokenizers(), p_sv=self.p, seed=self.seed)

    def table_html(self) -> str:
        line, rows = self.mixed, []
        sizes = {own: len(tokenizer) for own, tokenizer in zip((False, True), self._tokenizers(), strict=True)}
        for read, row, own, label, piece in zip(
            line.shown, line.inputs, line.student, line.labels, line.pieces, strict=True
        ):
            by, output = ("student", "W E_s + b" if self.tied else "a table of its own") if own else ("teacher", "E_t")
            embedded = f"W E_s[{row}] + b" if own else f"E_t[{row}]"
            scored = "" if label == IGNORED else f"softmax of {sizes[own]:,} against {output}, to give {piece}"
            rows.append((read, by, embedded, scored))
        caption = f"A mixed sequence in the mixed teacher, p_SV = {self.p:g}; its {self.layers} layers read all of it"
        return html_table(("reads", "cut by", "embedded as", "scored by"), rows, caption)
