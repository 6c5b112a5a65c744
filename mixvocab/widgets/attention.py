"""Where two models look from a hidden word and what they guess there, side by side; read once, shown without a model.

Pages and kernel read the same published data: what both models made of some sentences, each word hidden in turn, by
words (`mixvocab_book.steps.looks`).
"""

from __future__ import annotations

import base64
from typing import Any, Literal

import numpy as np
import traitlets

from mixvocab.common.errors import UserError
from mixvocab.text.wordpiece import CLS, SEP
from mixvocab.widgets.element import html_table
from mixvocab.widgets.live import LiveWidget

Side = Literal["teacher", "student"]


class AttentionWidget(LiveWidget):
    """Attention and guesses of teacher and student for a hidden word.

    Traits: looks, {"sentences": [{"source", "words", "teacher", "student"}, ...], "about"}; sentence and word, what is
    hidden; of each model the layer, 0 for its last, and the head, 0 for the mean of all. Raises `UserError` for a
    sentence, word, layer or head that is not there.
    """

    kind = "attention"
    config = ("sentence", "word", "teacher_layer", "teacher_head", "student_layer", "student_head")

    looks = traitlets.Dict().tag(sync=True)
    sentence, word, teacher_layer, teacher_head, student_layer, student_head = (
        traitlets.Int(0).tag(sync=True) for _ in range(6)
    )

    def shares(self, side: Side) -> np.ndarray:
        """The attention that is shown, (words + 2,): to [CLS], the words and [SEP], together about 1."""
        made, layer, head = self._sentence()[side], getattr(self, f"{side}_layer"), getattr(self, f"{side}_head")
        kept = np.frombuffer(base64.b64decode(made["attention"]), np.uint8)
        words = len(self._sentence()["words"])
        heads = (kept.reshape(words, made["layers"], made["heads"], words + 2)[self._hidden, layer - 1] / 255.0) ** 2
        return heads[head - 1] if head else heads.mean(axis=0)

    def table_html(self) -> str:
        words = [*self._sentence()["words"]]
        hidden = words[self._hidden]
        words[self._hidden] = f"[MASK] for {hidden}"
        shares = [self.shares(side) for side in ("teacher", "student")]
        rows = [(name, *(f"{share[n]:.0%}" for share in shares)) for n, name in enumerate((CLS, *words, SEP))]
        looks = html_table(
            ("word", "teacher looks", "student looks"), rows, f"From “{hidden}”, hidden, in the last layer"
        )
        guesses = [(side, *self._told(side)) for side in ("teacher", "student")]
        return looks + html_table(("model", "guesses", "nats, whole word"), guesses)

    def _told(self, side: Side) -> tuple[str, str]:
        made = self._sentence()[side]
        masks = (", ".join(f"{piece} ({p:.0%})" for piece, p in best) for best in made["guesses"][self._hidden])
        return "; ".join(masks), f"{made['nats'][self._hidden]:.2f}"

    def _sentence(self) -> dict[str, Any]:
        return self.looks["sentences"][self.sentence]

    @property
    def _hidden(self) -> int:  # the word of a longer sentence stays chosen until another is
        return min(self.word, len(self._sentence()["words"]) - 1)

    @traitlets.validate(*config)
    def _is_there(self, proposal: dict[str, Any]) -> int:
        name, value = proposal["trait"].name, int(proposal["value"])
        sentences = self.looks["sentences"]
        side, _, part = name.partition("_")
        if name == "sentence":
            most = len(sentences) - 1
        else:
            most = sentences[0][side][f"{part}s"] if part else len(self._sentence()["words"]) - 1
        if not 0 <= value <= most:
            raise UserError(f"{name} = {value}: choose 0 to {most}")
        return value
