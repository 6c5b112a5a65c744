"""BERT-of-Theseus (Xu, Zhou, Ge, Wei & Zhou 2020): a fine-tuned teacher's layers are replaced, two by one, in training.

Every two layers of the fine-tuned teacher (a predecessor's module) have one of the student (the successor's). In each
batch a draw says which of them work; what works is one model, and the task's loss is all that teaches. More and more is
replaced, until all is and the successor learns alone (sections 3.1 to 3.3).

As in the authors' code (JetRunner/BERT-of-Theseus), the successor begins as the predecessor's first layers, and those
layers alone learn: embeddings, pooler and heads are the predecessor's, frozen.

What differs here:

* the curriculum's slope is a share of the run and not a number of steps, since tasks differ by far in theirs; where the
  rate is constant, the successor is fine-tuned alone after the same share;
* the predecessor works without dropout;
* data, batch, rate and epochs are the task's recipe.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from mixvocab.common.errors import UserError
from mixvocab.distill.methods import method
from mixvocab.distill.task_transfer import FirstLayers, TaskBert, TaskTransfer, first_layers
from mixvocab.train.losses import Losses

if TYPE_CHECKING:
    from mixvocab.pipeline import Plan

BASE = 0.3  # b: of the authors' command (replacing_rate); with its slope of 0.0006 a step all is replaced after 1,167
CONSTANT = 0.5  # p of a rate that does not rise; ours
REPLACING = 0.5  # share of the run after which all is replaced; ours


class Theseus(TaskTransfer):
    """The task's loss of predecessor and successor mixed, module by module (equations 2 to 4)."""

    def __init__(self, student: TaskBert, teacher: TaskBert, constant: bool = False) -> None:
        super().__init__(student, teacher)
        self.constant = constant
        own, other = student.model.config, teacher.model.config
        widths = ("hidden_size", "num_attention_heads", "intermediate_size")
        alike = all(getattr(own, width) == getattr(other, width) for width in widths)
        if not alike or other.num_hidden_layers % own.num_hidden_layers:
            raise UserError(
                f"theseus: student of {own.num_hidden_layers} layers and {own.hidden_size} units, teacher of "
                f"{other.num_hidden_layers} and {other.hidden_size}: each layer is to replace equally many like it; "
                "make the student by mixvocab distill --method theseus, of a teacher with an even number of layers"
            )
        weights = teacher.model.state_dict()
        student.model.load_state_dict({name: weights[name] for name in student.model.state_dict()})
        for name, parameter in student.model.named_parameters():
            parameter.requires_grad_(".encoder.layer." in name)
        # A draw may replace nothing, and the loop differentiates what it gets: then by this, which nobody keeps.
        student.model.enable_input_require_grads()

    def transferred(self, inputs: dict[str, Any], targets: dict[str, Tensor], done: float) -> Losses:
        student, encoder = self.student, self.student.model.bert.encoder
        successor, predecessor = encoder.layer, self.teacher(inputs["ids"].device).model.bert.encoder.layer
        share = len(predecessor) // len(successor)
        working: list[nn.Module] = []
        # Drawn from torch's generator, which the loop seeds by the step: a resumed run draws what an unbroken one does.
        for i, replaced in enumerate(torch.rand(len(successor)) < replacing_rate(done, self.constant)):
            working += [successor[i]] if replaced else predecessor[share * i : share * (i + 1)]
        encoder.layer = nn.ModuleList(working)
        try:
            return student.losses(student.heads(student.encoded(**inputs)), **targets)
        finally:
            encoder.layer = successor


def replacing_rate(done: float, constant: bool = False) -> float:
    """Of the share of the run that is over: p_d = min(1, k t + b) (section 3.3), or a constant p and then 1 (3.2)."""
    if constant:
        return CONSTANT if done < REPLACING else 1.0
    return min(1.0, BASE + (1 - BASE) * done / REPLACING)


@method("theseus", "BERT-of-Theseus", size="half-teacher", transfer=Theseus)
def theseus(plan: Plan, seed: int) -> FirstLayers:
    """The teacher cut in half, whose layers take the places of the fine-tuned teacher's."""
    return first_layers(plan, "theseus")


@method(
    "theseus-constant", "BERT-of-Theseus, constant rate", size="half-teacher", transfer=partial(Theseus, constant=True)
)
def theseus_constant(plan: Plan, seed: int) -> FirstLayers:
    """The same; layers are replaced at one rate, then the student is fine-tuned alone."""
    return first_layers(plan, "theseus-constant")
