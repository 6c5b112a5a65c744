"""TinyBERT (Jiao, Yin, Shang, Jiang, Chen, Li, Wang and Liu 2020): a thin student follows its teacher layer by layer.

Layer m of the student's M has layer g(m) of the teacher's N to follow, evenly spread: g(m) = m N / M. Its attention,
its states and its embeddings are drawn towards the teacher's (equations 7 to 9), the narrow ones being raised to the
teacher's width by two learned matrices, which are thrown away at the end. So it goes twice (section 3.2): in general
distillation, on text alone, from fresh weights; then on a task, beside the teacher fine-tuned on it, where predictions
follow at last (equation 10). The equations are in `layer_losses.py`.

What differs here in general distillation:

* masked language modelling goes on beside it, on the same rows. Theirs knows no prediction loss in this stage, and its
  student none of the pieces that it would predict: all methods here are compared as masked language models;
* so both read rows with masked pieces, theirs whole ones; means leave padding out;
* where M does not divide N, g(m) is rounded up;
* equation 7 compares head with head: the student has as many as the teacher, whatever settings say;
* with weights of one, as published, MiniLM's attention is 73 of the 85 that a fresh student's sum begins at;
* text, tokens, batch and rate are the profile's stage II.

And on the task:

* the matrices of general distillation are gone, new ones are drawn;
* layers and predictions are two phases of one run, with one schedule of the rate; theirs are two runs. A short one
  leaves predictions few steps at a small rate: give small tasks more epochs, or rows (`mixvocab.tasks.augmentation`);
* of intents and slots both softmaxes are compared, of slots where words begin, as labels are; a score's distance from
  the teacher's is squared;
* data, batch, rate and epochs are the task's recipe.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from transformers import BertForMaskedLM, PreTrainedModel

from mixvocab.common.errors import UserError
from mixvocab.common.store import Store
from mixvocab.distill.layer_losses import (
    even_layers,
    layer_losses,
    prediction_loss,
    raising_matrices,
    real_tokens,
    require_counterparts,
)
from mixvocab.distill.methods import method
from mixvocab.distill.mixed_vocab import StudentMLM
from mixvocab.distill.steps import StageTwo
from mixvocab.distill.task_transfer import TaskBert, TaskTransfer, over_heads
from mixvocab.distill.vanilla import TaughtMLM
from mixvocab.models.parameters import BertShape
from mixvocab.models.pretrained import load_teacher, require_bert, teacher_shape
from mixvocab.train.losses import Losses, Part, scored_positions

if TYPE_CHECKING:
    from mixvocab.pipeline import Plan

# Share of a fine-tuning run in which layers are followed: 10 epochs of the 13 that the paper trains on MNLI, QQP and
# QNLI; on most others it is 20 of 23. The smaller share, since the rate falls on to zero while predictions follow.
LAYERS_FIRST = 10 / 13


# ---- 1. General distillation -----------------------------------------------------------------------------------------


class TinyBertLoss(TaughtMLM):
    """Masked language modelling, mean of -log p(y) of masked pieces y, and `layer_losses`; the weights are one.

    The first is reported as "student". Held-out evaluation is stage II's.

    Args:
        layers: g(1), ..., g(M), counted from 1.
        seed: of W_e and W_h.
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
        require_counterparts(student.config, teacher.config, layers)
        self.layers = tuple(layers)
        self.raising_embeddings, self.raising_states = raising_matrices(student.config, teacher.config, seed)

    def forward(self, ids: Tensor, labels: Tensor, attention: Tensor | None = None, **_: Tensor) -> Losses:
        """The four losses as sums; arguments as for `StudentMLM`."""
        if not self.training:
            return super().forward(ids, labels, attention)
        (teacher,) = self._teacher
        own = self.model.bert(ids, attention_mask=attention, output_hidden_states=True).hidden_states
        with torch.no_grad():
            other = teacher.to(ids.device).base_model(ids, attention_mask=attention, output_hidden_states=True)
        losses = self.scored(own[-1], ids, labels)
        return losses | layer_losses(
            self.model,
            teacher,
            own,
            other.hidden_states,
            real_tokens(ids, attention),
            layers=self.layers,
            raising=(self.raising_embeddings, self.raising_states),
            positions=losses["student"].positions,
        )


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


# ---- 2. Distillation on the task -------------------------------------------------------------------------------------


class TinyBertTask(TaskTransfer):
    """First `layer_losses`, as in general distillation; after LAYERS_FIRST of the run `prediction_loss` alone.

    That one is a mean over what has a label and reported as "prediction". Of the task's own losses none is minimised:
    they are reported by their names, with weight zero.
    """

    def __init__(self, student: TaskBert, teacher: TaskBert) -> None:
        super().__init__(student, teacher)
        own, other = student.model.config, teacher.model.config
        self.layers = even_layers(own.num_hidden_layers, other.num_hidden_layers)
        self.check(own, other)
        self.raising_embeddings, self.raising_states = raising_matrices(own, other, seed=0)

    def check(self, own: Any, other: Any) -> None:
        """Raises UserError for configurations of which one cannot follow the other."""
        require_counterparts(own, other, self.layers)

    def transferred(self, inputs: dict[str, Any], targets: dict[str, Tensor], done: float) -> Losses:
        (read, logits), (taught, said) = self.read(inputs), self.taught(inputs, targets)
        own = reported(self.student.losses(logits, **targets))
        if done < LAYERS_FIRST:
            real = real_tokens(inputs["ids"], inputs["attention"])
            return own | self.followed(read.hidden_states, taught.hidden_states, real, scored_positions(own))
        return own | predicted(self.student.asked(logits, **targets), said, scored_positions(own))

    def followed(self, own: Sequence[Tensor], theirs: Sequence[Tensor], real: Tensor, positions: Tensor) -> Losses:
        """`layer_losses` of the hidden states of student and teacher."""
        return layer_losses(
            self.student.model.bert,
            self.teacher(real.device).model.bert,
            own,
            theirs,
            real,
            layers=self.layers,
            raising=(self.raising_embeddings, self.raising_states),
            positions=positions,
        )


def reported(losses: Losses) -> Losses:
    """The task's own, never minimised: detached, so that heads which nothing teaches yet do not even decay."""
    return {name: part._replace(total=part.total.detach(), weight=0.0) for name, part in losses.items()}


def predicted(logits: Sequence[Tensor], said: Sequence[Tensor], positions: Tensor) -> Losses:
    """`prediction_loss` over all heads, of their logits (N, C) of student and teacher."""
    return {"prediction": Part(over_heads(prediction_loss, logits, said), positions, scored=False)}


@method("tinybert", "TinyBERT", transfer=TinyBertTask)
def tinybert(plan: Plan, seed: int) -> TinyBert:
    """General distillation from fresh weights, on the teacher's pieces."""
    return TinyBert(**vars(plan.with_teachers_pieces("tinybert").stage_two(seed, None)))
