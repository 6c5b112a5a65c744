"""The first steps: the student's vocabulary from counted words, and a text as rows of words to draw sequences from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mixvocab.common.files import write_json
from mixvocab.common.store import Ref, Step, Store, aside
from mixvocab.models.pretrained import load_tokenizer
from mixvocab.settings.profiles import MixingSettings
from mixvocab.sources.corpus import Corpus
from mixvocab.sources.teacher import TeacherSource
from mixvocab.sources.wordlist import WordList
from mixvocab.text.learner import learn_vocabularies
from mixvocab.text.mixing import Mixer
from mixvocab.text.reading import count_listed, count_words
from mixvocab.text.wordpiece import SPECIAL_PIECES, Vocabulary
from mixvocab.text.words import WordStore, WordTable


@dataclass(frozen=True)
class WordCounts(Step[Mapping[str, int]]):
    """Every distinct word of a text, or of a list of words, with how often it occurs."""

    name, room = "word-counts", "text"

    text: Ref[Corpus | WordList]
    processes: int = aside(1)

    def make(self, folder: Path, store: Store) -> None:
        text = self.text.value
        if isinstance(text, WordList):
            counts = count_listed(text.counted())
        else:
            counts = count_words(text.documents(), processes=self.processes)
        write_json(folder / "counts.json", counts)

    def load(self, folder: Path, store: Store) -> Mapping[str, int]:
        return json.loads((folder / "counts.json").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Vocabularies(Step[dict[int, Vocabulary]]):
    """Vocabularies of several sizes from one run of merges, which is what takes the time."""

    name, room = "vocabularies", "text"

    counts: WordCounts
    sizes: tuple[int, ...]

    def make(self, folder: Path, store: Store) -> None:
        for size, learned in learn_vocabularies(store.get(self.counts), sorted(self.sizes)).items():
            learned.save(folder / str(size))

    def load(self, folder: Path, store: Store) -> dict[int, Vocabulary]:
        return {size: Vocabulary.load(folder / str(size)) for size in self.sizes}


@dataclass(frozen=True)
class StudentVocabulary(Step[Vocabulary]):
    """The student's vocabulary: learned, the teacher's own, or what of the learned one the teacher has too."""

    name, room = "vocabulary", "text"

    learned: Vocabularies | None  # of one size
    teacher: Ref[TeacherSource] | None

    def make(self, folder: Path, store: Store) -> None:
        if self.learned:
            (chosen,) = store.get(self.learned).values()
            if self.teacher:
                chosen = chosen.shared_with(load_tokenizer(self.teacher.value.folder))
        else:
            assert self.teacher
            chosen = Vocabulary.of(load_tokenizer(self.teacher.value.folder))
        chosen.save(folder / "vocabulary")

    def load(self, folder: Path, store: Store) -> Vocabulary:
        return Vocabulary.load(folder / "vocabulary")


@dataclass(frozen=True)
class GivenVocabulary(Step[Vocabulary]):
    """A vocabulary that was made elsewhere, known by its pieces."""

    name, room = "given-vocabulary", "text"

    pieces: tuple[str, ...]
    lowercase: bool
    max_word_characters: int = Vocabulary.max_word_characters

    def make(self, folder: Path, store: Store) -> None:
        Vocabulary(self.pieces, self.lowercase, self.max_word_characters).save(folder / "vocabulary")

    def load(self, folder: Path, store: Store) -> Vocabulary:
        return Vocabulary.load(folder / "vocabulary")


VocabularyStep = StudentVocabulary | GivenVocabulary


@dataclass(frozen=True)
class Rows(Step[WordStore]):
    """A text as numbered words, train and held-out: what sequences are drawn from."""

    name, room = "word-store", "text"

    text: Ref[Corpus]
    teacher: Ref[TeacherSource]  # decides what a word is where it reads otherwise than BERT
    heldout: float  # share of the words
    lowercase: bool | None = True  # as the student's vocabulary reads; None: as the teacher's does
    processes: int = aside(1)

    def make(self, folder: Path, store: Store) -> None:
        teacher = load_tokenizer(self.teacher.value.folder)
        reader = teacher if self.lowercase is None else Vocabulary(SPECIAL_PIECES, self.lowercase).tokenizer()
        WordStore.build(
            self.text.value.documents(),
            folder / "store",
            reader,
            teacher=teacher,
            heldout=self.heldout,
            processes=self.processes,
        )

    def load(self, folder: Path, store: Store) -> WordStore:
        return WordStore.open(folder / "store")

    def student_table(self, vocabulary: VocabularyStep, store: Store) -> WordTable:
        """How the student's vocabulary cuts the words."""
        words, own = store.get(self), store.get(vocabulary)
        return store.once(f"table {self.key} {vocabulary.key}", lambda: words.table(own.tokenizer()))

    def teacher_table(self, store: Store) -> WordTable:
        """The same for the teacher's."""
        words = store.get(self)
        return store.once(f"table {self.key}", lambda: words.table(load_tokenizer(self.teacher.value.folder)))

    def mixer(self, vocabulary: VocabularyStep, mixing: MixingSettings, store: Store, *, mixed: bool) -> Mixer:
        """Draws mixed sequences (stage I), or sequences of student pieces alone (stage II)."""
        return Mixer(
            store.get(self),
            self.student_table(vocabulary, store),
            self.teacher_table(store) if mixed else None,
            mixing,
        )
