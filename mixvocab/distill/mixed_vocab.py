"""Mixed-vocabulary distillation: the two stages of the paper, whole (section 3.2).

Stage I   The teacher reads sequences in which some words are cut by its own vocabulary and the others by the
          student's, and predicts masked tokens of both. What stays of it is a matrix: the student's embeddings.
Stage II  The student starts from that matrix and learns masked language modelling on its own vocabulary. The
          teacher is gone.

The baseline without a teacher (NoKD) is stage II with fresh embeddings; a student whose embeddings were copied
from the teacher by PCA, without stage I, is stage II with those.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from transformers import BertForMaskedLM, PreTrainedModel

from mixvocab.errors import UserError
from mixvocab.models.parameters import BertShape
from mixvocab.models.start import Start, sinusoidal_positions
from mixvocab.models.student import StudentMLM, new_student
from mixvocab.models.teacher import MixedTeacher
from mixvocab.text.mixing import Batch, Mixer
from mixvocab.train import Recipe, TrainResult, Turn, train

HELDOUT_SEED = 2021  # every method and every seed is scored on the same held-out rows and masks
HELDOUT_ROWS = 32


def stage_one(
    teacher: PreTrainedModel,
    start: Start,
    mixer: Mixer,
    recipe: Recipe,
    *,
    seed: int = 0,
    tied: bool = True,
    shared: Tensor | None = None,
    tie_shared: bool = False,
    agreement: float = 0.0,
    heldout_batches: int = 8,
    folder: Path | None = None,
    on_evaluate: Callable[[MixedTeacher, int], None] | None = None,
) -> tuple[MixedTeacher, TrainResult]:
    """Stage I: train teacher and student embeddings on mixed sequences (equation 1).

    Args:
        teacher: a pretrained masked language model; it is trained in place.
        start: where the student's embeddings and the affine layer begin (`mixvocab.models.start`).
        mixer: draws sequences with both vocabularies; its p_sv is the paper's p_SV.
        recipe: `multipliers` sets learning rates by part: "encoder", "transform", "teacher_embeddings",
            "student_embeddings", "raise_layer"; 0 freezes a part. The paper trains all of them alike.
        tied: score student tokens against their own raised embeddings.
        shared, tie_shared, agreement: tie the pieces that both vocabularies have, or let the two softmaxes agree on
            them; see `MixedTeacher`.
        folder: where log and checkpoints go.
        on_evaluate: called with the model and the step after every held-out evaluation.

    Returns:
        The trained mixed teacher, whose `student_embeddings` (V_s, d) stage II takes, and the run's curves, with the
        held-out loss of each vocabulary under "teacher" and "student".
    """
    mixed = MixedTeacher(
        teacher, start.embeddings, start.affine, tied=tied, shared=shared, tie_shared=tie_shared, agreement=agreement
    )
    heldout = heldout_rows(mixer, heldout_batches)
    watch = (lambda step: on_evaluate(mixed, step)) if on_evaluate else None
    result = train(
        mixed, drawing(mixer), recipe, seed=seed, heldout=heldout, folder=folder, label="stage I", on_evaluate=watch
    )
    return mixed, result


def stage_two(
    shape: BertShape,
    mixer: Mixer,
    recipe: Recipe,
    *,
    embeddings: Tensor | None = None,
    seed: int = 0,
    position_spread: float = 2.0,
    dropout: float = 0.0,
    heldout_batches: int = 8,
    folder: Path | None = None,
    label: str = "stage II",
) -> tuple[BertForMaskedLM, TrainResult]:
    """Stage II: train the student on its own vocabulary (equation 2).

    Args:
        shape: the student's sizes; `shape.vocab_size` must be the student vocabulary's.
        mixer: draws sequences of student pieces alone (a mixer without a teacher's table).
        embeddings: (V_s, d) from stage I or from PCA; None for fresh ones (NoKD).
        seed: of the other weights and of the data order; two runs with one seed differ in their embeddings alone, and
            in the scale of their positions, which follows the embeddings'.
        position_spread: see `student_with`.

    Returns:
        The student and the run's curves: the held-out loss, and taken apart as `StudentMLM` says.

    Raises:
        UserError: if the embeddings do not fit the shape.
    """
    student = student_with(embeddings, shape, seed=seed, position_spread=position_spread, dropout=dropout)
    module, heldout = StudentMLM(student, mixer.mask), heldout_rows(mixer, heldout_batches)
    result = train(module, drawing(mixer), recipe, seed=seed, heldout=heldout, folder=folder, label=label)
    return student, result


def student_with(
    embeddings: Tensor | None, shape: BertShape, *, seed: int, position_spread: float = 2.0, dropout: float = 0.0
) -> BertForMaskedLM:
    """An untrained student that starts from `embeddings` (V_s, d), or, given None, from fresh ones.

    Its positions begin as sinusoids with `position_spread` times the spread of its word embeddings and are learned
    from there, as the rest is; 0 leaves BERT's own normal(0, 0.02). Under one seed all other weights are the same.
    Raises `UserError` if the embeddings do not fit the shape.
    """
    student = new_student(shape, generator=torch.Generator().manual_seed(seed), dropout=dropout)
    if embeddings is not None:
        table = student.bert.embeddings.word_embeddings.weight
        if table.shape != embeddings.shape:
            raise UserError(
                f"embeddings of shape {tuple(embeddings.shape)} do not fit a student of {tuple(table.shape)}: "
                "use the vocabulary and the hidden size that they were made for"
            )
        with torch.no_grad():
            table.copy_(embeddings)
    if position_spread:
        std = position_spread * float(student.bert.embeddings.word_embeddings.weight.detach().std())
        generator = torch.Generator().manual_seed(seed)
        waves = sinusoidal_positions(shape.positions, shape.hidden, std, generator=generator)
        with torch.no_grad():
            student.bert.embeddings.position_embeddings.weight.copy_(waves)
    return student


def heldout_rows(mixer: Mixer, batches: int) -> list[Batch]:
    """The held-out batches that every method and every seed is scored on."""
    return list(mixer.heldout_batches(HELDOUT_ROWS, batches, np.random.default_rng(HELDOUT_SEED)))


def drawing(mixer: Mixer) -> Callable[[Turn], Batch]:
    """Draws the rows of a turn from random places of the mixer's text."""
    return lambda turn: mixer.batch(turn.rows, turn.rng)


def compute_matched(recipe: Recipe, shape: BertShape, spent: float, length: int) -> Recipe:
    """`recipe` with as many more steps as `spent` floating-point operations buy for this student.

    With it the baseline gets stage I's compute as well, and the question becomes whether a teacher is a better use
    of a budget than more steps.
    """
    per_step = shape.masked_lm_flops(recipe.batch_size * length, length)
    return replace(recipe, steps=recipe.steps + round(spent / per_step))
