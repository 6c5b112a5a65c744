"""Stage II with a second target, what a teacher made of the same words (`mixvocab.distill.word_states`), in two ways.

    word-states        a linear map of the student's state of a word is the teacher's
    word-attention     the student attends from word to word as the teacher does

Between models of one tokenizer, transfer of hidden states is TinyBERT's (Jiao et al. 2020, equation 8), after FitNets;
that of attention TinyBERT's, too (equation 7), and MiniLM's (Wang et al. 2020, section 3.1), whose loss is taken here:
the divergence of distributions in the last layer. Words in the place of tokens are ours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import BertForMaskedLM

from mixvocab.common.store import Store
from mixvocab.distill.methods import method
from mixvocab.distill.mixed_vocab import StudentMLM
from mixvocab.distill.steps import StageTwo
from mixvocab.distill.word_states import (
    KeptStates,
    Reduction,
    WordStates,
    between_words,
    word_means,
    word_numbers,
    word_states_of,
)
from mixvocab.models.parameters import BertShape, Spent
from mixvocab.models.pretrained import last_attention, teacher_shape
from mixvocab.text.mixing import Batch, Mixer
from mixvocab.text.words import ranges
from mixvocab.train.loop import Turn
from mixvocab.train.losses import Losses, Part

if TYPE_CHECKING:
    from mixvocab.pipeline import Plan


# ---- 1. The same words for both --------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class TaughtRows(Batch):
    """Rows of a student and what the teacher made of their words."""

    words: np.ndarray  # (B, T) int64: the row of `target` that a token's word has, -1: none
    target: np.ndarray  # (words, k) int8 states, or (words, T - 2) uint8 attention


def draw_words(kept: KeptStates, mixer: Mixer, turn: Turn, *, attention: bool = False) -> TaughtRows:
    """Rows from the beginnings of random stretches, as many words of each as student and teacher both hold."""
    chosen = turn.rng.integers(len(kept.starts), size=turn.rows)
    batch, places = mixer.rows_at(kept.starts[chosen], turn.rng)
    first = kept.offsets[chosen]
    lengths = np.minimum(places.max(axis=1) + 1, kept.offsets[chosen + 1] - first)
    values = kept.attention if attention else kept.states
    assert values is not None
    words = word_numbers(places, lengths)
    return TaughtRows(**vars(batch), words=words, target=values[ranges(first, lengths)])


# ---- 2. The losses ---------------------------------------------------------------------------------------------------


class WordDistillation(StudentMLM):
    """The student's masked-language-model loss, and a second target for each word:

        mean over masked pieces of -log p(y)  +  weight * mean over words of what `missed` sums

    Held-out evaluation is stage II's.
    """

    second: ClassVar[str]  # what the second loss is reported as

    def __init__(self, student: BertForMaskedLM, weight: float, mask: int | None = None) -> None:
        super().__init__(student, mask)
        self.weight = weight

    def forward(self, ids: Tensor, labels: Tensor, attention: Tensor | None = None, **taught: Tensor) -> Losses:
        """Both losses, as "student" and under the second's name; training takes all fields of `TaughtRows`."""
        if not self.training:
            return super().forward(ids, labels, attention)
        words, target = taught["words"], taught["target"]
        hidden = self.model.bert(ids, attention_mask=attention, output_hidden_states=True).hidden_states
        losses = self.scored(hidden[-1], ids, labels)
        masked, count = losses["student"].positions, torch.tensor(len(target), device=ids.device)
        # The sum over masked pieces is divided by their number: so that this is a mean over words.
        weight = self.weight * masked / count
        return losses | {self.second: Part(self.missed(hidden, attention, words, target), count, weight, scored=False)}

    def missed(self, hidden: tuple[Tensor, ...], attention: Tensor | None, words: Tensor, target: Tensor) -> Tensor:
        """The second loss, summed over words; `hidden` are the student's states of all layers, each (B, T, H)."""
        raise NotImplementedError


class StateDistillation(WordDistillation):
    """The teacher's states of words as the second target.

    With h_w the student's last states averaged over the pieces of word w, s_w the teacher's k components of it, and V
    the sum of their k variances, a word costs

        |A h_w + b - s_w|^2 / V

    Its mean is one minus the share of the variance that is explained (R²). A and b begin at zero, which says the mean
    of every word, and are thrown away at the end.
    """

    second = "states"
    unit: Tensor  # (k,) of the kept components
    variance: Tensor

    def __init__(self, student: BertForMaskedLM, reduction: Reduction, weight: float, mask: int | None = None) -> None:
        super().__init__(student, weight, mask)
        self.register_buffer("unit", reduction.step, persistent=False)
        self.register_buffer("variance", reduction.deviations.square().sum(), persistent=False)
        self.readout = nn.Linear(student.config.hidden_size, len(reduction.deviations))
        nn.init.zeros_(self.readout.weight)
        nn.init.zeros_(self.readout.bias)

    def missed(self, hidden: tuple[Tensor, ...], attention: Tensor | None, words: Tensor, target: Tensor) -> Tensor:
        read = self.readout(word_means(hidden[-1], words, len(target))).float()
        return (read - target * self.unit).square().sum() / self.variance


class AttentionDistillation(WordDistillation):
    """The teacher's attention between words as the second target.

    With s_v the attention of the student's last layer from word v over the words of its row, see `between_words`, and
    t_v the teacher's, a word costs KL(t_v || s_v), in nats. Teacher and student have different numbers of heads, none
    of which is another's counterpart: their means are compared. Even attention misses MiniLM's by some 0.45 nats a
    word and states begin at a cost of 1, so under one weight both targets are of one order.
    """

    second = "attention"

    def missed(self, hidden: tuple[Tensor, ...], attention: Tensor | None, words: Tensor, target: Tensor) -> Tensor:
        own = between_words(last_attention(self.model, hidden[-2], attention), words, len(target))
        shared = target.float().square() * (own > 0)  # the teacher's row may hold more words
        return F.kl_div(own.clamp(min=1e-9).log(), F.normalize(shared, p=1, dim=1), reduction="sum")


# ---- 3. The steps ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class StateTaught(StageTwo):
    """Stage II with kept word states as a second target."""

    name = "word-state-student"

    kept: WordStates = field(kw_only=True)
    weight: float = 1.0

    def objective(self, store: Store) -> Callable[..., StudentMLM]:
        return partial(StateDistillation, reduction=store.get(self.kept).reduction, weight=self.weight)

    def drawing(self, mixer: Mixer, store: Store) -> Callable[[Turn], Any]:
        return partial(draw_words, store.get(self.kept), mixer, attention=self.kept.attention)

    def flops(self, shape: BertShape, tokens: int, store: Store) -> float:
        readout = 6 * tokens * shape.hidden * self.kept.width  # no more words than tokens
        return super().flops(shape, tokens, store) + readout

    def costs(self, store: Store) -> dict[str, Spent]:
        return {"teacher": store.get(self.kept).spent} | super().costs(store)


@dataclass(frozen=True)
class AttentionTaught(StateTaught):
    """Stage II with kept attention between words as a second target."""

    name = "word-attention-student"

    def objective(self, store: Store) -> Callable[..., StudentMLM]:
        return partial(AttentionDistillation, weight=self.weight)

    def flops(self, shape: BertShape, tokens: int, store: Store) -> float:
        return StageTwo.flops(self, shape, tokens, store) + 3 * shape.word_attention_flops(tokens, self.mixing.length)


# ---- 4. The methods --------------------------------------------------------------------------------------------------


@method("word-states", "PCA, word states")
def word_states(plan: Plan, seed: int) -> StateTaught:
    """The PCA start, and the teacher's last states of words as a second target."""
    return StateTaught(**_taught(plan, seed), kept=word_states_of(plan))


@method("word-states-early", "PCA, early word states")
def early_word_states(plan: Plan, seed: int) -> StateTaught:
    """The same with the states half-way up the teacher."""
    half_way = teacher_shape(plan.teacher.value.folder).layers // 2
    return StateTaught(**_taught(plan, seed), kept=word_states_of(plan, half_way))


@method("word-attention", "PCA, word attention")
def word_attention(plan: Plan, seed: int) -> AttentionTaught:
    """The PCA start, and the teacher's attention between words as a second target."""
    return AttentionTaught(**_taught(plan, seed), kept=word_states_of(plan, attention=True))


def _taught(plan: Plan, seed: int) -> dict[str, Any]:
    step = plan.stage_two(seed, plan.init(seed, init="pca"))
    return vars(step) | {"weight": plan.profile.word_states.weight}
