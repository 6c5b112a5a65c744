"""The overlap of two vocabularies as a widget: type, and see how teacher and student cut the same words.

In JupyterLab the widget and the kernel share `text`, `p`, `seed`, `size` and `shape`, whichever side changes them. What
follows from these is computed on each side for itself: the page draws with its own JavaScript, the kernel keeps
`segments` with Python's tokenizers. Neither sends the other its result, so that there is one truth, the text, and
`segments` is right at once even where no browser looks. Tests hold both sides to the same pieces.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets
import traitlets

from mixvocab.common.errors import UserError
from mixvocab.models.parameters import STUDENT_SHAPES
from mixvocab.text.normalise import backend
from mixvocab.widgets.live import LiveWidget
from mixvocab.widgets.mixed import MixedLine, mixed_line
from mixvocab.widgets.segments import Segment, segments_of, table_of
from mixvocab.widgets.vocabularies import Pack, restore

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

MAX_SEED = 2**31 - 1
EXAMPLE = "Knowledge distillation compresses pretrained language models for on-device use."


class OverlapWidget(LiveWidget):
    """Both segmentations of a text, their numbers, and one mixed sequence with its masks.

    Traits, all of them in step with the page: text; p, the probability of the student's vocabulary; seed; size, the
    pieces in the student's vocabulary; shape, the name of a student in `STUDENT_SHAPES`; segments (read only), one
    `Segment` a word. setup: Python that makes `teacher` and `students`, for "Copy as Python".

    Raises `UserError` for a size that `vocabularies` does not hold, or an unknown shape.
    """

    kind = "overlap"
    config = ("text", "p", "seed", "size", "shape", "shapes", "setup")

    text = traitlets.Unicode(EXAMPLE).tag(sync=True)
    p = traitlets.Float(0.5, min=0, max=1).tag(sync=True)
    seed = traitlets.Int(0, min=0, max=MAX_SEED).tag(sync=True)
    shape = traitlets.Unicode("L-6 H-96").tag(sync=True)
    setup = traitlets.Unicode().tag(sync=True)
    shapes = traitlets.Dict(read_only=True).tag(sync=True)
    segments: traitlets.List[Segment] = traitlets.List(read_only=True).tag(sync=True)

    def __init__(self, vocabularies: dict[str, Any], **values: Any) -> None:
        """vocabularies: what `mixvocab.widgets.vocabularies.published` made; `values`: of the other traits."""
        shapes = {name: {"layers": shape.layers, "hidden": shape.hidden} for name, shape in STUDENT_SHAPES.items()}
        self.set_trait("shapes", shapes)
        self._restored: dict[str | int, PreTrainedTokenizerFast] = {}
        super().__init__(vocabularies, **values)
        self._cut()

    @property
    def mixed(self) -> MixedLine:
        """The mixed sequence that the page shows."""
        return mixed_line(self.text, *self._tokenizers(), p_sv=self.p, seed=self.seed)

    def controls(self) -> ipywidgets.Widget:
        """The same choices as ipywidgets, linked both ways."""
        sizes = [(f"{int(size):,}", int(size)) for size in self.vocabularies["sizes"]]
        wide = ipywidgets.Layout(width="auto")
        fields = {
            "text": ipywidgets.Textarea(self.text, description="Text", continuous_update=True, layout=wide),
            "p": ipywidgets.FloatSlider(self.p, min=0, max=1, step=0.05, description="p_SV"),
            "seed": ipywidgets.BoundedIntText(self.seed, min=0, max=MAX_SEED, description="Seed"),
            "size": ipywidgets.Dropdown(options=sizes, value=self.size, description="Pieces"),
            "shape": ipywidgets.Dropdown(options=list(self.shapes), value=self.shape, description="Student"),
        }
        for name, field in fields.items():
            ipywidgets.link((self, name), (field, "value"))
        return ipywidgets.VBox(list(fields.values()))

    def table_html(self) -> str:
        """Both segmentations."""
        return table_of(self.segments)

    @traitlets.validate("shape")
    def _known_shape(self, proposal: dict[str, Any]) -> str:
        if proposal["value"] not in self.shapes:
            raise UserError(f"shape = {proposal['value']!r}: choose one of {', '.join(self.shapes)}")
        return str(proposal["value"])

    @traitlets.observe("text", "size")
    def _cut(self, _: object = None) -> None:
        teacher, student = map(backend, self._tokenizers())
        self.set_trait("segments", segments_of(self.text, teacher, student))

    def _tokenizers(self) -> tuple[PreTrainedTokenizerFast, PreTrainedTokenizerFast]:
        """The teacher's and the student's of the chosen size; each made once."""
        packs: dict[str | int, Pack] = {
            "teacher": self.vocabularies["teacher"],
            self.size: self.vocabularies["students"][str(self.size)],
        }
        for name, packed in packs.items():
            if name not in self._restored:
                self._restored[name] = restore(packed)
        return self._restored["teacher"], self._restored[self.size]
