"""TinyBERT (Jiao, Yin, Shang, Jiang, Chen, Li, Wang and Liu 2020): a thin student follows its teacher layer by layer.

Layer m of the student's M has layer g(m) of the teacher's N to follow, evenly spread: g(m) = m N / M. Its attention,
its states and its embeddings are drawn towards the teacher's (equations 7 to 9), the narrow ones being raised to the
teacher's width by two learned matrices, which are thrown away at the end. This is general distillation (section 3.2),
on text alone, from fresh weights; equation 10 belongs to distillation on a task, and its function waits for it here.

What differs here:

* masked language modelling goes on beside it, on the same rows. Theirs knows no prediction loss in this stage, and its
  student none of the pieces that it would predict: all methods here are compared as masked language models;
* so both read rows with masked pieces, theirs whole ones; means leave padding out;
* where M does not divide N, g(m) is rounded up;
* equation 7 compares head with head: the student has as many as the teacher, whatever settings say;
* with weights of one, as published, MiniLM's attention is 73 of the 85 that a fresh student's sum begins at;
* text, tokens, batch and rate are the profile's stage II.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import BertForMaskedLM, PreTrainedModel

from mixvocab.common.errors import UserError
from mixvocab.common.store import Store
from mixvocab.distill.methods import method
from mixvocab.distill.mixed_vocab import StudentMLM
from mixvocab.distill.steps import StageTwo
from mixvocab.distill.vanilla import TaughtMLM
from mixvocab.models.init import BERT_STD
from mixvocab.models.parameters import BertShape
from mixvocab.models.pretrained import attention_scores, load_teacher, require_bert, teacher_shape
from mixvocab.train.losses import Losses, Part, state_loss

if TYPE_CHECKING:
    from mixvocab.pipeline import Plan


# ---- 1. The objectives -----------------------------------------------------------------------------------------------


def attention_loss(student: Tensor, teacher: Tensor, real: Tensor) -> Tensor:
    """Equation 7: squared error of scores before the softmax (B, A, T, T), mean over heads, summed over real pairs.

    `real` (B, T) bool: a pair is one if both of its tokens are.
    """
    return ((student - teacher).square().mean(dim=1) * (real[:, :, None] & real[:, None])).sum()


def prediction_loss(student: Tensor, teacher: Tensor, temperature: float = 1.0) -> Tensor:
    """Equation 10: cross-entropy of softmaxes at a temperature, of logits (B, C), summed over rows."""
    return F.cross_entropy(student / temperature, (teacher / temperature).softmax(dim=1), reduction="sum")


class TinyBertLoss(TaughtMLM):
    """Masked language modelling and the three losses, each a mean, all with weight one (equation 11):

        mean of -log p(y)  +  mean over tokens of |E W_e - E'|^2 / D
            +  sum over layers m of:  mean over tokens of |H_m W_h - H'_g(m)|^2 / D
                                      mean over heads and pairs of tokens of (A_m - A'_g(m))^2

    y the piece at a masked position; E, H_m and A_m the student's embeddings as its first layer reads them, a layer's
    states and its scores before the softmax; with a dash the teacher's. Reported as "student", "embeddings", "states"
    and "attention". Held-out evaluation is stage II's.

    Args:
        layers: g(1), ..., g(M), counted from 1.
        seed: of W_e and W_h (D, d), normal(0, 0.02).
    """

    def __init__(
        self,
        student: BertForMaskedLM,
        teacher: PreTrainedModel,
        layers: Sequence[int],
        *,
        seed: int = 0,
        mask: int | None = None,
    ) -> None:
        super().__init__(student, teacher, mask)
        own, other = student.config, teacher.config
        if own.vocab_size != other.vocab_size:
            raise UserError(
                f"tinybert: student of {own.vocab_size:,} pieces, teacher of {other.vocab_size:,}: they must be the "
                "same; mixed and pushed-labels need not"
            )
        if len(layers) != own.num_hidden_layers or not all(1 <= n <= other.num_hidden_layers for n in layers):
            raise UserError(
                f"tinybert: {own.num_hidden_layers} layers cannot follow {tuple(layers)} of {other.num_hidden_layers}: "
                "name one of the teacher's, counted from 1, for each"
            )
        self.layers, draw = tuple(layers), torch.Generator().manual_seed(seed)
        self.raising_embeddings, self.raising_states = (
            nn.Parameter(BERT_STD * torch.randn(other.hidden_size, own.hidden_size, generator=draw)) for _ in range(2)
        )

    def forward(self, ids: Tensor, labels: Tensor, attention: Tensor | None = None, **_: Tensor) -> Losses:
        """The four losses as sums; arguments as for `StudentMLM`."""
        if not self.training:
            return super().forward(ids, labels, attention)
        (teacher,) = self._teacher
        real = torch.ones_like(ids, dtype=torch.bool) if attention is None else attention.bool()
        own = self.model.bert(ids, attention_mask=attention, output_hidden_states=True).hidden_states
        with torch.no_grad():
            other = teacher.to(ids.device).base_model(ids, attention_mask=attention, output_hidden_states=True)
            theirs = other.hidden_states  # entry 0 are the embeddings, entry n what layer n makes
            wanted = [attention_scores(teacher, n - 1, theirs[n - 1]) for n in self.layers]
        embeddings = state_loss(F.linear(own[0], self.raising_embeddings).float(), theirs[0].float(), real)
        states, scores = torch.zeros(2, device=ids.device)
        for m, n in enumerate(self.layers):
            raised = F.linear(own[m + 1], self.raising_states).float()
            states = states + state_loss(raised, theirs[n].float(), real)
            scores = scores + attention_loss(attention_scores(self.model, m, own[m]), wanted[m], real)
        losses = self.scored(own[-1], ids, labels)
        tokens, pairs = real.sum(), real.sum(dim=1).square().sum()
        # All sums are divided by the number of masked positions: weights make these means over tokens and pairs.
        masked = losses["student"].positions
        return losses | {
            "embeddings": Part(embeddings, tokens, weight=masked / tokens, scored=False),
            "states": Part(states, tokens, weight=masked / tokens, scored=False),
            "attention": Part(scores, pairs, weight=masked / pairs, scored=False),
        }


def even_layers(own: int, other: int) -> tuple[int, ...]:
    """g(1), ..., g(M) = N for M = `own` layers of the student and N = `other` of the teacher."""
    return tuple(-(-m * other // own) for m in range(1, own + 1))


# ---- 2. The step -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class TinyBert(StageTwo):
    """Stage II with the teacher's layers to follow."""

    name = "tinybert"

    layers: tuple[int, ...] | None = None  # g(1), ..., g(M), counted from 1; None: evenly spread

    def sizes(self) -> BertShape:
        """With the teacher's heads. Raises UserError if they do not divide the student's width."""
        shape, heads = super().sizes(), self._teacher.heads
        if shape.hidden % heads:
            raise UserError(
                f"student.hidden={shape.hidden}: tinybert's students have the teacher's {heads} heads, which do not "
                f"divide it: choose e.g. {heads * max(1, round(shape.hidden / heads))}"
            )
        return replace(shape, heads=heads)

    def objective(self, store: Store) -> Callable[..., StudentMLM]:
        layers = self.layers or even_layers(self.sizes().layers, self._teacher.layers)
        return partial(
            TinyBertLoss, teacher=load_teacher(self.rows.teacher.value.folder), layers=layers, seed=self.seed
        )

    def flops(self, shape: BertShape, tokens: int, store: Store) -> float:
        """With the teacher's forward pass, the attention of compared layers anew, and W_h and W_e."""
        teacher, length = self._teacher, self.mixing.length
        passed = teacher.masked_lm_flops(tokens, length, masked=0) / 3
        scores = sum(
            times * 2 * tokens * shape.layers * (2 * each.hidden**2 + length * each.hidden)
            for times, each in ((3, shape), (1, teacher))  # the student's with its gradient
        )
        raised = 6 * tokens * (shape.layers + 1) * shape.hidden * teacher.hidden
        return super().flops(shape, tokens, store) + passed + scores + raised

    @property
    def _teacher(self) -> BertShape:
        folder = self.rows.teacher.value.folder
        require_bert(folder, "tinybert")
        return teacher_shape(folder)


@method("tinybert", "TinyBERT")
def tinybert(plan: Plan, seed: int) -> TinyBert:
    """General distillation from fresh weights, on the teacher's pieces."""
    return TinyBert(**vars(plan.with_teachers_pieces("tinybert").stage_two(seed, None)))
