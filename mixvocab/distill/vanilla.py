"""Vanilla distillation over one vocabulary (section 6): a teacher labels every masked position, the student follows.

Student and teacher read the same pieces, so the teacher's softmax is a target for the student's. Two teachers can
give it: the pretrained one (`teacher_head.py`) for a student that has its vocabulary, and one pretrained anew on the
student's small vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import PreTrainedModel

from mixvocab.common.errors import UserError
from mixvocab.common.store import Step, Store
from mixvocab.distill.methods import method
from mixvocab.distill.mixed_vocab import StudentMLM, heldout_rows
from mixvocab.distill.steps import StageTwo, Student, StudentStep
from mixvocab.distill.teacher_head import teacher_head
from mixvocab.models.parameters import BertShape, Spent
from mixvocab.models.pretrained import masked_logits
from mixvocab.models.student import prune
from mixvocab.train.loop import Recipe, TrainResult, evaluate, read_curve, write_curve
from mixvocab.train.losses import IGNORED, Losses, Part

if TYPE_CHECKING:
    from mixvocab.pipeline import Plan


class TaughtMLM(StudentMLM):
    """The student's masked-language-model loss, with a teacher at hand for what a method adds to it."""

    def __init__(self, student: PreTrainedModel, teacher: PreTrainedModel, mask: int | None = None) -> None:
        super().__init__(student, mask)
        # Out of sight of Module: neither trained, nor kept in checkpoints, nor asked what precision training takes.
        self._teacher = (teacher.eval(),)


class LabelDistillation(TaughtMLM):
    """The student's masked-language-model loss, with a share of it against the teacher's distribution.

    At a masked position with true piece y, the student's softmax p, and both softmaxes at temperature T, q_T the
    teacher's (Hinton et al. 2015):

        (1 - weight) * -log p(y)  +  weight * T^2 * -sum_v q_T(v) log p_T(v)

    The first is reported as "student"; held-out evaluation is stage II's, so that curves compare.
    """

    def __init__(
        self,
        student: PreTrainedModel,
        teacher: PreTrainedModel,
        *,
        weight: float = 0.5,
        temperature: float = 1.0,
        mask: int | None = None,
    ) -> None:
        super().__init__(student, teacher, mask)
        self.weight, self.temperature = weight, temperature

    def forward(self, ids: Tensor, labels: Tensor, attention: Tensor | None = None, **_: Tensor) -> Losses:
        """The two losses, summed over masked positions; arguments as for `StudentMLM`."""
        if not self.training or not self.weight:
            return super().forward(ids, labels, attention)
        masked, (teacher,) = labels != IGNORED, self._teacher
        logits = masked_logits(self.model, ids, masked, attention).float()
        with torch.no_grad():
            labelled = masked_logits(teacher.to(ids.device), ids, masked, attention).float()
        return self.followed(logits, labelled, labels[masked])

    def followed(self, logits: Tensor, labelled: Tensor, true: Tensor) -> Losses:
        """The same from the student's and the teacher's scores (M, V) and the true pieces (M,)."""
        if labelled.shape != logits.shape:
            raise UserError(
                f"the teacher labels {labelled.shape[-1]:,} pieces and the student has {logits.shape[-1]:,}: vanilla "
                "distillation needs one vocabulary for both"
            )
        target, count = (labelled / self.temperature).softmax(dim=1), torch.tensor(len(true), device=true.device)
        truth = F.cross_entropy(logits, true, reduction="sum")
        follow = self.temperature**2 * F.cross_entropy(logits / self.temperature, target, reduction="sum")
        return {
            "student": Part(truth, count, weight=1 - self.weight),
            "labels": Part(follow, count, weight=self.weight, scored=False),
        }


@dataclass(frozen=True)
class StudentVocabularyMLM(StageTwo):
    """A masked language model of the teacher's shape, trained from scratch on the student's pieces by stage I's recipe.

    The paper does so with BERT-large; a scratch start needs more steps and a higher rate than a pretrained teacher.
    """

    name = "pretrained-teacher"


@dataclass(frozen=True)
class Taught(StageTwo):
    """Stage II beside a teacher that reads the same rows and predicts their pieces."""

    name = "taught"

    teacher: Step[Any] = field(kw_only=True)  # TeacherHead or StudentVocabularyMLM

    def flops(self, shape: BertShape, tokens: int, store: Store) -> float:
        labels = store.get(self.teacher).shape.masked_lm_flops(tokens, self.mixing.length) / 3  # a forward pass
        return super().flops(shape, tokens, store) + labels

    def costs(self, store: Store) -> dict[str, Spent]:
        return {"teacher": store.get(self.teacher).spent} | super().costs(store)


@dataclass(frozen=True)
class Labelled(Taught):
    """Stage II with a teacher that labels."""

    name = "vanilla"

    kd_weight: float = 0.5  # of its distribution, between 0 (stage II itself) and 1 (its labels alone)
    kd_temperature: float = 1.0

    def objective(self, store: Store) -> Callable[..., StudentMLM]:
        teacher = store.get(self.teacher).model()
        return partial(LabelDistillation, teacher=teacher, weight=self.kd_weight, temperature=self.kd_temperature)


@dataclass(frozen=True)
class Pruned(StudentStep):
    """A student cut down to the pieces of a smaller vocabulary; nothing is trained after the cut."""

    name = "pruned"

    whole: StageTwo
    heldout_batches: int = 8

    def make(self, folder: Path, store: Store) -> None:
        own = store.get(self.vocabulary)
        model = prune(store.get(self.whole).model(), store.get(self.whole.vocabulary), own)
        mixer = self.rows.mixer(self.vocabulary, self.mixing, store, mixed=False)
        loss = evaluate(StudentMLM(model, mixer.mask), heldout_rows(mixer, self.heldout_batches))
        write_curve(folder / "curve.json", TrainResult([{"step": 0, **loss}]))
        model.save_pretrained(folder / "student")
        own.save(folder / "student")

    def load(self, folder: Path, store: Store) -> Student:
        shape = replace(store.get(self.whole).shape, vocab_size=len(store.get(self.vocabulary)))
        return Student(folder / "student", read_curve(folder / "curve.json"), shape, Spent())

    def costs(self, store: Store) -> dict[str, Spent]:
        return self.whole.costs(store)


@method("vanilla", "vanilla, 30K")
def vanilla(plan: Plan, seed: int) -> Labelled:
    """The teacher's own vocabulary and its labels (section 6)."""
    return _labelled(plan.with_teachers_pieces("vanilla"), seed, teacher_head(plan))


@method("vanilla-own", "vanilla, 5K")
def vanilla_own(plan: Plan, seed: int) -> Labelled:
    """The labels of a teacher pretrained on the student's vocabulary (section 6)."""
    settings = plan.profile.stage_one
    recipe = replace(Recipe(**settings.recipe()), multipliers={})
    changes = {"shape": None, "recipe": recipe, "dropout": 0.0, "heldout_batches": settings.heldout_batches}
    step = plan.stage_two(seed, None, label="teacher on the student's pieces", **changes)
    return _labelled(plan, seed, StudentVocabularyMLM(**vars(step)))


@method("pruned", "vanilla, pruned")
def pruned(plan: Plan, seed: int) -> Pruned:
    """Vanilla's student, cut down to the pieces of the learned vocabulary (section 6)."""
    step = plan.with_settings(vocabulary={"kind": "shared"}).stage_two(seed, None)
    return Pruned(step.vocabulary, step.rows, step.mixing, vanilla(plan, seed), step.heldout_batches)


def _labelled(plan: Plan, seed: int, teacher: Step[Any]) -> Labelled:
    step = plan.stage_two(seed, plan.init(seed), label="vanilla distillation")
    return Labelled(**vars(step), teacher=teacher, **label_settings(plan))


def label_settings(plan: Plan) -> dict[str, Any]:
    """The fields of `Labelled` that the profile sets."""
    return plan.profile.stage_two.model_dump(include={"kd_weight", "kd_temperature"})
