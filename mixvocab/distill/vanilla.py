"""Vanilla distillation over one vocabulary (section 6): a teacher labels every masked position, the student follows.

Student and teacher read the same pieces, so the teacher's softmax is a target for the student's. Two teachers can
give it: a pretrained one for a student that has the teacher's own vocabulary, and one pretrained anew on the
student's small vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load_model, save_model
from torch import Tensor
from torch.nn import functional as F
from transformers import BertForMaskedLM

from mixvocab.common.errors import UserError
from mixvocab.common.store import Step, Store
from mixvocab.distill import mixed_vocab
from mixvocab.distill.data import Rows
from mixvocab.distill.methods import method
from mixvocab.distill.mixed_vocab import MixedTeacher, StudentMLM, heldout_rows
from mixvocab.distill.steps import StageTwo, Student, StudentStep, teacher_shape
from mixvocab.models.init import EmbeddingInit
from mixvocab.models.parameters import BertShape, Spent, stage_one_flops
from mixvocab.models.pretrained import load_teacher
from mixvocab.models.student import prune
from mixvocab.settings.profiles import MixingSettings
from mixvocab.text.masking import expected_shares
from mixvocab.text.mixing import Mixer
from mixvocab.train.loop import Recipe, TrainResult, evaluate, read_curve, write_curve
from mixvocab.train.losses import IGNORED, Losses, Part

if TYPE_CHECKING:
    from mixvocab.pipeline import Plan

Labeller = MixedTeacher | BertForMaskedLM
"""Reads the student's pieces: a teacher on its own pieces, or one that was pretrained on the student's."""


def label_logits(teacher: Labeller, ids: Tensor, attention: Tensor | None, masked: Tensor) -> Tensor:
    """The teacher's scores (M, V) at the M positions where `masked` (B, T) is True, for pieces `ids` (B, T)."""
    if isinstance(teacher, MixedTeacher):
        hidden, table = teacher.encode(ids, torch.zeros_like(ids, dtype=torch.bool), attention)
        return F.linear(teacher.transform(hidden[masked]), table, teacher.teacher_bias)
    return teacher.cls(teacher.bert(ids, attention_mask=attention).last_hidden_state[masked])


class LabelDistillation(StudentMLM):
    """The student's masked-language-model loss, with a share of it against the teacher's distribution.

    At a masked position with true piece y, the student's softmax p, and both softmaxes at temperature T, q_T the
    teacher's (Hinton et al. 2015):

        (1 - weight) * -log p(y)  +  weight * T^2 * -sum_v q_T(v) log p_T(v)

    The first is reported as "student"; held-out evaluation is stage II's, so that curves compare.
    """

    def __init__(
        self,
        student: BertForMaskedLM,
        teacher: Labeller,
        *,
        weight: float = 0.5,
        temperature: float = 1.0,
        mask: int | None = None,
    ) -> None:
        super().__init__(student, mask)
        self.weight, self.temperature = weight, temperature
        # Out of sight of Module: neither trained, nor kept in checkpoints, nor asked what precision training takes.
        self._teacher = (teacher.eval(),)

    def forward(self, ids: Tensor, labels: Tensor, attention: Tensor | None = None, **_: Tensor) -> Losses:
        """The two losses, summed over masked positions; arguments as for `StudentMLM`."""
        if not self.training or not self.weight:
            return super().forward(ids, labels, attention)
        masked, (teacher,) = labels != IGNORED, self._teacher
        logits = self.model.cls(self.model.bert(ids, attention_mask=attention).last_hidden_state[masked]).float()
        with torch.no_grad():
            labelled = label_logits(teacher.to(ids.device), ids, attention, masked).float()  # (M, V)
            target = (labelled / self.temperature).softmax(dim=1)
        if target.shape != logits.shape:
            raise UserError(
                f"the teacher labels {target.shape[-1]:,} pieces and the student has {logits.shape[-1]:,}: vanilla "
                "distillation needs one vocabulary for both"
            )
        truth = F.cross_entropy(logits, labels[masked], reduction="sum")
        follow = self.temperature**2 * F.cross_entropy(logits / self.temperature, target, reduction="sum")
        return {
            "student": Part(truth, masked.sum(), weight=1 - self.weight),
            "labels": Part(follow, masked.sum(), weight=self.weight, scored=False),
        }


@dataclass(frozen=True)
class OwnVocabularyTeacher:
    """A teacher that labels its own pieces, described as a `Student` is."""

    model: Callable[[], MixedTeacher]
    shape: BertShape
    spent: Spent


@dataclass(frozen=True)
class TeacherHead(Step[OwnVocabularyTeacher]):
    """The teacher on its own pieces, trained as in stage I at p_SV = 0.

    MiniLM has no masked-language-model head, so one has to be trained before it can label anything. With a recipe of
    no steps the teacher is taken as it is, which suits one that comes with a head.
    """

    name, room = "label-teacher", "distill"
    resumable = together = True

    rows: Rows
    mixing: MixingSettings
    recipe: Recipe
    seed: int
    heldout_batches: int = 8

    def make(self, folder: Path, store: Store) -> None:
        table = self.rows.teacher_table(store)
        mixed, result = mixed_vocab.stage_one(
            load_teacher(self.rows.teacher.value.folder),
            self._init(),
            Mixer(store.get(self.rows), table, table, self._alone()),
            self.recipe,
            seed=self.seed,
            heldout_batches=self.heldout_batches,
            folder=folder / "run",
        )
        write_curve(folder / "curve.json", result)
        save_model(mixed.cpu(), str(folder / "model.safetensors"))

    def load(self, folder: Path, store: Store) -> OwnVocabularyTeacher:
        teacher, init = self.rows.teacher.value.folder, self._init()
        shape, mixed = teacher_shape(teacher), MixedTeacher(load_teacher(teacher), init)
        load_model(mixed, str(folder / "model.safetensors"))
        result, length = read_curve(folder / "curve.json"), self.mixing.length
        masks, nothing = expected_shares(self._alone()), BertShape(1, 0, 0)
        flops = stage_one_flops(shape, nothing, result.tokens, length, result.steps, masks=masks, p_sv=0.0)
        return OwnVocabularyTeacher(lambda: mixed, shape, Spent.of(result, flops))

    def _alone(self) -> MixingSettings:
        """Without student pieces, the cap that leaves masks to them has no use."""
        changes = {"p_sv": 0.0, "unit": "word", "max_teacher_masks": self.mixing.max_masks}
        return self.mixing.model_copy(update=changes)

    def _init(self) -> EmbeddingInit:
        """Student embeddings for a teacher that reads none: one row, of one number."""
        width = teacher_shape(self.rows.teacher.value.folder).hidden
        return EmbeddingInit(torch.zeros(1, 1), torch.zeros(width, 1), torch.zeros(width))


@dataclass(frozen=True)
class StudentVocabularyMLM(StageTwo):
    """A masked language model of the teacher's shape, trained from scratch on the student's pieces by stage I's recipe.

    The paper does so with BERT-large; a scratch start needs more steps and a higher rate than a pretrained teacher.
    """

    name = "pretrained-teacher"


@dataclass(frozen=True)
class Labelled(StageTwo):
    """Stage II with a teacher that labels."""

    name = "vanilla"

    teacher: Step[Any] = field(kw_only=True)  # TeacherHead or StudentVocabularyMLM
    kd_weight: float = 0.5  # of its distribution, between 0 (stage II itself) and 1 (its labels alone)
    kd_temperature: float = 1.0

    def objective(self, store: Store) -> Callable[..., StudentMLM]:
        teacher = store.get(self.teacher).model()
        return partial(LabelDistillation, teacher=teacher, weight=self.kd_weight, temperature=self.kd_temperature)

    def flops(self, shape: BertShape, tokens: int, store: Store) -> float:
        labels = store.get(self.teacher).shape.masked_lm_flops(tokens, self.mixing.length) / 3  # a forward pass
        return super().flops(shape, tokens, store) + labels

    def costs(self, store: Store) -> dict[str, Spent]:
        return {"teacher": store.get(self.teacher).spent} | super().costs(store)


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
    plan = plan.with_settings(vocabulary={"kind": "teacher"})
    settings = plan.profile.stage_one
    head = TeacherHead(plan.rows(), plan.profile.mixing, Recipe(**settings.recipe()), seed, settings.heldout_batches)
    return _labelled(plan, seed, head)


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
    step, settings = plan.stage_two(seed, plan.init(seed), label="vanilla distillation"), plan.profile.stage_two
    return Labelled(**vars(step), teacher=teacher, kd_weight=settings.kd_weight, kd_temperature=settings.kd_temperature)
