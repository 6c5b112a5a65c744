"""Patient knowledge distillation (Sun, Cheng, Gan & Liu 2019): a fine-tuned teacher's [CLS] states, layer after layer.

The student begins as the first layers of the pretrained teacher and is fine-tuned on the task, three losses together:
the labels, the fine-tuned teacher's softmax, and the way in which its layers sum the text up at [CLS] (equations 5, 7
and 8). The last layers are not compared: the softmaxes see to them.

What differs here:

* one choice of ALPHA, BETA and TEMPERATURE for all tasks, of those that the authors searched for each;
* the distance of softmaxes is summed over classes, as a Kullback-Leibler divergence is; their code takes a mean;
* of intents and slots the softmaxes of both heads are compared, of slots where words begin, as labels are; a score's
  distance from the teacher's is squared;
* data, batch, rate and epochs are the task's recipe.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional as F

from mixvocab.common.errors import UserError
from mixvocab.distill.methods import method
from mixvocab.distill.task_transfer import FirstLayers, TaskBert, TaskTransfer, first_layers, over_heads
from mixvocab.train.losses import Losses, Part, scored_positions, soft_targets

if TYPE_CHECKING:
    from mixvocab.pipeline import Plan

# Of what the paper searched (section 4.2: alpha 0.2, 0.5, 0.7; T 5, 10, 20; beta 10, 100, 500, 1000) what their code's
# summary of results (intersun/PKD-for-BERT-Model-Compression) has as best for six layers on SST-2 and on MNLI.
ALPHA, TEMPERATURE, BETA = 0.5, 10.0, 100.0


class PatientLoss(TaskTransfer):
    """(1 - ALPHA) * labels  +  ALPHA * T^2 KL(q_T || p_T)  +  BETA * patience (equation 8).

    The first two are means over what has a label, the third over examples; p_T and q_T are the softmaxes of student and
    teacher at TEMPERATURE. They are reported by the task's own names, as "labels" and as "states".
    """

    def __init__(self, student: TaskBert, teacher: TaskBert, last: bool = False) -> None:
        super().__init__(student, teacher)
        own, other = student.model.config, teacher.model.config
        if own.hidden_size != other.hidden_size or own.num_hidden_layers > other.num_hidden_layers:
            raise UserError(
                f"pkd: student of {own.num_hidden_layers} layers and {own.hidden_size} units, teacher of "
                f"{other.num_hidden_layers} and {other.hidden_size}: it takes the teacher's first layers, make it by "
                "mixvocab distill --method pkd"
            )
        self.layers = taught_by(own.num_hidden_layers, other.num_hidden_layers, last)

    def transferred(self, inputs: dict[str, Any], targets: dict[str, Tensor], done: float) -> Losses:
        (read, logits), (taught, answers) = self.read(inputs), self.taught(inputs, targets)
        own = {name: part._replace(weight=1 - ALPHA) for name, part in self.student.losses(logits, **targets).items()}
        follow = partial(soft_targets, temperature=TEMPERATURE)
        soft = over_heads(follow, self.student.asked(logits, **targets), answers)
        # [CLS] after each layer, (layers + 1, B, H), the embeddings' first.
        mine, said = (torch.stack([states[:, 0].float() for states in each.hidden_states]) for each in (read, taught))
        asked, rows = scored_positions(own), len(inputs["ids"])
        return own | {
            "labels": Part(soft, asked, weight=ALPHA, scored=False),
            # All sums are divided by the number of labels: the weight makes this one a mean over examples.
            "states": Part(
                patience(mine[1:-1], said[self.layers]), torch.tensor(rows), weight=BETA * asked / rows, scored=False
            ),
        }


def patience(states: Tensor, wanted: Tensor) -> Tensor:
    """|s/|s| - t/|t||^2 of [CLS] states (M, B, H) of student and teacher (equation 7), summed over the B examples.

    Of the M layers and the H units it is the mean, as in the authors' code, for which BETA was searched; M may be 0.
    """
    gap = F.normalize(states, dim=2) - F.normalize(wanted, dim=2)
    return gap.square().sum() / max(1, gap.shape[0] * gap.shape[2])


def taught_by(own: int, other: int, last: bool) -> Sequence[int]:
    """The layers of a teacher of `other` that teach layers 1 .. own - 1 of the student, its last one left to softmaxes.

    Of twelve and six 2, 4, 6, 8 and 10 ("skip"), or, with `last`, 7 to 11.
    """
    stride = other // own
    return range(other - own + 1, other) if last else range(stride, own * stride, stride)


@method("pkd", "Patient-KD", size="half-teacher", transfer=PatientLoss)
def pkd(plan: Plan, seed: int) -> FirstLayers:
    """Taught by layers from all of the teacher (PKD-skip)."""
    return first_layers(plan, "pkd")


@method("pkd-last", "Patient-KD, last layers", size="half-teacher", transfer=partial(PatientLoss, last=True))
def pkd_last(plan: Plan, seed: int) -> FirstLayers:
    """Taught by the teacher's last layers (PKD-last)."""
    return first_layers(plan, "pkd-last")
