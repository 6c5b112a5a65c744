"""Stage II with a second target: a linear map of the student's state of a word is what the teacher made of it.

The teacher's states are kept (`mixvocab.distill.word_states`); `state_starts.py` has starts from them. Transfer of
hidden states between models of one tokenizer is TinyBERT's (Jiao et al. 2020, equation 8), after FitNets; words in the
place of tokens are ours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import BertForMaskedLM

from mixvocab.common.store import Store
from mixvocab.distill.methods import method
from mixvocab.distill.mixed_vocab import StudentMLM
from mixvocab.distill.steps import StageTwo
from mixvocab.distill.word_states import KeptStates, Reduction, WordStates, word_means, word_numbers, word_states_of
from mixvocab.models.parameters import BertShape, Spent
from mixvocab.models.pretrained import teacher_shape
from mixvocab.text.mixing import Mixer
from mixvocab.text.words import ranges
from mixvocab.train.loop import Turn
from mixvocab.train.losses import Losses, Part

if TYPE_CHECKING:
    from mixvocab.pipeline import Plan


# ---- 1. Stage II with word states as a second target -----------------------------------------------------------------


@dataclass(frozen=True)
class StateRows:
    """Rows of a student and what the teacher made of their words."""

    ids: np.ndarray  # (B, T)
    labels: np.ndarray  # (B, T)
    attention: np.ndarray  # (B, T)
    words: np.ndarray  # (B, T) int64: the row of `states` that a token's word has, -1: none
    states: np.ndarray  # (words, k) int8


def draw_states(kept: KeptStates, mixer: Mixer, turn: Turn) -> StateRows:
    """Rows from the beginnings of random stretches, as many words of each as student and teacher both hold."""
    chosen = turn.rng.integers(len(kept.starts), size=turn.rows)
    batch, places = mixer.rows_at(kept.starts[chosen], turn.rng)
    first = kept.offsets[chosen]
    lengths = np.minimum(places.max(axis=1) + 1, kept.offsets[chosen + 1] - first)
    states = kept.states[ranges(first, lengths)]
    return StateRows(batch.ids, batch.labels, batch.attention, word_numbers(places, lengths), states)


class StateDistillation(StudentMLM):
    """The student's masked-language-model loss, and the teacher's states of words as a second target.

    With h_w the student's last states averaged over the pieces of word w, s_w the teacher's k components of it, and V
    the sum of their k variances,

        mean over masked pieces of -log p(y)  +  weight * mean over words of |A h_w + b - s_w|^2 / V

    The second is one minus the share of the variance that is explained (R²). A and b begin at zero, which says the mean
    of every word, and are thrown away at the end. Held-out evaluation is stage II's.
    """

    unit: Tensor  # (k,) of the kept components
    variance: Tensor

    def __init__(self, student: BertForMaskedLM, reduction: Reduction, weight: float, mask: int | None = None) -> None:
        super().__init__(student, mask)
        self.weight = weight
        self.register_buffer("unit", reduction.step, persistent=False)
        self.register_buffer("variance", reduction.deviations.square().sum(), persistent=False)
        self.readout = nn.Linear(student.config.hidden_size, len(reduction.deviations))
        nn.init.zeros_(self.readout.weight)
        nn.init.zeros_(self.readout.bias)

    def forward(
        self,
        ids: Tensor,
        labels: Tensor,
        attention: Tensor | None = None,
        words: Tensor | None = None,
        states: Tensor | None = None,
        **_: Tensor,
    ) -> Losses:
        """Both losses, as "student" and "states"; `words` and `states` as in `StateRows`."""
        if words is None or states is None:
            return super().forward(ids, labels, attention)
        hidden = self.model.bert(ids, attention_mask=attention).last_hidden_state
        losses = self.scored(hidden, ids, labels)
        read = self.readout(word_means(hidden, words, len(states))).float()
        missed = (read - states * self.unit).square().sum() / self.variance
        masked, count = losses["student"].positions, torch.tensor(len(states), device=ids.device)
        # The sum over masked pieces is divided by their number: so that this is a mean over words.
        return losses | {"states": Part(missed, count, weight=self.weight * masked / count, scored=False)}


@dataclass(frozen=True)
class StateTaught(StageTwo):
    """Stage II with kept word states as a second target."""

    name = "word-state-student"

    kept: WordStates = field(kw_only=True)
    weight: float = 1.0

    def objective(self, store: Store) -> Callable[..., StudentMLM]:
        return partial(StateDistillation, reduction=store.get(self.kept).reduction, weight=self.weight)

    def drawing(self, mixer: Mixer, store: Store) -> Callable[[Turn], Any]:
        return partial(draw_states, store.get(self.kept), mixer)

    def flops(self, shape: BertShape, tokens: int, store: Store) -> float:
        readout = 6 * tokens * shape.hidden * self.kept.width  # no more words than tokens
        return super().flops(shape, tokens, store) + readout

    def costs(self, store: Store) -> dict[str, Spent]:
        return {"teacher": store.get(self.kept).spent} | super().costs(store)


# ---- 2. The methods --------------------------------------------------------------------------------------------------


@method("word-states", "PCA, word states")
def word_states(plan: Plan, seed: int) -> StateTaught:
    """The PCA start, and the teacher's last states of words as a second target."""
    return _taught(plan, seed, None)


@method("word-states-early", "PCA, early word states")
def early_word_states(plan: Plan, seed: int) -> StateTaught:
    """The same with the states half-way up the teacher."""
    return _taught(plan, seed, teacher_shape(plan.teacher.value.folder).layers // 2)


def _taught(plan: Plan, seed: int, layer: int | None) -> StateTaught:
    step = plan.stage_two(seed, plan.init(seed, init="pca"))
    return StateTaught(**vars(step), kept=word_states_of(plan, layer), weight=plan.profile.word_states.weight)
