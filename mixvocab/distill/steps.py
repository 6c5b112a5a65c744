"""The steps from text and teacher to a student: each says by its fields what it depends on, and the store keeps it.

    Words (counts) -> vocabulary ─┐
    Rows (corpus as words) ───────┼─> Init -> StageOne -> StageTwo (a student) -> WordScores
    teacher ──────────────────────┘

`mixvocab.pipeline` fills them in from a profile; nothing else of a profile reaches them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoModelForMaskedLM, PreTrainedTokenizerFast

from mixvocab.common.errors import UserError
from mixvocab.common.store import Ref, Step, Store, aside
from mixvocab.distill import mixed_vocab
from mixvocab.distill.data import Rows, VocabularyStep
from mixvocab.models.init import (
    BERT_STD,
    EmbeddingInit,
    copied_vectors,
    nearest,
    pca_init,
    piece_frequencies,
    random_init,
    shared_pieces,
    teacher_pieces,
)
from mixvocab.models.parameters import BertShape, Spent, stage_one_flops
from mixvocab.models.pretrained import load_teacher, load_tokenizer, teacher_shape
from mixvocab.models.student import student_with
from mixvocab.settings.profiles import MixingSettings
from mixvocab.sources.teacher import TeacherSource
from mixvocab.text.masking import expected_shares
from mixvocab.text.mixing import Mixer
from mixvocab.text.wordpiece import PAD
from mixvocab.train.loop import Recipe, TrainResult, Turn, read_curve, write_curve


@dataclass(frozen=True, eq=False)
class Embeddings(EmbeddingInit):
    """Student embeddings with the affine layer that raises them, and how they came about."""

    neighbours: Tensor  # (V_s, k) the nearest teacher pieces of each student piece
    result: TrainResult | None = None  # the curves of stage I
    spent: Spent = field(default_factory=Spent)  # by stage I

    @classmethod
    def of(cls, begin: EmbeddingInit, table: Tensor) -> Embeddings:
        """An init, with its neighbours in the teacher's table (V_t, D)."""
        return cls(**vars(begin), neighbours=nearest(begin.embeddings @ begin.weight.T + begin.bias, table))

    def save(self, folder: Path) -> None:
        """As safetensors, and the curves as JSON."""
        tensors = {name: value for name, value in vars(self).items() if isinstance(value, Tensor)}
        saved = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        save_file(saved, folder / "embeddings.safetensors")
        if self.result:
            write_curve(folder / "curve.json", self.result)

    @classmethod
    def load(cls, folder: Path) -> Embeddings:
        tensors, curve = load_file(folder / "embeddings.safetensors"), folder / "curve.json"
        result = read_curve(curve) if curve.exists() else None
        return cls(tensors["embeddings"], tensors["weight"], tensors["bias"], tensors["neighbours"], result)


@dataclass(frozen=True)
class Init(Step[Embeddings]):
    """Where student embeddings begin: at random, or at the PCA of the teacher's."""

    name, room = "init", "distill"

    vocabulary: VocabularyStep
    teacher: Ref[TeacherSource]
    width: int  # the student's d
    kind: str = "random"  # or "pca"
    std: float | Init | None = None  # spread of the entries, or whose spread they get; None: BERT's, or as PCA has it
    weighting: float = 0.0  # power of a piece's frequency by which it counts in the PCA; 0: all alike
    rows: Rows | None = None  # the text in which pieces are counted; only where they are
    seed: int = 0  # of a random one; a PCA draws nothing

    def make(self, folder: Path, store: Store) -> None:
        own, table = store.get(self.vocabulary), self.table()
        std = round(float(store.get(self.std).embeddings.std()), 3) if isinstance(self.std, Init) else self.std
        if self.kind == "random":
            generator = torch.Generator().manual_seed(self.seed)
            begin = random_init(len(own), self.width, table.shape[1], generator=generator, std=std or BERT_STD)
        else:
            weights = None
            if self.rows:
                counted = self.rows.student_table(self.vocabulary, store)
                weights = piece_frequencies(store.get(self.rows), counted, len(own)) ** self.weighting
            begin = pca_init(self.copied(table, store), self.width, weights=weights, std=std)
        Embeddings.of(begin, table).save(folder)

    def table(self) -> Tensor:
        """The teacher's embeddings (V_t, D)."""
        return load_teacher(self.teacher.value.folder).get_input_embeddings().weight.detach()  # type: ignore[operator]

    def copied(self, table: Tensor, store: Store) -> Tensor:
        """The vectors (V_s, D) that student pieces have from the teacher's table (V_t, D)."""
        return copied_vectors(table, teacher_pieces(*self.tokenizers(store)))

    def tokenizers(self, store: Store) -> tuple[PreTrainedTokenizerFast, PreTrainedTokenizerFast]:
        """The student's and the teacher's."""
        return store.get(self.vocabulary).tokenizer(), load_tokenizer(self.teacher.value.folder)

    def load(self, folder: Path, store: Store) -> Embeddings:
        return Embeddings.load(folder)


@dataclass(frozen=True)
class StageOne(Step[Embeddings]):
    """Stage I (equation 1): the teacher reads both vocabularies; what stays are the student's embeddings."""

    name, room = "stage-one", "distill"
    resumable = together = True

    init: Init
    rows: Rows
    mixing: MixingSettings
    recipe: Recipe
    seed: int
    tied: bool = True
    shared: bool = False
    heldout_batches: int = 8
    projection: bool = False

    def make(self, folder: Path, store: Store) -> None:
        mixed, result = self.trained(store, folder / "run")
        mixed.cpu()  # training may have left it on an accelerator
        layer, table = mixed.up_projection, mixed.teacher_embeddings.weight.detach()
        neighbours = nearest(mixed.up_projected().detach(), table)
        Embeddings(mixed.student_embeddings.weight, layer.weight, layer.bias, neighbours, result).save(folder)

    def trained(self, store: Store, folder: Path) -> tuple[mixed_vocab.MixedTeacher, TrainResult]:
        """What is trained from the init, after training, and its curves; checkpoints go to `folder`."""
        teacher, init, copied = load_teacher(self.init.teacher.value.folder), store.get(self.init), None
        if self.projection:
            if self.init.kind != "pca":
                raise UserError("stage_one.projection has no PCA to begin with: set stage_one.init=pca")
            copied = self.init.copied(self.init.table(), store) - init.bias  # PCA's bias is its centre
        return mixed_vocab.stage_one(
            teacher,
            init,
            self.rows.mixer(self.init.vocabulary, self.mixing, store, mixed=True),
            self.recipe,
            seed=self.seed,
            tied=self.tied,
            shared=shared_pieces(*self.init.tokenizers(store)) if self.shared else None,
            copied=copied,
            heldout_batches=self.heldout_batches,
            folder=folder,
        )

    def load(self, folder: Path, store: Store) -> Embeddings:
        trained = Embeddings.load(folder)
        assert trained.result
        teacher = teacher_shape(self.init.teacher.value.folder)
        student = BertShape(1, self.init.width, len(trained.embeddings))  # of it the embeddings alone take part
        return replace(trained, spent=Spent.of(trained.result, self.flops(teacher, student, trained.result)))

    def flops(self, teacher: BertShape, student: BertShape, result: TrainResult) -> float:
        """Operations of the training that left `result`."""
        return stage_one_flops(
            teacher,
            student,
            result.tokens,
            self.mixing.length,
            result.steps,
            masks=expected_shares(self.mixing),
            p_sv=self.mixing.p_sv,
            frozen=[part for part, multiplier in self.recipe.multipliers.items() if multiplier == 0],
            projection=self.projection,
        )


@dataclass(frozen=True)
class Student:
    """A student after stage II: `folder` loads with plain AutoModelForMaskedLM and AutoTokenizer."""

    folder: Path
    result: TrainResult
    shape: BertShape
    spent: Spent  # by stage II

    @property
    def scores(self) -> Mapping[str, float]:
        """Held-out scores at the end: "loss" in nats a masked token, and taken apart as `StudentMLM` does."""
        return self.result.curve[-1]

    def model(self) -> Any:
        """The trained student: a BertForMaskedLM, or of its method's own kind."""
        return AutoModelForMaskedLM.from_pretrained(self.folder, local_files_only=True)


@dataclass(frozen=True)
class StudentStep(Step[Student]):
    """A step that makes a student; every method ends in one."""

    room = "distill"

    vocabulary: VocabularyStep
    rows: Rows
    mixing: MixingSettings  # of rows of student pieces alone

    heldout_batches = 8  # of 32 held-out rows, which students are scored on

    def costs(self, store: Store) -> dict[str, Spent]:
        """What the student cost, by stage: "stage one", "stage two", "teacher" (made for this student)."""
        raise NotImplementedError


@dataclass(frozen=True)
class StageTwo(StudentStep):
    """Stage II (equation 2): the student alone; without `init` it is NoKD. Systems of another loss inherit from it."""

    name = "stage-two"
    resumable = together = True

    shape: BertShape | None  # with any vocab_size: the vocabulary's is taken; None: the teacher's
    recipe: Recipe
    seed: int
    init: Step[Embeddings] | None = None
    position_spread: float = 2.0
    dropout: float = 0.0
    heldout_batches: int = 8
    matched: StageOne | None = None  # whose compute is spent on more steps, for a baseline
    label: str = aside("stage II")

    def make(self, folder: Path, store: Store) -> None:
        student, vocabulary = self.student(store), store.get(self.vocabulary)
        # Of a reader's own vocabulary [PAD] may be any piece; its row alone learns nothing from being read.
        student.config.pad_token_id = student.get_input_embeddings().padding_idx = vocabulary.id(PAD)
        recipe, length = self.recipe, self.mixing.length
        if self.matched:
            per_step = self._shape(store).masked_lm_flops(recipe.batch_size * length, length)
            recipe = replace(recipe, steps=recipe.steps + round(store.get(self.matched).spent.flops / per_step))
        mixer = self.rows.mixer(self.vocabulary, self.mixing, store, mixed=False)
        result = mixed_vocab.stage_two(
            student,
            mixer,
            recipe,
            draw=self.drawing(mixer, store),
            seed=self.seed,
            heldout_batches=self.heldout_batches,
            folder=folder / "run",
            label=self.label,
            objective=self.objective(store),
        )
        write_curve(folder / "curve.json", result)
        student.save_pretrained(folder / "student")
        vocabulary.save(folder / "student")

    def sizes(self) -> BertShape:
        """The student's, with any vocab_size; a method whose students have other ones says so here."""
        return self.shape or teacher_shape(self.rows.teacher.value.folder)

    def student(self, store: Store) -> Any:
        """The student before training; one that begins as another model is made here."""
        begin = store.get(self.init).embeddings if self.init else None
        shape = self._shape(store)
        return student_with(begin, shape, seed=self.seed, position_spread=self.position_spread, dropout=self.dropout)

    def objective(self, store: Store) -> Callable[..., mixed_vocab.StudentMLM]:
        """The loss, made from the student and the id of [MASK]."""
        return mixed_vocab.StudentMLM

    def drawing(self, mixer: Mixer, store: Store) -> Callable[[Turn], Any]:
        """What draws the rows of a turn."""
        return mixed_vocab.drawing(mixer)

    def flops(self, shape: BertShape, tokens: int, store: Store) -> float:
        """Operations of training on so many tokens."""
        return shape.masked_lm_flops(tokens, self.mixing.length)

    def costs(self, store: Store) -> dict[str, Spent]:
        first = store.get(self.init).spent if self.init else Spent()
        return ({"stage one": first} if first.flops else {}) | {"stage two": store.get(self).spent}

    def load(self, folder: Path, store: Store) -> Student:
        shape, result = self._shape(store), read_curve(folder / "curve.json")
        spent = Spent.of(result, self.flops(shape, result.tokens, store))
        return Student(folder / "student", result, shape, spent)

    def _shape(self, store: Store) -> BertShape:
        return replace(self.sizes(), vocab_size=len(store.get(self.vocabulary)))
