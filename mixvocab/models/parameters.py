"""Where the parameters of a BERT are, by formula, and the models of the paper's tables 1 and 2."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

BERT_PIECES = 30_522
STUDENT_PIECES = 4_928  # what the paper's learner gave when asked for 5,000 (section 3.1)


@dataclass(frozen=True)
class BertShape:
    """The sizes that fix a BERT encoder's parameter count.

    `vocab_size` pieces of `hidden` numbers each are looked up at the input and, tied, scored at the output;
    `layers` transformer layers of `heads` attention heads work on them.
    """

    layers: int
    hidden: int
    vocab_size: int
    heads: int = 4
    intermediate: int = 0  # 0: four times the hidden size, as in every BERT and every student of the paper
    positions: int = 512

    @property
    def name(self) -> str:
        """As the paper writes it: "L-6 H-96"."""
        return f"L-{self.layers} H-{self.hidden}"

    @property
    def feed_forward(self) -> int:
        return self.intermediate or 4 * self.hidden

    @property
    def embedding_params(self) -> int:
        """Parameters of the word embeddings alone: vocabulary size x hidden size."""
        return self.vocab_size * self.hidden

    @property
    def layer_params(self) -> int:
        """Parameters of one transformer layer: four attention maps, two feed-forward maps, two LayerNorms."""
        h, f = self.hidden, self.feed_forward
        attention = 4 * (h * h + h)
        feed_forward = (h * f + f) + (f * h + h)
        return attention + feed_forward + 2 * 2 * h

    @property
    def total_params(self) -> int:
        """All parameters of the encoder: embeddings, positions, two token types, LayerNorm, layers, pooler."""
        h = self.hidden
        embeddings = self.embedding_params + (self.positions + 2) * h + 2 * h
        return embeddings + self.layers * self.layer_params + h * h + h

    @property
    def embedding_share(self) -> float:
        """The share of all parameters that are word embeddings, between 0 and 1."""
        return self.embedding_params / self.total_params

    def masked_lm_flops(self, tokens: int, length: int, masked: float = 0.15) -> float:
        """Floating-point operations of one training pass (forward and backward) over `tokens` tokens.

        Two operations a multiply-add; the backward pass costs twice the forward. Counted: the layers' matrix
        products, the attention products over `length` positions, and the softmax head on the `masked` share of
        positions. Look-ups, LayerNorm and the optimiser are left out.
        """
        h, f = self.hidden, self.feed_forward
        per_token = self.layers * (4 * h * h + 2 * h * f + 2 * length * h)
        head = masked * (h * h + self.vocab_size * h)
        return 3 * 2 * tokens * (per_token + head)


STUDENT_SHAPES: dict[str, BertShape] = {
    f"L-{layers} H-{hidden}": BertShape(layers, hidden, STUDENT_PIECES)
    for layers in (6, 12)
    for hidden in (96, 192, 256)
}
"""The paper's students by name (section 4.2): 4 attention heads, feed-forward 4H, 4,928 word pieces."""


@dataclass(frozen=True)
class PaperModel:
    """One row of the paper's tables whose architecture is published, see `paper_models.yaml`."""

    name: str
    printed: float  # the paper's #Params, in parameters
    decimals: int  # decimals of the printed figure in millions; -1: rounded to tens of millions
    embedding_params: int
    total_params: int

    @property
    def embedding_share(self) -> float:
        return self.embedding_params / self.total_params


def paper_models() -> list[PaperModel]:
    """Every row of the paper's tables 1 and 2 whose architecture is published, in the paper's order."""
    rows = yaml.safe_load(Path(__file__).with_name("paper_models.yaml").read_text(encoding="utf-8"))
    return [PaperModel(name, **row) for name, row in rows.items()]
