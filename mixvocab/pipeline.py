"""From a reader's own BERT and text to a small student on disk: what `mixvocab distill` runs.

The steps are those of chapters 1 to 4, without the notebooks. Half-way results lie in `.work` below the output
folder, so a run that was killed goes on where it was; the student's files appear when all is done. Under
`accelerate launch` every process trains, and the first one prepares vocabulary and text for all.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from mixvocab.book.profiles import Profile, StageOneSettings
from mixvocab.distill.mixed_vocab import stage_one, stage_two
from mixvocab.distill.presets import multipliers
from mixvocab.errors import UserError
from mixvocab.files import write_json
from mixvocab.models.parameters import BertShape
from mixvocab.models.start import (
    BERT_STD,
    Start,
    pca_start,
    piece_frequencies,
    random_start,
    shared_pieces,
    spread,
    teacher_pieces,
)
from mixvocab.models.teacher import load_teacher, load_tokenizer
from mixvocab.sources import Corpus, TeacherSource
from mixvocab.text.counts import count_words
from mixvocab.text.learner import learn_vocabulary
from mixvocab.text.masking import Masking
from mixvocab.text.mixing import Mixer
from mixvocab.text.vocabularies import shared_vocabulary, teacher_vocabulary
from mixvocab.text.wordpiece import Vocabulary
from mixvocab.text.words import WordStore
from mixvocab.train import Recipe, TrainResult
from mixvocab.workfolder import WORK, claim, publish


def distill(
    profile: Profile,
    corpus: Corpus,
    teacher: TeacherSource,
    out: Path,
    *,
    vocabulary: Path | None = None,
    seed: int = 0,
    processes: int = 1,
) -> Path:
    """Compress `teacher` to a student of the profile's shape; returns the folder of the student.

    Args:
        profile: all settings (`mixvocab.book.profiles.load_profile`).
        corpus: the text; with a `vocabulary` of your own it is only trained on.
        out: the student's folder: config.json, model.safetensors, tokenizer files and distillation.json, which says
            what it was made from and how its held-out loss went.
        vocabulary: folder of a vocabulary made earlier (`mixvocab vocab`); None: learn one of the profile's size.
        processes: read text with so many (a script that asks for more than one needs a `__main__` guard).

    Raises:
        UserError: for unusable input, for settings that only the book's chapters know (other texts than `corpus`), and
            if `out` holds something else.
    """
    _check(profile, vocabulary)
    state = PartialState()
    work = out / WORK
    settings = {
        "profile": profile.model_dump(mode="json"),
        "corpus": corpus.source.as_record(),
        "teacher": teacher.source.as_record(),
        "vocabulary": str(vocabulary) if vocabulary else None,
        "seed": seed,
    }
    if state.is_main_process:
        claim(out, settings)
    state.wait_for_everyone()
    with state.main_process_first():
        vocab = _vocabulary(profile, corpus, teacher, work / "vocabulary", vocabulary, processes)
        store = _store(profile, corpus, teacher, vocab.lowercase, work / "store", processes)
    student_table = store.table(vocab.tokenizer())
    mixing = profile.mixing
    masking = masking_of(profile)

    def first() -> tuple[Tensor, TrainResult]:
        table = store.table(load_tokenizer(teacher.folder))
        mixer = Mixer(
            store, student_table, table, p_sv=mixing.p_sv, length=mixing.length, masking=masking, unit=mixing.unit
        )
        return _stage_one(profile, teacher, vocab, mixer, seed, work / "stage-one")

    embeddings, first_curve = _remembered(work / "embeddings.safetensors", first, state.is_main_process)
    student, second = stage_two(
        student_shape(profile, len(vocab)),
        Mixer(store, student_table, None, length=mixing.length, masking=masking),
        Recipe(**profile.stage_two.recipe()),
        embeddings=embeddings,
        seed=seed,
        position_spread=profile.stage_two.position_spread,
        dropout=profile.stage_two.dropout,
        heldout_batches=profile.stage_two.heldout_batches,
        folder=work / "stage-two",
    )
    if state.is_main_process:
        finished = work / "student"
        student.save_pretrained(finished)
        vocab.save(finished)
        write_json(finished / "distillation.json", settings | {"stage_one": first_curve, "stage_two": asdict(second)})
        publish(finished, out)
    state.wait_for_everyone()
    return out


def student_shape(profile: Profile, vocab_size: int) -> BertShape:
    """The student's sizes over a vocabulary of `vocab_size` pieces."""
    student = profile.student
    return BertShape(student.layers, student.hidden, vocab_size, student.heads, student.intermediate)


def masking_of(profile: Profile) -> Masking:
    """How the profile masks."""
    mixing = profile.mixing
    return Masking(mixing.mask_rate, mixing.max_masks, mixing.max_teacher_masks)


def stage_one_recipe(settings: StageOneSettings) -> Recipe:
    """Stage I's recipe with its learning rates by part. Raises `UserError` for an unknown preset."""
    return Recipe(**settings.recipe(), multipliers=multipliers(settings.preset, settings.multipliers))


def embedding_start(
    settings: StageOneSettings,
    teacher: PreTrainedModel,
    vocabulary: Vocabulary,
    tokenizer: PreTrainedTokenizerFast,
    store: WordStore,
    width: int,
    seed: int,
) -> Start:
    """Where the profile lets student embeddings of `width` dimensions begin.

    `tokenizer` is the teacher's; `store` holds the text in which pieces are counted.
    """
    table: Tensor = teacher.get_input_embeddings().weight  # type: ignore[assignment]
    own = vocabulary.tokenizer()

    def warm(weights: Tensor | None = None, std: float | None = None) -> Start:
        return pca_start(table, teacher_pieces(own, tokenizer), width, weights=weights, std=std)

    std = spread(warm()) if settings.start_std == "pca" else settings.start_std
    if settings.start == "warm":
        if not settings.weighting:
            return warm(std=std)
        return warm(piece_frequencies(store, store.table(own), len(vocabulary)) ** settings.weighting, std)
    generator = torch.Generator().manual_seed(seed)
    return random_start(len(vocabulary), width, table.shape[1], generator=generator, std=std or BERT_STD)


def pairs_of(settings: StageOneSettings, vocabulary: Vocabulary, tokenizer: PreTrainedTokenizerFast) -> dict[str, Any]:
    """Keyword arguments of stage I about the pieces that the student and the teacher both have."""
    needed = settings.shared or settings.agreement
    return {
        "shared": shared_pieces(vocabulary.tokenizer(), tokenizer) if needed else None,
        "tie_shared": settings.shared,
        "agreement": settings.agreement,
    }


def _check(profile: Profile, vocabulary: Path | None) -> None:
    """Refuse settings that would otherwise be passed over in silence."""
    texts = {"vocabulary.source": profile.vocabulary.source, "stage_one.corpus": profile.stage_one.corpus}
    for name, spec in texts.items():
        if spec is not None:
            raise UserError(
                f"{name}={spec} is a setting of the book: `mixvocab distill` reads one text for all; a vocabulary of "
                "another text comes from `mixvocab vocab` and --vocab"
            )
    if vocabulary and profile.vocabulary.kind != "learned":
        raise UserError(f"vocabulary.kind={profile.vocabulary.kind} and --vocab exclude each other: leave one out")


def _vocabulary(
    profile: Profile, corpus: Corpus, teacher: TeacherSource, folder: Path, given: Path | None, processes: int
) -> Vocabulary:
    if given:
        return Vocabulary.load(given)
    if not (folder / "tokenizer.json").exists():
        settings = profile.vocabulary
        if settings.kind == "teacher":
            chosen = teacher_vocabulary(load_tokenizer(teacher.folder))
        else:
            chosen = learn_vocabulary(count_words(corpus.documents(), processes=processes), settings.size)
            if settings.kind == "shared":
                chosen = shared_vocabulary(chosen, load_tokenizer(teacher.folder))
        chosen.save(folder)
    return Vocabulary.load(folder)


def _store(
    profile: Profile, corpus: Corpus, teacher: TeacherSource, lowercase: bool, folder: Path, processes: int
) -> WordStore:
    if folder.exists():
        return WordStore.open(folder)
    return WordStore.build(
        corpus.documents(),
        folder,
        teacher=load_tokenizer(teacher.folder),
        lowercase=lowercase,
        heldout=profile.corpus.heldout,
        processes=processes,
    )


def _stage_one(
    profile: Profile, teacher: TeacherSource, vocab: Vocabulary, mixer: Mixer, seed: int, folder: Path
) -> tuple[Tensor, TrainResult]:
    settings = profile.stage_one
    model, tokenizer = load_teacher(teacher.folder), load_tokenizer(teacher.folder)
    start = embedding_start(settings, model, vocab, tokenizer, mixer.store, profile.student.hidden, seed)
    if not settings.steps:
        return start.embeddings, TrainResult([], [], 0, 0, 0.0)
    recipe = stage_one_recipe(settings)
    mixed, result = stage_one(
        model,
        start,
        mixer,
        recipe,
        seed=seed,
        tied=settings.tied,
        **pairs_of(settings, vocab, tokenizer),
        heldout_batches=settings.heldout_batches,
        folder=folder,
    )
    return mixed.student_embeddings.weight.detach().cpu(), result


def _remembered(
    file: Path, make: Callable[[], tuple[Tensor, TrainResult]], is_main: bool
) -> tuple[Tensor, dict[str, Any]]:
    """Stage I's embeddings and curves from `file`, or from `make` and then kept there."""
    curve = file.with_suffix(".json")
    if file.exists():
        return load_file(file)["embeddings"], json.loads(curve.read_text(encoding="utf-8"))
    embeddings, result = make()
    if is_main:
        write_json(curve, asdict(result))
        partial = file.with_suffix(".partial")
        save_file({"embeddings": embeddings.contiguous()}, partial)
        os.replace(partial, file)
    return embeddings, asdict(result)
