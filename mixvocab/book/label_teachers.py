"""The teachers that label pieces for vanilla distillation (section 6), and what training them costs.

Both are trained with stage I's recipe (steps, batch size, learning rate): the teacher's share of a method's compute
has one set of settings, whichever way it is spent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import BertForMaskedLM

from mixvocab.book import steps
from mixvocab.book.artefacts import Artefact
from mixvocab.book.costs import stage_one_spent, stage_two_spent
from mixvocab.compute import Spent
from mixvocab.distill import mixed_vocab
from mixvocab.distill.vanilla import LabelTeacher, OwnVocabularyTeacher, StudentVocabularyTeacher
from mixvocab.models.parameters import BertShape
from mixvocab.models.start import Start
from mixvocab.models.teacher import MixedTeacher, load_teacher
from mixvocab.pipeline import masking_of, stage_one_recipe, student_shape
from mixvocab.text.mixing import Mixer
from mixvocab.train import TrainResult, read_curve, write_curve

if TYPE_CHECKING:
    from mixvocab.book.chapter import Chapter


@dataclass(frozen=True)
class Made:
    """A teacher of the store that labels the pieces of one vocabulary."""

    artefact: Artefact
    load: Callable[[], LabelTeacher]
    shape: BertShape  # with the number of pieces that it labels
    spent: Spent  # on making it able to
    loss: float | None  # held-out, nats a masked piece; None: it was taken as it is


def warmed(chapter: Chapter) -> Made:
    """The profile's teacher on its own pieces, its head trained as in stage I at p_SV = 0.

    MiniLM has no masked-language-model head, so one has to be trained before it can label anything. With
    `stage_one.steps` 0 the teacher is taken as it is, which suits one that comes with a head.
    """
    source, settings, seed = steps.teacher(chapter), chapter.profile.stage_one, chapter.seed
    stored, store = steps.word_store(chapter)
    recipe, mixing = stage_one_recipe(settings), chapter.profile.mixing
    # No student pieces: the cap that leaves masks to them has no use.
    masking = replace(masking_of(chapter.profile), max_teacher_masks=mixing.max_masks)

    def make(folder: Path) -> None:
        model, begin = load_teacher(source.folder), _no_student(steps.teacher_shape(source.folder).hidden)
        if settings.steps:
            table = steps.teacher_table(chapter)
            mixer = Mixer(store, table, table, p_sv=0.0, length=mixing.length, masking=masking)
            mixed, result = mixed_vocab.stage_one(
                model,
                begin,
                mixer,
                recipe,
                seed=seed,
                heldout_batches=settings.heldout_batches,
                folder=folder / "run",
            )
            write_curve(folder / "curve.json", result)
        else:
            mixed = MixedTeacher(model, begin.embeddings, begin.affine)
        _save(mixed, folder / "model.safetensors")

    made = chapter.store.get(
        "label-teacher",
        {"seed": seed, "recipe": asdict(recipe), "length": mixing.length, "masking": asdict(masking)}
        | {"heldout_batches": settings.heldout_batches},
        [source.source.sha256, stored],
        make,
        [mixed_vocab.stage_one, _no_student, _save],
        resumable=True,
    )

    def load() -> LabelTeacher:
        shape = steps.teacher_shape(source.folder)
        begin = _no_student(shape.hidden)
        mixed = MixedTeacher(load_teacher(source.folder), begin.embeddings, begin.affine)
        _restore(mixed, made.path / "model.safetensors")
        return OwnVocabularyTeacher(mixed)

    result = _result(made)
    spent = Spent()
    if result:
        shapes = steps.teacher_shape(source.folder), student_shape(chapter.profile, 0)
        spent = stage_one_spent(*shapes, settings, mixing, result, p_sv=0.0, teacher_cap=mixing.max_masks)
    return Made(made, load, steps.teacher_shape(source.folder), spent, result.curve[-1]["loss"] if result else None)


def pretrained(chapter: Chapter) -> Made:
    """A masked language model of the teacher's shape, trained from scratch on the student's pieces.

    The paper does so with BERT-large. The loop is stage II's with stage I's recipe; a scratch start needs more steps
    and a higher learning rate than a pretrained teacher does.
    """
    source, settings, seed = steps.teacher(chapter), chapter.profile.stage_one, chapter.seed
    known, vocab = steps.vocabulary(chapter)
    stored, _ = steps.word_store(chapter)
    shape = replace(steps.teacher_shape(source.folder), vocab_size=len(vocab))
    recipe = replace(stage_one_recipe(settings), multipliers={})

    def make(folder: Path) -> None:
        model, result = mixed_vocab.stage_two(
            shape,
            steps.mixer(chapter, student_only=True),
            recipe,
            seed=seed,
            position_spread=chapter.profile.stage_two.position_spread,
            heldout_batches=settings.heldout_batches,
            folder=folder / "run",
            label="teacher on the student's pieces",
        )
        write_curve(folder / "curve.json", result)
        model.save_pretrained(folder / "teacher")

    made = chapter.store.get(
        "pretrained-teacher",
        {"seed": seed, "recipe": asdict(recipe), "shape": asdict(shape), "heldout_batches": settings.heldout_batches}
        | {"position_spread": chapter.profile.stage_two.position_spread, "mixing": steps.student_mixing(chapter)},
        [known, stored],
        make,
        [mixed_vocab.stage_two],
        resumable=True,
    )

    def load() -> LabelTeacher:
        return StudentVocabularyTeacher(BertForMaskedLM.from_pretrained(made.path / "teacher", local_files_only=True))

    result = read_curve(made.path / "curve.json")
    spent = stage_two_spent(shape, chapter.profile.mixing.length, result)
    return Made(made, load, shape, spent, result.curve[-1]["loss"])


def _no_student(width: int) -> Start:
    """Student embeddings for a teacher that reads none: one row, of one number."""
    return Start(torch.zeros(1, 1), torch.zeros(width, 1), torch.zeros(width))


def _save(model: nn.Module, path: Path) -> None:
    """All parameters, each once: two names for one matrix are one tensor."""
    save_file({name: p.detach().cpu().contiguous() for name, p in model.named_parameters()}, path)


def _restore(model: nn.Module, path: Path) -> None:
    tensors = load_file(path)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(tensors[name])


def _result(made: Artefact) -> TrainResult | None:
    curve = made.path / "curve.json"
    return read_curve(curve) if curve.exists() else None
