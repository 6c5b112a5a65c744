"""DistilBERT (Sanh, Debut, Chaumond & Wolf 2019): every other layer of the teacher, taught by its softmax and states.

The student begins as the teacher with one of two layers (section 2) and minimises three losses together (section 3):
soft targets, masked language modelling, and the angle between last states. The weights of the sum are not in the paper;
they and what else it leaves open are taken from the training command that the authors published with their code.

What differs here:

* soft targets are compared at masked positions, where our loop scores; theirs are by default, at every real token;
* the student keeps token types, and BERT's class of model with them; theirs has none. Neither has a pooler;
* of twelve layers they take 0, 2, 4, 7, 9 and 11; here it is 0, 2, 4, ... for any number;
* they mask rare pieces more often and leave positions as the teacher had them; here all pieces are alike and all learn;
* text, tokens (theirs: Wikipedia and books, for 90 hours on 8 GPUs) and batch are the profile's stage II, its rate
  divided by how much wider than the profile's student this one is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import BertForMaskedLM, PreTrainedModel

from mixvocab.common.errors import UserError
from mixvocab.common.store import Store
from mixvocab.distill.methods import method
from mixvocab.distill.mixed_vocab import StudentMLM
from mixvocab.distill.teacher_head import teacher_head
from mixvocab.distill.vanilla import Taught, TaughtMLM
from mixvocab.models.parameters import BertShape
from mixvocab.models.pretrained import head_transform, require_bert
from mixvocab.models.student import student_of_layers
from mixvocab.train.losses import IGNORED, Losses, Part, soft_targets

if TYPE_CHECKING:
    from mixvocab.pipeline import Plan

# The authors' command in the README of transformers' distillation example (alpha_ce, alpha_mlm, alpha_cos), and the
# temperature that its train.py has by default.
SOFT, HARD, COSINE = 5.0, 2.0, 1.0
TEMPERATURE = 2.0


class DistilBertLoss(TaughtMLM):
    """The triple loss, a weighted sum of three means.

    At a masked position with true piece y, p and q the softmaxes of student and teacher, p_T and q_T the same at
    temperature T; at a real token s and t the last states of student and teacher:

        HARD * mean of -log p(y)  +  SOFT * mean of T^2 KL(q_T || p_T)  +  COSINE * mean over tokens of 1 - cos(s, t)

    They are reported as "student", "labels" and "states". Held-out evaluation is stage II's.
    """

    def __init__(self, student: BertForMaskedLM, teacher: PreTrainedModel, mask: int | None = None) -> None:
        super().__init__(student, teacher, mask)
        own, other = student.config, teacher.config
        if (own.vocab_size, own.hidden_size) != (other.vocab_size, other.hidden_size):
            raise UserError(
                f"distilbert: student of {own.vocab_size:,} pieces and {own.hidden_size} units, teacher of "
                f"{other.vocab_size:,} and {other.hidden_size}: they must agree; mixed and pushed-labels need not"
            )

    def forward(self, ids: Tensor, labels: Tensor, attention: Tensor | None = None, **_: Tensor) -> Losses:
        """The three losses as sums; arguments as for `StudentMLM`."""
        if not self.training:
            return super().forward(ids, labels, attention)
        masked, (teacher,) = labels != IGNORED, self._teacher
        real = torch.ones_like(masked) if attention is None else attention.bool()
        states = self.model.bert(ids, attention_mask=attention).last_hidden_state  # (B, T, D)
        logits = self.model.cls(states[masked]).float()  # (M, V)
        with torch.no_grad():
            wanted = teacher.to(ids.device).base_model(ids, attention_mask=attention).last_hidden_state
            said = teacher.get_output_embeddings()(head_transform(teacher)(wanted[masked])).float()
        count, tokens = masked.sum(), real.sum()
        return {
            "student": Part(F.cross_entropy(logits, labels[masked], reduction="sum"), count, weight=HARD),
            "labels": Part(soft_targets(logits, said, TEMPERATURE), count, weight=SOFT, scored=False),
            # All sums are divided by the number of masked positions: the weight makes this one a mean over tokens.
            "states": Part(turned(states[real], wanted[real]), tokens, weight=COSINE * count / tokens, scored=False),
        }


def turned(states: Tensor, wanted: Tensor) -> Tensor:
    """1 - cos(s, t) of N states of the student and of the teacher, both (N, D), summed."""
    return (1 - F.cosine_similarity(states, wanted, dim=1)).sum()


@dataclass(frozen=True)
class DistilBert(Taught):
    """Stage II of every other layer of the teacher (0, 2, 4 of 6), with the triple loss."""

    name = "distilbert"

    def sizes(self) -> BertShape:
        whole = super().sizes()
        return replace(whole, layers=len(range(0, whole.layers, 2)))

    def student(self, store: Store) -> BertForMaskedLM:
        require_bert(self.rows.teacher.value.folder, "distilbert")
        teacher = store.get(self.teacher)
        return student_of_layers(teacher.model(), range(0, teacher.shape.layers, 2), dropout=self.dropout)

    def objective(self, store: Store) -> Callable[..., StudentMLM]:
        return partial(DistilBertLoss, teacher=store.get(self.teacher).model())


@method("distilbert", "DistilBERT", size="half-teacher")
def distilbert(plan: Plan, seed: int) -> DistilBert:
    """Every other layer of the teacher, on its pieces; the seed is of the data order alone.

    The profile's rate suits students of its width: of one as wide as the teacher it becomes as many times smaller.
    """
    step = plan.with_teachers_pieces("distilbert").stage_two(seed, None, shape=None, position_spread=0.0)
    rate = step.recipe.learning_rate * plan.profile.student.hidden / step.sizes().hidden
    return DistilBert(
        **vars(replace(step, recipe=replace(step.recipe, learning_rate=rate))), teacher=teacher_head(plan)
    )
