"""Vanilla distillation over one vocabulary (section 6): a teacher labels every masked position, the student follows.

Student and teacher read the same pieces, so the teacher's softmax is a target for the student's. Two teachers can
give it: a pretrained one for a student that has the teacher's own vocabulary, and one pretrained anew on the
student's small vocabulary. Neither is trained here.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import BertForMaskedLM

from mixvocab.common.errors import UserError
from mixvocab.common.store import Step, Store
from mixvocab.distill import mixed_vocab
from mixvocab.distill.data import Rows
from mixvocab.distill.methods import method
from mixvocab.distill.mixed_vocab import MixedTeacher, StudentMLM, heldout_rows
from mixvocab.distill.steps import StageTwo, Student, StudentStep, teacher_shape
from mixvocab.models.flops import Spent, stage_one_flops, vanilla_flops
from mixvocab.models.parameters import BertShape
from mixvocab.models.pruning import prune
from mixvocab.models.start import Start
from mixvocab.models.teacher import load_teacher
from mixvocab.settings.profiles import MixingSettings
from mixvocab.text.masking import Masking
from mixvocab.text.mixing import Mixer
from mixvocab.train.loop import Recipe, TrainResult, evaluate, read_curve, write_curve
from mixvocab.train.losses import IGNORED, Losses, Part

if TYPE_CHECKING:
    from mixvocab.pipeline import Plan


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
        hidden, table = self.model.encode(ids, torch.zeros_like(ids, dtype=torch.bool), attention)
        return F.linear(self.model.transform(hidden[masked]), table, self.model.teacher_bias)


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
        if not self.training or not self.soft:
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


@dataclass(frozen=True)
class TeacherHead(Step[MixedTeacher]):
    """The teacher on its own pieces, trained as in stage I at p_SV = 0.

    MiniLM has no masked-language-model head, so one has to be trained before it can label anything. With a recipe of
    None the teacher is taken as it is, which suits one that comes with a head.
    """

    name, room = "label-teacher", "distill"
    resumable = together = True

    rows: Rows
    mixing: MixingSettings
    recipe: Recipe | None
    seed: int
    heldout_batches: int = 8

    def make(self, folder: Path, store: Store) -> None:
        """Train."""
        teacher, table = self.rows.teacher.value, self.rows.teacher_table(store)
        model, begin = load_teacher(teacher.folder), _no_student(teacher.folder)
        if self.recipe:
            mixing = self.mixing
            words, masking = store.get(self.rows), self._masking()
            mixer = Mixer(words, table, table, p_sv=0.0, length=mixing.length, masking=masking)
            mixed, result = mixed_vocab.stage_one(
                model,
                begin,
                mixer,
                self.recipe,
                seed=self.seed,
                heldout_batches=self.heldout_batches,
                folder=folder / "run",
            )
            write_curve(folder / "curve.json", result)
        else:
            mixed = MixedTeacher(model, begin.embeddings, begin.affine)
        # All parameters, each once: two names for one matrix are one tensor.
        tensors = {name: p.detach().cpu().contiguous() for name, p in mixed.named_parameters()}
        save_file(tensors, folder / "model.safetensors")

    def load(self, folder: Path, store: Store) -> MixedTeacher:
        """The trained teacher."""
        teacher, begin = self.rows.teacher.value.folder, _no_student(self.rows.teacher.value.folder)
        mixed = MixedTeacher(load_teacher(teacher), begin.embeddings, begin.affine)
        tensors = load_file(folder / "model.safetensors")
        with torch.no_grad():
            for name, parameter in mixed.named_parameters():
                parameter.copy_(tensors[name])
        return mixed

    def _masking(self) -> Masking:
        """Without student pieces, the cap that leaves masks to them has no use."""
        return Masking(self.mixing.mask_rate, self.mixing.max_masks, self.mixing.max_masks)

    def labels(self, store: Store) -> LabelTeacher:
        """It as a teacher of labels."""
        return OwnVocabularyTeacher(store.get(self))

    def facts(self, store: Store) -> LabelTeacherFacts:
        """Sizes, cost and held-out loss."""
        shape = teacher_shape(self.rows.teacher.value.folder)
        curve = store.artefact(self).path / "curve.json"
        if not curve.exists():
            return LabelTeacherFacts(shape, Spent(), None)
        result, mixing = read_curve(curve), self.mixing
        masks = self._masking().expected_shares(mixing.length, 0.0)
        flops = stage_one_flops(
            shape, BertShape(1, 0, 0), result.tokens, mixing.length, result.steps, masks=masks, p_sv=0.0
        )
        spent = Spent.of(result, flops)
        return LabelTeacherFacts(shape, spent, result.curve[-1]["loss"])


@dataclass(frozen=True)
class StudentVocabularyMLM(StageTwo):
    """A masked language model of the teacher's shape, trained from scratch on the student's pieces, that labels them.

    The paper does so with BERT-large. The loop is stage II's with stage I's recipe; a scratch start needs more steps
    and a higher learning rate than a pretrained teacher does.
    """

    name = "pretrained-teacher"

    def labels(self, store: Store) -> LabelTeacher:
        """It as a teacher of labels."""
        return StudentVocabularyTeacher(store.get(self).model())

    def facts(self, store: Store) -> LabelTeacherFacts:
        """Sizes, cost and held-out loss."""
        model = store.get(self)
        return LabelTeacherFacts(model.shape, model.spent, model.scores["loss"])


@dataclass(frozen=True)
class LabelTeacherFacts:
    """What is said of a teacher of labels."""

    shape: BertShape  # with the number of pieces that it labels
    spent: Spent  # on making it able to
    loss: float | None  # held-out, nats a masked piece; None: it was taken as it is


@dataclass(frozen=True)
class Labelled(StageTwo):
    """Stage II with a teacher that labels."""

    name = "vanilla"

    teacher: TeacherHead | StudentVocabularyMLM | None = None
    soft: float = 0.5  # weight of its distribution, between 0 (stage II itself) and 1 (its labels alone)

    def train(
        self, shape: BertShape, mixer: Mixer, recipe: Recipe, store: Store, **how: Any
    ) -> tuple[BertForMaskedLM, TrainResult]:
        """Stage II in all but the loss."""
        assert self.teacher
        objective = partial(LabelDistillation, teacher=self.teacher.labels(store), soft=self.soft)
        return mixed_vocab.stage_two(shape, mixer, recipe, objective=objective, **how)

    def flops(self, shape: BertShape, tokens: int, store: Store) -> float:
        """The student's training and a forward pass of the teacher."""
        assert self.teacher
        return vanilla_flops(shape, self.teacher.facts(store).shape, tokens, self.mixing.length)

    def costs(self, store: Store) -> dict[str, Spent]:
        """With what making the teacher cost."""
        assert self.teacher
        return {"teacher": self.teacher.facts(store).spent} | super().costs(store)

    def notes(self, store: Store) -> dict[str, Any]:
        """The teacher's held-out loss and the weight of its labels."""
        assert self.teacher
        return {"teacher_loss": self.teacher.facts(store).loss, "soft": self.soft}


@dataclass(frozen=True)
class Pruned(StudentStep):
    """A student cut down to the pieces of a smaller vocabulary; nothing is trained after the cut."""

    name = "pruned"

    whole: StageTwo
    heldout_batches: int = 8

    def make(self, folder: Path, store: Store) -> None:
        """Cut and score."""
        own = store.get(self.vocabulary)
        model = prune(store.get(self.whole).model(), store.get(self.whole.vocabulary), own)
        mixer = self.rows.mixer(self.vocabulary, self.mixing, store, mixed=False)
        loss = evaluate(StudentMLM(model, mixer.mask), heldout_rows(mixer, self.heldout_batches))
        write_curve(folder / "curve.json", TrainResult([{"step": 0, **loss}], [], 0, 0, 0.0))
        model.save_pretrained(folder / "student")
        own.save(folder / "student")

    def load(self, folder: Path, store: Store) -> Student:
        """Folder and scores."""
        shape = replace(store.get(self.whole).shape, vocab_size=len(store.get(self.vocabulary)))
        return Student(folder / "student", read_curve(folder / "curve.json"), shape, Spent())

    def costs(self, store: Store) -> dict[str, Spent]:
        """The larger student's."""
        return self.whole.costs(store)

    def notes(self, store: Store) -> dict[str, Any]:
        """What was cut."""
        return {
            "pieces_before": len(store.get(self.whole.vocabulary)),
            "loss_before": store.get(self.whole).scores["loss"],
        }


@method("vanilla", "vanilla, 30K", "the teacher's own vocabulary and its labels (section 6)")
def vanilla(plan: Plan, seed: int) -> Labelled:
    """A student with the teacher's own vocabulary that learns from the teacher's labels."""
    plan = plan.with_settings(vocabulary={"kind": "teacher"})
    settings = plan.profile.stage_one
    recipe = Recipe(**settings.recipe()) if settings.steps else None
    head = TeacherHead(plan.rows(), plan.profile.mixing, recipe, seed, settings.heldout_batches)
    return _labelled(plan, seed, head)


@method("vanilla-own", "vanilla, 5K", "the labels of a teacher pretrained on the student's vocabulary (section 6)")
def vanilla_own(plan: Plan, seed: int) -> Labelled:
    """A student that learns from the labels of a teacher pretrained on the student's vocabulary."""
    settings = plan.profile.stage_one
    recipe = replace(Recipe(**settings.recipe()), multipliers={})
    step = plan.stage_two(seed, None, recipe=recipe, dropout=0.0, heldout_batches=settings.heldout_batches)
    step = replace(step, shape=None, label="teacher on the student's pieces")
    return _labelled(plan, seed, StudentVocabularyMLM(**_fields(step)))


@method("pruned", "vanilla, pruned", "vanilla's student, cut down to the pieces of the learned vocabulary (section 6)")
def pruned(plan: Plan, seed: int) -> Pruned:
    """The student of "vanilla" with the pieces of the learned vocabulary that the teacher has too."""
    small = plan.with_settings(vocabulary={"kind": "shared"})
    step = small.stage_two(seed, None)
    return Pruned(step.vocabulary, step.rows, step.mixing, vanilla(plan, seed), step.heldout_batches)


def _labelled(plan: Plan, seed: int, teacher: TeacherHead | StudentVocabularyMLM) -> Labelled:
    step = plan.stage_two(seed, plan.init(seed), label="vanilla distillation")
    return Labelled(**_fields(step), teacher=teacher, soft=plan.profile.stage_two.soft)


def _fields(step: StageTwo) -> dict[str, Any]:
    return {one.name: getattr(step, one.name) for one in fields(step)}


def _no_student(teacher: Path) -> Start:
    """Student embeddings for a teacher that reads none: one row, of one number."""
    width = teacher_shape(teacher).hidden
    return Start(torch.zeros(1, 1), torch.zeros(width, 1), torch.zeros(width))
