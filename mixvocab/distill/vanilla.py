"""Vanilla distillation over one vocabulary (section 6): a teacher labels every masked position, the student follows.

Student and teacher read the same pieces, so the teacher's softmax is a target for the student's. Two teachers can
give it: a pretrained one for a student that has the teacher's own vocabulary, and one pretrained anew on the
student's small vocabulary. Neither is trained here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import BertForMaskedLM

from mixvocab.distill.mixed_vocab import drawing, heldout_rows, student_with
from mixvocab.errors import UserError
from mixvocab.losses import IGNORED, Losses, Part
from mixvocab.models.parameters import BertShape
from mixvocab.models.student import StudentMLM
from mixvocab.models.teacher import MixedTeacher
from mixvocab.text.mixing import Mixer
from mixvocab.train import Recipe, TrainResult, train


class LabelTeacher(Protocol):
    """A module that labels masked positions with scores over the student's pieces."""

    def logits(self, ids: Tensor, attention: Tensor | None, masked: Tensor) -> Tensor:
        """Scores (M, V) at the M positions where `masked` (B, T) is True, for pieces `ids` (B, T)."""
        ...


class OwnVocabularyTeacher(nn.Module):
    """A pretrained teacher on its own pieces: a `MixedTeacher`, trained at p_SV = 0 if it came without a head."""

    def __init__(self, model: MixedTeacher) -> None:
        super().__init__()
        self.model = model

    def logits(self, ids: Tensor, attention: Tensor | None, masked: Tensor) -> Tensor:
        """See `LabelTeacher`."""
        hidden = self.model.encode(ids, torch.zeros_like(ids, dtype=torch.bool), attention)
        return self.model.teacher_logits(self.model.transform(hidden[masked]))


class StudentVocabularyTeacher(nn.Module):
    """A teacher that was pretrained on the student's pieces, by stage II's loop in the teacher's shape."""

    def __init__(self, model: BertForMaskedLM) -> None:
        super().__init__()
        self.model = model

    def logits(self, ids: Tensor, attention: Tensor | None, masked: Tensor) -> Tensor:
        """See `LabelTeacher`."""
        return self.model.cls(self.model.bert(ids, attention_mask=attention).last_hidden_state[masked])


class LabelDistillation(StudentMLM):
    """The student's masked-language-model loss, with a share of it against the teacher's distribution.

    At a masked position with true piece y, teacher's softmax q and student's softmax p (both at temperature 1):

        (1 - soft) * -log p(y)  +  soft * -sum_v q(v) log p(v)

    The first is reported as "student"; held-out evaluation is stage II's, so that curves compare.
    """

    def __init__(
        self, student: BertForMaskedLM, teacher: LabelTeacher, *, soft: float = 0.5, mask: int | None = None
    ) -> None:
        super().__init__(student, mask)
        if not 0 <= soft <= 1:
            raise UserError(f"soft={soft} is not a share: choose stage_two.soft between 0 and 1")
        self.soft = soft
        # Out of sight of Module: neither trained, nor kept in checkpoints, nor asked what precision training takes.
        self._teacher = (teacher,)
        if isinstance(teacher, nn.Module):
            teacher.eval().requires_grad_(False)

    def forward(self, ids: Tensor, labels: Tensor, attention: Tensor | None = None, **_: Tensor) -> Losses:
        """The two losses, summed over masked positions; arguments as for `StudentMLM`."""
        if not self.training:
            return super().forward(ids, labels, attention)
        masked = labels != IGNORED
        logits = self.model.cls(self.model.bert(ids, attention_mask=attention).last_hidden_state[masked]).float()
        truth = F.cross_entropy(logits, labels[masked], reduction="sum")
        target = self._labels(ids, attention, masked)
        if target.shape != logits.shape:
            raise UserError(
                f"the teacher labels {target.shape[-1]:,} pieces and the student has {logits.shape[-1]:,}: vanilla "
                "distillation needs one vocabulary for both"
            )
        follow = F.cross_entropy(logits, target, reduction="sum")
        return {
            "student": Part(truth, masked.sum(), weight=1 - self.soft),
            "labels": Part(follow, masked.sum(), weight=self.soft, scored=False),
        }

    @torch.no_grad()
    def _labels(self, ids: Tensor, attention: Tensor | None, masked: Tensor) -> Tensor:
        """The teacher's probabilities at the masked positions: (M, V)."""
        (teacher,) = self._teacher
        if isinstance(teacher, nn.Module):
            teacher.to(ids.device)
        return teacher.logits(ids, attention, masked).float().softmax(dim=1)


def distil_labels(
    shape: BertShape,
    teacher: LabelTeacher,
    mixer: Mixer,
    recipe: Recipe,
    *,
    soft: float = 0.5,
    embeddings: Tensor | None = None,
    seed: int = 0,
    position_spread: float = 2.0,
    dropout: float = 0.0,
    heldout_batches: int = 8,
    folder: Path | None = None,
    label: str = "vanilla distillation",
) -> tuple[BertForMaskedLM, TrainResult]:
    """Stage II with a teacher that labels: `mixed_vocab.stage_two` in all but the loss.

    Args:
        teacher: labels the student's own pieces; in evaluation mode and not trained.
        soft: weight of its distribution, between 0 (stage II itself) and 1 (its labels alone).
        shape, mixer, recipe, embeddings, seed, position_spread: as for stage II.

    Raises:
        UserError: if the embeddings do not fit the shape, or the teacher labels other pieces than the student's.
    """
    student = student_with(embeddings, shape, seed=seed, position_spread=position_spread, dropout=dropout)
    heldout = heldout_rows(mixer, heldout_batches)
    module = (
        LabelDistillation(student, teacher, soft=soft, mask=mixer.mask) if soft else StudentMLM(student, mixer.mask)
    )
    result = train(module, drawing(mixer), recipe, seed=seed, heldout=heldout, folder=folder, label=label)
    return student, result
