"""Where the parameters of a BERT are, by formula, and the #Params columns of the paper's tables 1 and 2."""

from __future__ import annotations

from dataclasses import dataclass

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
    token_types: int = 2
    pooler: bool = True

    @property
    def name(self) -> str:
        """As the paper writes it: "L-6 H-96"."""
        return f"L-{self.layers} H-{self.hidden}"

    @property
    def feed_forward(self) -> int:
        """Width of the feed-forward layer."""
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
        """All parameters of the encoder: embeddings, positions, token types, LayerNorm, layers, pooler."""
        h = self.hidden
        embeddings = self.embedding_params + (self.positions + self.token_types) * h + 2 * h
        return embeddings + self.layers * self.layer_params + (h * h + h if self.pooler else 0)

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
    """One row of the paper's tables: the figure it prints, and the shape as far as it is published."""

    name: str
    printed: float  # the paper's #Params, in parameters
    decimals: int  # decimals of the printed figure in millions; -1: rounded to tens of millions
    embedding_params: int
    total_params: int
    remark: str = ""

    @property
    def embedding_share(self) -> float:
        """The share of all parameters that are word embeddings, between 0 and 1."""
        return self.embedding_params / self.total_params

    @property
    def follows(self) -> bool:
        """Whether the count, rounded as the paper rounds, is the paper's figure."""
        return round(self.total_params / 1e6, self.decimals) == round(self.printed / 1e6, self.decimals)


def _row(name: str, printed: float, decimals: int, shape: BertShape, remark: str = "", extra: int = 0) -> PaperModel:
    return PaperModel(name, printed, decimals, shape.embedding_params, shape.total_params + extra, remark)


def _mobilebert() -> PaperModel:
    """MobileBERT: 24 bottleneck layers of 128 inside 512, embeddings of 128 widened by a three-token window.

    The encoder as released has 24.6M parameters. The published 25.3M is approached only with the heads used in
    pretraining: pooler, MLM transform and its output bias.
    """
    wide, narrow, ffn = 512, 128, 512

    def dense(inputs: int, outputs: int, norm: bool = False) -> int:
        return inputs * outputs + outputs + (2 * outputs if norm else 0)

    layer = (
        2 * dense(wide, narrow, norm=True)  # the input bottleneck, and one shared by query and key
        + 2 * dense(narrow, narrow)  # query and key
        + dense(wide, narrow)  # value reads the wide stream
        + dense(narrow, narrow, norm=True)  # attention output
        + 4 * (dense(narrow, ffn) + dense(ffn, narrow, norm=True))  # four stacked feed-forward networks
        + dense(narrow, wide, norm=True)  # back to the wide stream
    )
    words = BERT_PIECES * narrow
    embeddings = words + dense(3 * narrow, wide) + (512 + 2) * wide + 2 * wide
    heads = dense(wide, wide) + dense(wide, wide, norm=True) + BERT_PIECES
    total = embeddings + 24 * layer + heads
    remark = f"{(total - heads) / 1e6:.1f}M for the encoder alone; the count here adds the pretraining heads"
    return PaperModel("MobileBERT", 25.3e6, 1, words, total, remark)


def paper_models() -> list[PaperModel]:
    """Every row of the paper's tables 1 and 2 whose architecture is published, in the paper's order."""

    def base(layers: int, token_types: int = 2, pooler: bool = True) -> BertShape:
        return BertShape(layers, 768, BERT_PIECES, heads=12, token_types=token_types, pooler=pooler)

    tiny = BertShape(4, 312, BERT_PIECES, heads=12, intermediate=1200, pooler=False)
    student = STUDENT_SHAPES
    return [
        _row("BERT-base", 109e6, 0, base(12)),
        _row(
            "BERT-large",
            340e6,
            -1,
            BertShape(24, 1024, BERT_PIECES, heads=16),
            "340M is its authors' rounding",
        ),
        _row("PKD-6", 67.0e6, 1, base(6)),
        _row("PKD-3", 45.7e6, 1, base(3)),
        _row(
            "DistilBERT-4",
            52.2e6,
            1,
            base(4, token_types=0, pooler=False),
            "no token types, no pooler",
        ),
        _mobilebert(),
        _row("TinyBERT-4", 14.5e6, 1, tiny, "with its 312 to 768 projection, no pooler", extra=312 * 768 + 768),
        _row("BERT-of-Theseus-6", 66e6, 0, base(6, pooler=False), "no pooler"),
        _row("Mixed-vocab L-6 H-256", 6.2e6, 1, student["L-6 H-256"]),
        _row("Mixed-vocab L-12 H-256", 10.9e6, 1, student["L-12 H-256"]),
        _row("Mixed-vocab L-6 H-96", 1.2e6, 1, student["L-6 H-96"]),
        _row(
            "Mixed-vocab L-6 H-192",
            3.6e6,
            1,
            student["L-6 H-192"],
            "the paper prints 3.6M; its own sizes give 3.8M",
        ),
    ]
