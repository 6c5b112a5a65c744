"""The steps of the book: each is made once from the profile's settings and then found again by every chapter.

A chapter that runs alone calls the step it needs; the step calls those before it; what is in the artefact store is
not made again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import BertForMaskedLM, PreTrainedTokenizerFast

from mixvocab.book.artefacts import Artefact
from mixvocab.book.costs import stage_one_spent
from mixvocab.book.profiles import MixingSettings, StageOneSettings
from mixvocab.compute import Spent
from mixvocab.distill import mixed_vocab
from mixvocab.distill.neighbours import nearest
from mixvocab.files import write_json
from mixvocab.models import start as starts
from mixvocab.models.parameters import BertShape
from mixvocab.models.teacher import MixedTeacher, load_teacher, load_tokenizer
from mixvocab.pipeline import embedding_start, masking_of, pairs_of, stage_one_recipe, student_shape
from mixvocab.sources import Corpus, TeacherSource, resolve_corpus, resolve_teacher
from mixvocab.text import counts, learner, words
from mixvocab.text.mixing import Mixer
from mixvocab.text.tables import WordTable
from mixvocab.text.vocabularies import shared_vocabulary, teacher_vocabulary
from mixvocab.text.wordpiece import Vocabulary
from mixvocab.text.words import WordStore
from mixvocab.train import Recipe, TrainResult, read_curve, write_curve

if TYPE_CHECKING:
    from mixvocab.book.chapter import Chapter

SMALL_MEGABYTES = 4  # text that one process has read before a second one has started


def corpus(chapter: Chapter, spec: str | None = None) -> Corpus:
    """The raw text of the profile, or as much of the text that another specification names."""
    settings = chapter.profile.corpus
    spec, limit = spec or settings.source, settings.megabytes
    # What is held is named by all that it depends on, so that chapters of different settings can share it.
    return chapter.once(
        f"corpus {spec} {limit}", lambda: resolve_corpus(spec, data_dir=chapter.data_dir, megabytes=limit)
    )


def teacher(chapter: Chapter) -> TeacherSource:
    """The pretrained model of the profile."""
    source = chapter.profile.teacher.source
    return chapter.once(f"teacher {source}", lambda: resolve_teacher(source, data_dir=chapter.data_dir))


def teacher_tokenizer(chapter: Chapter) -> PreTrainedTokenizerFast:
    """The teacher's own tokenizer."""
    folder = teacher(chapter).folder
    return chapter.once(f"tokenizer {folder}", lambda: load_tokenizer(folder))


def word_counts(chapter: Chapter) -> tuple[Artefact, dict[str, int]]:
    """Every distinct word of the vocabulary's text (the corpus, if settings name no other) with how often it occurs."""
    spec, limit = chapter.profile.vocabulary.source, chapter.profile.vocabulary.megabytes
    text = corpus(chapter, spec)

    def make(folder: Path) -> None:
        source = text if limit is None else resolve_corpus(
            spec or chapter.profile.corpus.source, data_dir=chapter.data_dir, megabytes=limit
        )  # fmt: skip
        write_json(folder / "counts.json", counts.count_words(source.documents(), processes=_processes(chapter)))

    made = chapter.store.get(
        "word-counts",
        {"megabytes": limit or chapter.profile.corpus.megabytes},
        [text.source.sha256],
        make,
        [counts.count_words],
    )
    file = made.path / "counts.json"
    return made, chapter.once(f"counts {made.key}", lambda: json.loads(file.read_text(encoding="utf-8")))


def vocabulary(chapter: Chapter) -> tuple[Artefact, Vocabulary]:
    """The student's vocabulary: learned, of the profile's size, or what the profile's kind makes of the teacher's."""
    kind = chapter.profile.vocabulary.kind
    if kind != "teacher":
        learned, found = vocabularies(chapter, [chapter.profile.vocabulary.size])
        if kind == "learned":
            return learned, found[0]

    def make(folder: Path) -> None:
        tokenizer = teacher_tokenizer(chapter)
        chosen = teacher_vocabulary(tokenizer) if kind == "teacher" else shared_vocabulary(found[0], tokenizer)
        chosen.save(folder / kind)

    made = chapter.store.get(
        "vocabulary",
        {"kind": kind},
        [teacher(chapter).source.sha256, *([] if kind == "teacher" else [learned])],
        make,
        [teacher_vocabulary, shared_vocabulary, Vocabulary],
    )
    return made, Vocabulary.load(made.path / kind)


def vocabularies(chapter: Chapter, sizes: Sequence[int]) -> tuple[Artefact, list[Vocabulary]]:
    """Vocabularies of several sizes from one run of merges, which is what takes the time."""
    counted, table = word_counts(chapter)

    def make(folder: Path) -> None:
        for size, learned in learner.learn_vocabularies(table, sizes).items():
            learned.save(folder / str(size))

    made = chapter.store.get(
        "vocabulary", {"sizes": sorted(sizes)}, [counted], make, [learner.learn_vocabularies, Vocabulary]
    )
    return made, [Vocabulary.load(made.path / str(size)) for size in sizes]


def word_store(chapter: Chapter, spec: str | None = None) -> tuple[Artefact, WordStore]:
    """The corpus, or the text of another specification, as numbered words, train and held-out."""
    text, held = corpus(chapter, spec), chapter.profile.corpus.heldout
    tokenizer = teacher_tokenizer(chapter)
    made = chapter.store.get(
        "word-store",
        {"heldout": held, "megabytes": chapter.profile.corpus.megabytes},
        [text.source.sha256, teacher(chapter).source.sha256],
        lambda folder: _build_store(text, folder, tokenizer, held, _processes(chapter)),
        [words],
    )
    return made, WordStore.open(made.path / "store")


def _build_store(
    text: Corpus, folder: Path, tokenizer: PreTrainedTokenizerFast, heldout: float, processes: int
) -> None:
    WordStore.build(text.documents(), folder / "store", teacher=tokenizer, heldout=heldout, processes=processes)


def _processes(chapter: Chapter) -> int:
    megabytes = chapter.profile.corpus.megabytes
    return 1 if megabytes is not None and megabytes <= SMALL_MEGABYTES else os.cpu_count() or 1


def mixer(
    chapter: Chapter, *, student_only: bool = False, p_sv: float | None = None, corpus: str | None = None
) -> Mixer:
    """Draws the profile's sequences: mixed ones for stage I, the student's alone for stage II.

    `corpus` is the specification of another text than the profile's.
    """
    settings = chapter.profile.mixing
    return Mixer(
        word_store(chapter, corpus)[1],
        student_table(chapter, corpus),
        None if student_only else teacher_table(chapter, corpus),
        p_sv=settings.p_sv if p_sv is None else p_sv,
        length=settings.length,
        masking=masking_of(chapter.profile),
        unit=settings.unit,
    )


def student_table(chapter: Chapter, corpus: str | None = None) -> WordTable:
    """How the student's vocabulary cuts the words of the corpus, or of another text."""
    (stored, store), (known, vocab) = word_store(chapter, corpus), vocabulary(chapter)
    return chapter.once(f"student table {stored.key} {known.key}", lambda: store.table(vocab.tokenizer()))


def teacher_table(chapter: Chapter, corpus: str | None = None) -> WordTable:
    """The same for the teacher's."""
    stored, store = word_store(chapter, corpus)  # made for one teacher, which its key therefore names
    return chapter.once(f"teacher table {stored.key}", lambda: store.table(teacher_tokenizer(chapter)))


def student_mixing(chapter: Chapter) -> dict[str, Any]:
    """The settings by which rows of student pieces alone are made; the others are stage I's."""
    return chapter.profile.mixing.model_dump(exclude={"p_sv", "max_teacher_masks", "unit"})


def shape(chapter: Chapter) -> BertShape:
    """The student's sizes."""
    settings = chapter.profile.vocabulary
    size = settings.size if settings.kind == "learned" else len(vocabulary(chapter)[1])
    return student_shape(chapter.profile, size)


def teacher_shape(folder: Path) -> BertShape:
    """The teacher's sizes, from its config.json."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return BertShape(
        config.get("num_hidden_layers", config.get("n_layers")),
        config.get("hidden_size", config.get("dim")),
        config["vocab_size"],
        config.get("num_attention_heads", config.get("n_heads")),
        config.get("intermediate_size", config.get("hidden_dim")),
        config["max_position_embeddings"],
    )


@dataclass(frozen=True)
class Embeddings:
    """Student embeddings with how they came about."""

    artefact: Artefact
    embeddings: Tensor  # (V_s, d)
    result: TrainResult | None  # the curves of stage I; None if there was none
    spent: Spent  # by stage I
    before: Tensor  # (V_s, k) the nearest teacher pieces of each student piece, before stage I
    after: Tensor  # and after it; the same without stage I


def start(chapter: Chapter, kind: str, seed: int, **changes: Any) -> Embeddings:
    """Student embeddings without stage I: `random` or `warm` (PCA of the teacher's)."""
    return stage_one(chapter, seed, start=kind, steps=0, **changes)


def pca_spread(chapter: Chapter) -> float:
    """Standard deviation of plain PCA's entries: the spread that other starts get to be compared with it."""
    plain = start(chapter, "warm", 0, weighting=0, start_std=None)
    return round(float(plain.embeddings.std()), 3)


def stage_one(chapter: Chapter, seed: int, **changes: Any) -> Embeddings:
    """Stage I with the profile's settings; `changes` replaces fields of the profile's `stage_one`."""
    settings = chapter.profile.stage_one.model_copy(update=changes)
    if settings.start_std == "pca":
        settings = settings.model_copy(update={"start_std": pca_spread(chapter)})
    known, vocab = vocabulary(chapter)
    stored, store = word_store(chapter, settings.corpus)
    source, width = teacher(chapter), chapter.profile.student.hidden
    recipe = stage_one_recipe(settings)
    # A PCA start draws nothing at random: without training there is one for all seeds.
    seed = 0 if settings.start == "warm" and not settings.steps else seed

    def make(folder: Path) -> None:
        model = load_teacher(source.folder)
        begin = embedding_start(settings, model, vocab, teacher_tokenizer(chapter), store, width, seed)
        if settings.steps:
            mixed, result = mixed_vocab.stage_one(
                model,
                begin,
                mixer(chapter, corpus=settings.corpus),
                recipe,
                seed=seed,
                tied=settings.tied,
                **pairs_of(settings, vocab, teacher_tokenizer(chapter)),
                heldout_batches=settings.heldout_batches,
                folder=folder / "run",
            )
            write_curve(folder / "curve.json", result)
        else:
            mixed = MixedTeacher(model, begin.embeddings, begin.affine)
        _save_embeddings(folder, mixed, begin)

    made = chapter.store.get(
        "stage-one" if settings.steps else "start",
        {"seed": seed, "width": width, "start": settings.start, "std": settings.start_std}
        | {"weighting": settings.weighting}
        | (_training(settings, chapter.profile.mixing) if settings.steps else {}),
        [source.source.sha256, known, *([stored] if settings.steps or settings.weighting else [])],
        make,
        [mixed_vocab.stage_one, embedding_start, pairs_of, _save_embeddings],
        resumable=True,
    )
    tensors = load_file(made.path / "embeddings.safetensors")
    curve = made.path / "curve.json"
    result = read_curve(curve) if curve.exists() else None
    shapes = teacher_shape(source.folder), student_shape(chapter.profile, len(vocab))
    spent = stage_one_spent(*shapes, settings, chapter.profile.mixing, result) if result else Spent()
    return Embeddings(made, tensors["embeddings"], result, spent, tensors["before"], tensors["after"])


def _training(settings: StageOneSettings, mixing: MixingSettings) -> dict[str, Any]:
    """What the training of stage I depends on, beside its start."""
    return {
        "recipe": asdict(stage_one_recipe(settings)),
        "mixing": mixing.model_dump(),
        "tied": settings.tied,
        "shared": settings.shared,
        "agreement": settings.agreement,
        "heldout_batches": settings.heldout_batches,
    }


def _save_embeddings(folder: Path, mixed: MixedTeacher, begin: starts.Start) -> None:
    """Embeddings, affine layer and the nearest teacher pieces of every student piece before and after."""
    mixed.cpu()  # training may have left it on an accelerator
    table = mixed.teacher_embeddings.weight.detach()
    raised_before = begin.embeddings @ begin.weight.T + begin.bias
    tensors = {
        "embeddings": mixed.student_embeddings.weight.detach(),
        "raise.weight": mixed.raise_layer.weight.detach(),
        "raise.bias": mixed.raise_layer.bias.detach(),
        "before": nearest(raised_before, table),
        "after": nearest(mixed.raised().detach(), table),
    }
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, folder / "embeddings.safetensors")


def pca_spectrum(chapter: Chapter) -> np.ndarray:
    """Variance of the copied teacher embeddings along each principal direction, (D,), largest first."""
    model = load_teacher(teacher(chapter).folder)
    table: Tensor = model.get_input_embeddings().weight  # type: ignore[assignment]
    pieces = starts.teacher_pieces(vocabulary(chapter)[1].tokenizer(), teacher_tokenizer(chapter))
    copied = starts.copied_embeddings(table, pieces)
    return torch.linalg.svdvals((copied - copied.mean(dim=0)).double()).square().numpy()


@dataclass(frozen=True)
class Student:
    """A student after stage II."""

    artefact: Artefact
    result: TrainResult

    @property
    def folder(self) -> Path:
        """Loads with plain AutoModelForMaskedLM and AutoTokenizer."""
        return self.artefact.path / "student"

    @property
    def scores(self) -> Mapping[str, float]:
        """Held-out scores at the end: "loss" in nats a masked token, and taken apart as `StudentMLM` does."""
        return self.result.curve[-1]

    def model(self) -> BertForMaskedLM:
        """The trained student."""
        return BertForMaskedLM.from_pretrained(self.folder, local_files_only=True)


def stage_two(
    chapter: Chapter, seed: int, embeddings: Embeddings | None, *, extra_flops: float = 0.0, label: str = "stage II"
) -> Student:
    """Stage II from `embeddings`; None: fresh ones (NoKD). `extra_flops` buys more steps, see `compute_matched`."""
    settings = chapter.profile.stage_two
    known, vocab = vocabulary(chapter)
    stored, _ = word_store(chapter)
    student = student_shape(chapter.profile, len(vocab))
    recipe = Recipe(**settings.recipe())
    if extra_flops:
        recipe = mixed_vocab.compute_matched(recipe, student, extra_flops, chapter.profile.mixing.length)

    def make(folder: Path) -> None:
        model, result = mixed_vocab.stage_two(
            student,
            mixer(chapter, student_only=True),
            recipe,
            embeddings=None if embeddings is None else embeddings.embeddings,
            seed=seed,
            position_spread=settings.position_spread,
            dropout=settings.dropout,
            heldout_batches=settings.heldout_batches,
            folder=folder / "run",
            label=label,
        )
        write_curve(folder / "curve.json", result)
        model.save_pretrained(folder / "student")
        vocab.save(folder / "student")

    made = chapter.store.get(
        "stage-two",
        {"seed": seed, "recipe": asdict(recipe), "shape": asdict(student), "dropout": settings.dropout}
        | {"position_spread": settings.position_spread, "heldout_batches": settings.heldout_batches}
        | {"mixing": student_mixing(chapter)},
        [known, stored, *([embeddings.artefact] if embeddings else [])],
        make,
        [mixed_vocab.stage_two],
        resumable=True,
    )
    return Student(made, read_curve(made.path / "curve.json"))
