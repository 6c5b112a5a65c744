"""The student: an ordinary BERT, small, with a small vocabulary, and nothing that only we can load."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import BertConfig, BertForMaskedLM

from mixvocab.errors import UserError
from mixvocab.losses import IGNORED, Losses, Part, nll
from mixvocab.models.parameters import BertShape


def bert_config(shape: BertShape, dropout: float = 0.0) -> BertConfig:
    """transformers' configuration of a BERT of this shape."""
    return BertConfig(
        vocab_size=shape.vocab_size,
        hidden_size=shape.hidden,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        intermediate_size=shape.feed_forward,
        max_position_embeddings=shape.positions,
        type_vocab_size=shape.token_types,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
    )


def new_student(shape: BertShape, *, generator: torch.Generator, dropout: float = 0.0) -> BertForMaskedLM:
    """A student of the given shape with fresh weights, normal(0, 0.02) as in BERT.

    `dropout` is 0 by default: a model this small underfits any corpus worth the name, and without dropout it
    trains 1.8 times as fast on a CPU. Raises `UserError` if the hidden size is not a multiple of the heads.
    """
    if shape.hidden % shape.heads:
        raise UserError(
            f"student.hidden={shape.hidden} is not a multiple of student.heads={shape.heads}: choose e.g. "
            f"{shape.heads * max(1, round(shape.hidden / shape.heads))}"
        )
    # transformers draws initial weights from torch's global generator: lend it our seed, then give it back.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(torch.randint(2**31, (1,), generator=generator)))
        return BertForMaskedLM(bert_config(shape, dropout))


class StudentMLM(nn.Module):
    """The student's masked-language-model loss (equation 2), scored at masked positions only.

    With the id of [MASK], evaluation also takes the loss apart. BERT hides only eight in ten of the pieces that it
    asks for; one in ten stays as it was, and one in ten is another piece. A student that knows which piece it reads
    copies those that stayed: the mean falls by a nat without a word of context being used. What a student has read
    shows behind [MASK] alone.
    """

    def __init__(self, model: BertForMaskedLM, mask: int | None = None) -> None:
        super().__init__()
        self.model = model
        self.mask = mask

    def forward(self, ids: Tensor, labels: Tensor, attention: Tensor | None = None, **_: Tensor) -> Losses:
        """Sum of -log p(y_i) over masked positions i, as "student".

        `ids`, `labels`: (B, T) int64, labels -100 where nothing is masked; `attention`: (B, T) bool, or None
        when every position is real. The vocabulary flag of a mixed batch is not needed: all pieces are the
        student's. Evaluation adds, unscored, that sum where the student saw [MASK] ("masked"), the piece itself
        ("kept") and another one ("replaced"), and how often its best guess behind [MASK] is the piece ("right").
        """
        hidden = self.model.bert(ids, attention_mask=attention).last_hidden_state  # (B, T, H)
        asked = labels != IGNORED
        logits = self.model.cls(hidden[asked]).float()  # (M, V): the head is a third of a small model's work
        seen, true = ids[asked], labels[asked]
        losses = {"student": nll(logits, true)}
        if self.training or self.mask is None:
            return losses
        each = F.cross_entropy(logits, true, reduction="none")
        masked = seen == self.mask
        for name, where in (("masked", masked), ("kept", seen == true), ("replaced", ~masked & (seen != true))):
            losses[name] = Part(each[where].sum(), where.sum(), scored=False)
        right = (logits.argmax(dim=1) == true) & masked
        return losses | {"right": Part(right.sum(), masked.sum(), scored=False)}
