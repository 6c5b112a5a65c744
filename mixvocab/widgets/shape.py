"""A student's shape in the reader's hands: what it costs, beside the accuracy of what was trained."""

from __future__ import annotations

from typing import Any, get_args

import traitlets

from mixvocab.edge.runtime import Kind
from mixvocab.models.parameters import STUDENT_SHAPES, BertShape
from mixvocab.widgets.element import html_table
from mixvocab.widgets.live import LiveWidget

PIECES = (1000, 2000, 3000, 5000, 8000, 12_000, 20_000, 30_522)
WIDTHS = (96, 128, 160, 192, 256, 312, 384, 512, 768)
MOST_LAYERS = 12
BITS: dict[Kind, int] = {"fp32": 32, "w8": 8, "int8": 8}


class ShapeWidget(LiveWidget):
    """Vocabulary, width, layers and bits, and what they cost; accuracy only of what was trained.

    Traits: pieces, one of `PIECES`; hidden, one of `WIDTHS`; layers; numbers, a graph's kind; length, tokens of a
    query; known, what was recorded: "window" and "outputs" of the task, "lengths" in tokens, "times" (of each model
    {"layers", "hidden", "numbers", "ms" by length}), "checks" (the same, of models that no estimate uses) and the
    "machine" that took them, "rounding" (points that a kind of numbers changed of "score"), "trained" (as "L-6 H-96,
    5000") and "charts" of scores against parameters (`mixvocab.widgets.charts`).
    """

    kind = "shape"
    config = ("pieces", "hidden", "layers", "numbers", "length")

    pieces = traitlets.Enum(PIECES, 5000).tag(sync=True)
    hidden = traitlets.Enum(WIDTHS, 96).tag(sync=True)
    layers = traitlets.Int(6, min=1, max=MOST_LAYERS).tag(sync=True)
    numbers = traitlets.Enum(get_args(Kind), "fp32").tag(sync=True)
    length = traitlets.Int(16).tag(sync=True)
    known = traitlets.Dict().tag(sync=True)

    def __init__(self, known: dict[str, Any], **values: Any) -> None:
        super().__init__(known=known, **values)

    @property
    def shape(self) -> BertShape:
        """What is chosen."""
        return BertShape(self.layers, self.hidden, self.pieces)

    @property
    def bytes(self) -> dict[str, int]:
        """What its weights take, by part."""
        return self._bytes(self.shape, BITS[self.numbers])

    def table_html(self) -> str:
        """The paper's shapes with this vocabulary, milliseconds where they were recorded; what was scored here."""
        place = self.known["lengths"].index(self.length)
        timed = {
            (time["layers"], time["hidden"], time["numbers"]): f"{time['ms'][place]:.2f}"
            for time in self.known["times"]
        }
        rows = []
        for name, shape in STUDENT_SHAPES.items():
            chosen = BertShape(shape.layers, shape.hidden, self.pieces)
            sizes = [sum(self._bytes(chosen, bits).values()) / 1e6 for bits in (32, 8)]
            times = [timed.get((shape.layers, shape.hidden, numbers), "not timed") for numbers in ("fp32", "int8")]
            rows.append((name, f"{chosen.total_params / 1e6:.2f}M", *(f"{size:.2f} MB" for size in sizes), *times))
        headers = ("shape", "parameters", "in 32 bits", "in 8 bits", "ms in 32 bits", "ms in 8 bits")
        caption = f"{self.pieces:,} pieces; milliseconds for {self.length} tokens, fastest query of one thread"
        scores = [
            (chart["name"], point.get("label") or series["name"], series["name"], f"{point['y']:.1f}")
            for chart in self.known["charts"]
            for series in chart["series"]
            if not series.get("hollow")
            for point in series["points"]
        ]
        return html_table(headers, rows, caption) + html_table(("task", "model", "of which", "score (%)"), scores)

    def _bytes(self, shape: BertShape, bits: int) -> dict[str, int]:
        return shape.stored_bytes(bits, window=self.known["window"], outputs=self.known["outputs"])
