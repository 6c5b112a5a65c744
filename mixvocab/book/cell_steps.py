"""The methods that chapter 7 compares: each makes the student of a chapter's profile and first seed, and scores it.

A cell of a sweep is one method under one profile and one seed. All that takes long is made through the artefact
store by the steps of the book, so that cells share what they have in common, with each other and with the chapters.

Where student embeddings begin is a setting (`stage_one.start`), for every method but "nokd" and "wide".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mixvocab.book import heldout, label_teachers, steps
from mixvocab.book.costs import stage_two_spent
from mixvocab.compute import Spent, vanilla_flops
from mixvocab.distill import vanilla
from mixvocab.distill.mixed_vocab import heldout_rows
from mixvocab.distill.neighbours import aligned_share
from mixvocab.models.pruning import prune
from mixvocab.models.start import teacher_pieces
from mixvocab.models.student import StudentMLM
from mixvocab.pipeline import student_shape
from mixvocab.train import Recipe, TrainResult, evaluate, read_curve, write_curve

if TYPE_CHECKING:
    from mixvocab.book.chapter import Chapter


@dataclass(frozen=True)
class Outcome:
    """A student, what it cost and how well it does."""

    student: steps.Student  # folder and curves
    parameters: int  # of the encoder
    pieces: int  # of its vocabulary
    spent: dict[str, Spent]  # by stage: "teacher" (made for this student), "stage one", "stage two"
    heldout: Mapping[str, float]  # nats a masked piece over its own vocabulary, taken apart as `StudentMLM` does
    words: np.ndarray  # (rows, 2) summed -log p of the masked words and their number: one measure for all vocabularies
    notes: dict[str, Any] = field(default_factory=dict)


Method = Callable[["Chapter"], Outcome]


def nokd(chapter: Chapter) -> Outcome:
    """Fresh embeddings with BERT's spread, no teacher."""
    student = steps.stage_two(chapter, chapter.seed, None)
    return _outcome(chapter, student, {"stage two": _spent(chapter, student)})


def wide(chapter: Chapter) -> Outcome:
    """Fresh embeddings with the PCA start's spread, no teacher: scale without knowledge."""
    begin = steps.start(chapter, "random", chapter.seed, start_std=steps.pca_spread(chapter))
    student = steps.stage_two(chapter, chapter.seed, begin)
    return _outcome(chapter, student, {"stage two": _spent(chapter, student)})


def mixed(chapter: Chapter) -> Outcome:
    """Mixed-vocabulary distillation with the profile's settings; with `stage_one.steps` 0 its start alone."""
    first = steps.stage_one(chapter, chapter.seed)
    student = steps.stage_two(chapter, chapter.seed, first)
    spent = {"stage one": first.spent} if first.result else {}
    return _outcome(chapter, student, spent | {"stage two": _spent(chapter, student)}, _alignment(chapter, first))


def vanilla_teacher(chapter: Chapter) -> Outcome:
    """A student with the teacher's own vocabulary that learns from the teacher's labels (section 6)."""
    return _vanilla(with_vocabulary(chapter, "teacher"), label_teachers.warmed)


def vanilla_own(chapter: Chapter) -> Outcome:
    """A student that learns from the labels of a teacher pretrained on the student's vocabulary (section 6)."""
    return _vanilla(chapter, label_teachers.pretrained)


def pruned(chapter: Chapter) -> Outcome:
    """The student of "vanilla", cut down to the pieces of the learned vocabulary that the teacher has too (section 6).

    Nothing is trained after the cut: the rows that stay are those of the larger student.
    """
    whole = vanilla_teacher(chapter)
    large, small = with_vocabulary(chapter, "teacher"), with_vocabulary(chapter, "shared")
    (_, old), (known, new) = steps.vocabulary(large), steps.vocabulary(small)
    stored, _ = steps.word_store(small)
    batches = chapter.profile.stage_two.heldout_batches

    def make(folder: Path) -> None:
        model = prune(whole.student.model(), old, new)
        rows = steps.mixer(small, student_only=True)
        loss = evaluate(StudentMLM(model, rows.mask), heldout_rows(rows, batches))
        write_curve(folder / "curve.json", TrainResult([{"step": 0, **loss}], [], 0, 0, 0.0))
        model.save_pretrained(folder / "student")
        new.save(folder / "student")

    made = chapter.store.get(
        "pruned",
        {"heldout_batches": batches, "mixing": steps.student_mixing(chapter)},
        [whole.student.artefact, known, stored],
        make,
        [prune, heldout_rows, evaluate],
    )
    student = steps.Student(made, read_curve(made.path / "curve.json"))
    return _outcome(small, student, whole.spent, {"pieces_before": len(old), "loss_before": whole.heldout["loss"]})


METHODS: Mapping[str, Method] = {
    "nokd": nokd,
    "wide": wide,
    "mixed": mixed,
    "vanilla": vanilla_teacher,
    "vanilla-own": vanilla_own,
    "pruned": pruned,
}
"""What a grid may call for, by name."""


def with_vocabulary(chapter: Chapter, kind: str) -> Chapter:
    """The same chapter for a student with the vocabulary of that kind (`vocabulary.kind`)."""
    profile = chapter.profile
    if profile.vocabulary.kind == kind:
        return chapter
    settings = profile.model_copy(update={"vocabulary": profile.vocabulary.model_copy(update={"kind": kind})})
    return replace(chapter, profile=settings)


def _vanilla(chapter: Chapter, make_teacher: Callable[[Chapter], label_teachers.Made]) -> Outcome:
    """Stage II with the labels of the teacher that `make_teacher` makes, from the profile's start."""
    seed, settings = chapter.seed, chapter.profile.stage_two
    teacher = make_teacher(chapter)
    begin = steps.start(chapter, chapter.profile.stage_one.start, seed)
    known, vocab = steps.vocabulary(chapter)
    stored, _ = steps.word_store(chapter)
    shape, recipe = student_shape(chapter.profile, len(vocab)), Recipe(**settings.recipe())

    def make(folder: Path) -> None:
        model, result = vanilla.distil_labels(
            shape,
            teacher.load(),
            steps.mixer(chapter, student_only=True),
            recipe,
            soft=settings.soft,
            embeddings=begin.embeddings,
            seed=seed,
            position_spread=settings.position_spread,
            dropout=settings.dropout,
            heldout_batches=settings.heldout_batches,
            folder=folder / "run",
        )
        write_curve(folder / "curve.json", result)
        model.save_pretrained(folder / "student")
        vocab.save(folder / "student")

    made = chapter.store.get(
        "vanilla",
        {"seed": seed, "recipe": asdict(recipe), "shape": asdict(shape), "dropout": settings.dropout}
        | {"soft": settings.soft, "heldout_batches": settings.heldout_batches}
        | {"position_spread": settings.position_spread}
        | {"mixing": steps.student_mixing(chapter)},
        [known, stored, begin.artefact, teacher.artefact],
        make,
        [vanilla],
        resumable=True,
    )
    student = steps.Student(made, read_curve(made.path / "curve.json"))
    result = student.result
    flops = vanilla_flops(shape, teacher.shape, result.tokens, chapter.profile.mixing.length)
    spent = {
        "teacher": teacher.spent,
        "stage two": Spent(result.tokens, flops, result.seconds, result.steps, result.precision),
    }
    return _outcome(chapter, student, spent, {"teacher_loss": teacher.loss, "soft": settings.soft})


def _spent(chapter: Chapter, student: steps.Student) -> Spent:
    return stage_two_spent(steps.shape(chapter), chapter.profile.mixing.length, student.result)


def _alignment(chapter: Chapter, first: steps.Embeddings) -> dict[str, float]:
    """Share of the shared pieces whose nearest teacher piece is the same one, before and after stage I."""
    pieces = teacher_pieces(steps.vocabulary(chapter)[1].tokenizer(), steps.teacher_tokenizer(chapter))
    return {
        "aligned_before": aligned_share(first.before, pieces),
        "aligned_after": aligned_share(first.after, pieces),
    }


def _outcome(
    chapter: Chapter, student: steps.Student, spent: dict[str, Spent], notes: dict[str, Any] | None = None
) -> Outcome:
    """`chapter` is of the student's own vocabulary."""
    shape = steps.shape(chapter)
    told = {"guess": asdict(heldout.guess(chapter))} | (notes or {})
    return Outcome(
        student,
        shape.total_params,
        shape.vocab_size,
        spent,
        student.scores,
        heldout.word_scores(chapter, student),
        told,
    )
