"""From a profile, a text and a BERT to a small student: the steps that a profile asks for.

A `Plan` says what depends on what and computes nothing; a store (`mixvocab.common.store`) makes it. The chapters of the
book and `mixvocab distill` ask the same plan.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from transformers import PreTrainedTokenizerFast

from mixvocab.common.card import write_card
from mixvocab.common.errors import UserError
from mixvocab.common.files import WORK, claim, publish, write_json
from mixvocab.common.store import Ref, Step, Store, distributed, sources
from mixvocab.distill.data import GivenVocabulary, Rows, StudentVocabulary, Vocabularies, VocabularyStep, WordCounts
from mixvocab.distill.methods import find_method
from mixvocab.distill.steps import Embeddings, Init, StageOne, StageTwo, StudentStep
from mixvocab.models.parameters import BertShape
from mixvocab.models.pretrained import check_teacher, load_tokenizer
from mixvocab.settings.profiles import MixingSettings, Profile
from mixvocab.sources.corpus import Corpus, resolve_corpus
from mixvocab.sources.teacher import TeacherSource, resolve_teacher
from mixvocab.sources.wordlist import PACKAGE, WordList, has_words, resolve_words
from mixvocab.text.wordpiece import Vocabulary
from mixvocab.train.loop import Recipe, TrainResult

T = TypeVar("T")

SMALL_MEGABYTES = 4  # text that one process has read before a second one has started


@dataclass(frozen=True)
class Plan:
    """The steps that a profile asks for."""

    profile: Profile
    data_dir: Path | None = None  # the reader's data folder
    given: Vocabulary | None = None  # a vocabulary made elsewhere, instead of the profile's
    sources: dict[str, Ref[Any]] = field(default_factory=dict, repr=False, compare=False)  # for all copies of the plan

    def with_settings(self, **sections: dict[str, Any]) -> Plan:
        """The same with settings replaced: `with_settings(vocabulary={"kind": "teacher"})`."""
        changed = {name: getattr(self.profile, name).model_copy(update=part) for name, part in sections.items()}
        return replace(self, profile=self.profile.model_copy(update=changed))

    def with_teachers_pieces(self, method: str) -> Plan:
        """The same for students of the teacher's own vocabulary, which the method needs. UserError for a given one."""
        if self.given:
            raise UserError(
                f"{method} compares student and teacher piece by piece: leave out --vocab for the teacher's own, or "
                "choose --method mixed or pushed-labels, which need none in common"
            )
        return self.with_settings(vocabulary={"kind": "teacher"})

    def corpus(self, spec: str | None = None, megabytes: float | None = None) -> Ref[Corpus]:
        """The profile's raw text, or as much of the text that another specification names."""
        spec, limit = spec or self.profile.corpus.source, megabytes or self.profile.corpus.megabytes
        return self.source(
            f"corpus {spec} {limit}", lambda: resolve_corpus(spec, data_dir=self.data_dir, megabytes=limit)
        )

    @property
    def teacher(self) -> Ref[TeacherSource]:
        """The profile's pretrained model."""
        spec = self.profile.teacher.source
        return self.source(f"teacher {spec}", lambda: resolve_teacher(spec, data_dir=self.data_dir))

    @property
    def teacher_tokenizer(self) -> PreTrainedTokenizerFast:
        """The teacher's own tokenizer."""
        return load_tokenizer(self.teacher.value.folder)

    def counts(self) -> WordCounts:
        """The words that the vocabulary is learned from."""
        return WordCounts(self.words(), self._processes)

    def words(self) -> Ref[Corpus | WordList]:
        """Where they are counted: what settings name, else the corpus; general English where that is installed text.

        Asked for alike in both cases: records of real text know nothing of what is done without any.
        """
        source, limit = self.profile.vocabulary.source, self.profile.vocabulary.megabytes
        if source and source.partition(":")[0] == PACKAGE:
            return self.source(f"words {source} {limit}", lambda: resolve_words(source, megabytes=limit))
        text: Ref[Any] = self.corpus(source, limit)
        if source or self.profile.corpus.source not in ("auto", "embedded"):
            return text

        def find() -> Corpus | WordList:
            narrow = text.value.source.origin == "embedded"
            return resolve_words(megabytes=limit) if narrow and has_words() else text.value

        return self.sources.setdefault(f"words {text.asked}", Ref(text.asked, find))

    def vocabularies(self, sizes: tuple[int, ...]) -> Vocabularies:
        """Learned vocabularies of these sizes."""
        return Vocabularies(self.counts(), tuple(sorted(sizes)))

    def vocabulary(self) -> VocabularyStep:
        """The student's: learned, of the profile's size, or what the profile's kind makes of the teacher's."""
        if self.given:
            return GivenVocabulary(self.given.pieces, self.given.lowercase, self.given.max_word_characters)
        settings = self.profile.vocabulary
        learned = None if settings.kind == "teacher" else self.vocabularies((settings.size,))
        return StudentVocabulary(learned, None if settings.kind == "learned" else self.teacher)

    def rows(self, spec: str | None = None) -> Rows:
        """The corpus, or the text of another specification, as numbered words."""
        return Rows(self.corpus(spec), self.teacher, self.profile.corpus.heldout, self._lowercase, self._processes)

    @property
    def student_mixing(self) -> MixingSettings:
        """The settings by which rows of student pieces alone are made; the others are stage I's."""
        usual = MixingSettings()
        return self.profile.mixing.model_copy(
            update={name: getattr(usual, name) for name in ("p_sv", "unit", "max_teacher_masks")}
        )

    def init(self, seed: int, **changes: Any) -> Init:
        """Where student embeddings begin; `changes` replaces fields of the profile's `stage_one`."""
        settings = self.profile.stage_one.model_copy(update=changes)
        pca = settings.init == "pca"
        weighting = settings.weighting if pca else 0.0
        std: float | Init | None = None
        if settings.init_std != "pca":
            std = settings.init_std
        elif weighting or not pca:  # plain PCA has its own spread
            std = self.init(0, init="pca", weighting=0.0, init_std=None)
        return Init(
            self.vocabulary(),
            self.teacher,
            self.profile.student.hidden,
            kind=settings.init,
            std=std,
            weighting=weighting,
            rows=self.rows(settings.corpus) if weighting else None,
            seed=0 if pca else seed,
        )

    def stage_one(self, seed: int, **changes: Any) -> StageOne | Init:
        """Stage I with the profile's settings, or, at 0 steps, its init alone; `changes` as for `init`."""
        settings = self.profile.stage_one.model_copy(update=changes)
        init = self.init(seed, **changes)
        if not settings.steps:
            return init
        return StageOne(
            init,
            self.rows(settings.corpus),
            self.profile.mixing,
            Recipe(**settings.recipe()),
            seed,
            tied=settings.tied,
            shared=settings.shared,
            heldout_batches=settings.heldout_batches,
            projection=settings.projection,
        )

    def stage_two(self, seed: int, init: Step[Embeddings] | None, **changes: Any) -> StageTwo:
        """Stage II from `init`; None: fresh embeddings (NoKD). `changes` replaces fields of the step."""
        settings = self.profile.stage_two
        step = StageTwo(
            self.vocabulary(),
            self.rows(),
            self.student_mixing,
            self.shape(),
            Recipe(**settings.recipe()),
            seed,
            init,
            settings.position_spread,
            settings.dropout,
            settings.heldout_batches,
        )
        return replace(step, **changes)

    def shape(self, pieces: int = 0) -> BertShape:
        """The student's sizes, with a vocabulary of so many pieces."""
        student = self.profile.student
        return BertShape(student.layers, student.hidden, pieces, student.heads, student.intermediate)

    @property
    def _lowercase(self) -> bool | None:
        """Whether the student's vocabulary reads text without capitals; None: as the teacher's does."""
        if self.given:
            return self.given.lowercase
        return None if self.profile.vocabulary.kind == "teacher" else True

    @property
    def _processes(self) -> int:
        megabytes = self.profile.corpus.megabytes
        return 1 if megabytes and megabytes <= SMALL_MEGABYTES else os.cpu_count() or 1

    def source(self, asked: str, find: Callable[[], T]) -> Ref[T]:
        """A source that is looked for once, when it is needed, for all copies of the plan."""
        return self.sources.setdefault(asked, Ref(asked, find))


def distill(plan: Plan, out: Path, *, method: str = "mixed", seed: int = 0) -> Path:
    """Compress the plan's teacher to a student of the profile's shape by the method of that name; returns `out`.

    Half-way results lie in `.work` below the folder `out`, so a run that was killed goes on where it was; the student's
    files appear when all is done: config.json, model.safetensors, tokenizer, the card README.md, and distillation.json,
    which says what it was made from and how its held-out loss went. Under `accelerate launch` every process trains, and
    the first one prepares vocabulary and text for all.

    Raises UserError for unusable input, and if `out` holds something else.
    """
    state = distributed()
    step = find_method(method).student(plan, seed)
    check_teacher(plan.teacher.value.folder, plan.profile.mixing.length)
    profile = plan.profile.model_dump(mode="json", exclude={"corpus": {"source"}, "teacher": {"source"}})  # no paths
    settings = {
        "profile": profile,
        "corpus": plan.corpus().value.source.as_record(),
        "teacher": plan.teacher.value.source.as_record(),
        "method": method,
        "vocabulary": plan.vocabulary().identity,
        "seed": seed,
    }
    if state.is_main_process:
        claim(out, settings)
    state.wait_for_everyone()
    store = Store(out / WORK)
    student = store.get(step)
    state.wait_for_everyone()  # publishing clears away what the others may still be reading
    if state.is_main_process:
        first = store.get(step.init).result if isinstance(step, StageTwo) and step.init else None
        record = settings | {"stage_one": first and asdict(first), "stage_two": asdict(student.result)}
        write_json(student.folder / "distillation.json", record)
        _write_card(student.folder, plan, step, settings, student.result)
        publish(student.folder, out)
    state.wait_for_everyone()
    return out


def _write_card(folder: Path, plan: Plan, step: StudentStep, settings: dict[str, Any], result: TrainResult) -> None:
    """The student's model card."""
    shape = plan.shape()
    about = (
        f"A masked language model of {shape.layers} layers and {shape.hidden} units, distilled from "
        f"{settings['teacher']['name']} by the method {settings['method']} with seed {settings['seed']}."
    )
    scores = {"tokens read in training": f"{result.tokens:,}"}
    if result.curve:
        scores["held-out loss, nats a masked or kept piece"] = f"{result.curve[-1]['loss']:.3f}"
    use = "from transformers import AutoModelForMaskedLM, AutoTokenizer\n\n"
    use += 'model = AutoModelForMaskedLM.from_pretrained("this folder")\n'
    use += 'tokenizer = AutoTokenizer.from_pretrained("this folder")'
    read = [source.as_record() for source in sources(step)]
    write_card(folder, "A small BERT", about, sources=read, scores=scores, use=use)
