"""Distillation on the task: what methods share that fine-tune a student beside a teacher fine-tuned on the same task.

Such a method's student may be trained by nothing before (`FirstLayers`); its `transfer` (see `Method`) says what
fine-tuning minimises. `mixvocab.tasks.transfer` puts the two models in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import BertForMaskedLM

from mixvocab.common.store import Store
from mixvocab.distill.steps import StageTwo
from mixvocab.models.parameters import BertShape
from mixvocab.models.pretrained import load_teacher, require_bert
from mixvocab.models.student import student_of_layers
from mixvocab.train.losses import Losses

if TYPE_CHECKING:
    from mixvocab.pipeline import Plan


class TaskBert(Protocol):
    """A BERT with a task's heads, as a method sees it: `GlueTask` and `JointTask` of `mixvocab.tasks`."""

    reads: ClassVar[tuple[str, ...]]  # names of a batch's inputs, beside `attention`; the rest of it are targets
    model: Any  # with `.bert`, a BertModel

    def examples(self, rows: Sequence[Any]) -> list[Any]:
        """Rows as numbers: `reads` and targets by name."""

    def word_keys(self, row: Any) -> np.ndarray:
        """Which word of the row each token belongs to, (T,) int64, alike for all vocabularies."""

    def encoded(self, **inputs: Any) -> Any:
        """What the BertModel returns; takes `output_hidden_states` and the like as well."""

    def heads(self, encoded: Any) -> Any:
        """All heads' logits."""

    def losses(self, logits: Any, **targets: Tensor) -> Losses:
        """The task's own."""

    def asked(self, logits: Any, **targets: Tensor) -> list[Tensor]:
        """By head the logits (N, C) of what has a label, one column for a regression."""


class TaskTransfer(nn.Module):
    """A student's task model and, out of training's reach, the fine-tuned teacher's: what is trained in fine-tuning."""

    def __init__(self, student: TaskBert, teacher: TaskBert) -> None:
        super().__init__()
        self.student = student
        # Out of sight of Module: neither trained, nor kept in checkpoints, nor asked what precision training takes.
        self._teacher = (teacher.eval().requires_grad_(False),)  # type: ignore[attr-defined]

    def examples(self, rows: Sequence[Any]) -> list[Any]:
        """Rows as `forward` takes them in batches: here as the student's task does."""
        return self.student.examples(rows)

    def forward(self, done: Tensor, attention: Tensor | None = None, **batch: Tensor) -> Losses:
        """Losses of a batch as the task's own forward takes it; `done` () is the share of the run that is over."""
        inputs = {"attention": attention} | {name: batch.pop(name) for name in self.student.reads}
        return self.transferred(inputs, batch, float(done))

    def transferred(self, inputs: dict[str, Any], targets: dict[str, Tensor], done: float) -> Losses:
        """What the method minimises."""
        raise NotImplementedError

    def teacher(self, device: torch.device) -> Any:
        return self._teacher[0].to(device)

    def read(self, inputs: dict[str, Any]) -> tuple[Any, Any]:
        """What the student makes of a batch: its BertModel's output, hidden states with it, and all heads' logits."""
        encoded = self.student.encoded(**inputs, output_hidden_states=True)
        return encoded, self.student.heads(encoded)

    @torch.no_grad()
    def taught(self, inputs: dict[str, Any], targets: dict[str, Tensor]) -> tuple[Any, list[Tensor]]:
        """The same of the teacher, of its logits by head those of what has a label."""
        teacher = self.teacher(inputs["ids"].device)
        encoded = teacher.encoded(**inputs, output_hidden_states=True)
        return encoded, teacher.asked(teacher.heads(encoded), **targets)


def over_heads(loss: Callable[[Tensor, Tensor], Tensor], logits: Sequence[Tensor], said: Sequence[Tensor]) -> Tensor:
    """The sum over heads of a loss of their logits (N, C), student's and teacher's, in fp32.

    Of scores (N, 1), which no method's paper speaks of, it is their squared error.
    """
    pairs = [(own.float(), theirs.float()) for own, theirs in zip(logits, said, strict=True)]
    losses = [F.mse_loss(*pair, reduction="sum") if pair[0].shape[1] == 1 else loss(*pair) for pair in pairs]
    return torch.stack(losses).sum()


@dataclass(frozen=True)
class FirstLayers(StageTwo):
    """A student that nothing has trained: the first half of the teacher's layers, its embeddings and its head."""

    name = "first-layers"

    def sizes(self) -> BertShape:
        whole = super().sizes()
        return replace(whole, layers=whole.layers // 2)

    def student(self, store: Store) -> BertForMaskedLM:
        folder = self.rows.teacher.value.folder
        require_bert(folder, "a student of a teacher's first layers")
        return student_of_layers(load_teacher(folder), range(self.sizes().layers))


def first_layers(plan: Plan, method: str) -> FirstLayers:
    """The student for all seeds: it draws nothing."""
    step = plan.with_teachers_pieces(method).stage_two(0, None, shape=None, position_spread=0.0, dropout=0.0)
    return FirstLayers(**vars(replace(step, recipe=replace(step.recipe, steps=0))))
