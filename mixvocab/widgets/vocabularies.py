"""Two vocabularies as the pages' JavaScript reads them, and what it shows of a line of text, in Python.

A packed vocabulary is a tokenizer.json whose pieces are a plain list, in order of id: half the room of the dictionary
there, and the browser reads the same file as Python.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError
from tokenizers import Tokenizer

from mixvocab.common.errors import UserError
from mixvocab.settings.profiles import MixingSettings, explain
from mixvocab.text.masking import IGNORED
from mixvocab.text.mixing import Mixer
from mixvocab.text.reading import backend
from mixvocab.text.wordpiece import CLS, CONTINUATION, SEP, SPECIAL_PIECES, Vocabulary
from mixvocab.text.words import WordTable

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

_SPECIAL = re.compile("(" + "|".join(map(re.escape, SPECIAL_PIECES)) + ")")


def pack(vocabulary: Vocabulary, name: str) -> dict[str, Any]:
    """{"name": str, "pieces": [str, ...] by id, "tokenizer": the tokenizer.json with model.vocab left out}."""
    state = json.loads(vocabulary.backend().to_str())
    del state["model"]["vocab"]
    return {"name": name, "pieces": list(vocabulary.pieces), "tokenizer": state}


def restore(packed: Mapping[str, Any]) -> PreTrainedTokenizerFast:
    """The `transformers` tokenizer of a packed vocabulary."""
    state = packed["tokenizer"]
    longest = state["model"]["max_input_chars_per_word"]
    return Vocabulary(tuple(packed["pieces"]), state["normalizer"]["lowercase"], longest).tokenizer()


def published(
    teacher: PreTrainedTokenizerFast, students: Mapping[int, Vocabulary], *, default: int, about: str
) -> dict[str, Any]:
    """The teacher's vocabulary and the students' by size, learned from what `about` says: for pages, "vocabularies".

    The size `default` is shown first. Raises `UserError` for a teacher that is no WordPiece.
    """
    packs = {str(size): pack(students[size], f"student {size}") for size in sorted(students)}
    return {
        "teacher": pack(Vocabulary.of(teacher), "teacher"),
        "students": packs,
        "default": str(default),
        "sizes": list(packs),
        "about": about,
    }


def words_of_line(text: str, tokenizer: Tokenizer) -> list[str]:
    """The words of `text` as `tokenizer` reads it; a special token that is typed, as [MASK], is one word."""
    words: list[str] = []
    for n, part in enumerate(_SPECIAL.split(text)):
        normal = tokenizer.normalizer.normalize_str(part)
        words += [part] if n % 2 else [word for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(normal)]
    return words


def segments_of(text: str, teacher: Tokenizer, student: Tokenizer) -> list[dict[str, Any]]:
    """Of each word of the text {"word", "teacher": its pieces, "student": its pieces}; both read the same words."""

    def cut(tokenizer: Tokenizer, word: str) -> list[str]:
        return [token.value for token in tokenizer.model.tokenize(word)]

    words = words_of_line(text, teacher)
    return [{"word": word, "teacher": cut(teacher, word), "student": cut(student, word)} for word in words]


def most_telling(texts: Iterable[str], teacher: Tokenizer, student: Tokenizer) -> str:
    """The text of which the largest share of the words is cut differently; of equals the first."""

    def told(text: str) -> float:
        cuts = [cut for cut in segments_of(text, teacher, student) if cut["word"].isalnum()]
        return sum(cut["teacher"] != cut["student"] for cut in cuts) / max(1, len(cuts))

    return max(texts, key=told)


@dataclass(frozen=True)
class MixedLine:
    """A sequence of T tokens.

    words: those that fit, between [CLS] and [SEP]. student: whether the student's vocabulary cut the token. pieces: the
    tokens themselves. inputs: the ids after masking. labels: the id to predict, `IGNORED` (-100) where nothing is.
    shown: the pieces of `inputs`.
    """

    words: list[str]
    student: list[bool]
    pieces: list[str]
    inputs: list[int]
    labels: list[int]
    shown: list[str]

    def __str__(self) -> str:
        """Each token with S or T for its vocabulary; one to predict in brackets behind what stands in its place."""
        rows = zip(self.shown, self.pieces, self.labels, self.student, strict=True)
        return " ".join(
            f"{shown}{'' if label == IGNORED else f'({piece})'}/{'S' if by_student else 'T'}"
            for shown, piece, label, by_student in rows
        )


def mixed_line(
    text: str,
    teacher: PreTrainedTokenizerFast,
    student: PreTrainedTokenizerFast,
    *,
    p_sv: float = 0.5,
    seed: int = 0,
    length: int = 128,
) -> MixedLine:
    """The row that `mixvocab.text.mixing.Mixer` draws from a text that holds this line alone.

    The sequence is [CLS], as many whole words as fit into `length` tokens, [SEP]. The draws of a word do not depend on
    what follows it. Raises UserError for a probability or a length out of range.
    """
    try:
        settings = MixingSettings(p_sv=p_sv, length=length)
    except ValidationError as error:
        raise UserError(f"mixed_line: {explain(error)}") from None
    words = words_of_line(text, backend(student))[: length - 2]
    student_table, teacher_table = (WordTable.of(tokenizer, words) for tokenizer in (student, teacher))
    store: Any = SimpleNamespace(types=words, words=lambda split: np.arange(len(words)))  # a `WordStore` in memory
    mixer = Mixer(store, student_table, teacher_table, settings)
    batch = mixer.batch(1, np.random.default_rng(seed))
    here = batch.attention[0]
    inputs, labels, own = (row[0][here].tolist() for row in (batch.ids, batch.labels, batch.student))
    ids = [number if label == IGNORED else label for number, label in zip(inputs, labels, strict=True)]

    def pieces(numbers: list[int]) -> list[str]:
        tokenizers = [backend(student if by_student else teacher) for by_student in own]
        return [str(tokenizer.id_to_token(n)) for tokenizer, n in zip(tokenizers, numbers, strict=True)]

    begun = sum(not piece.startswith(CONTINUATION) for piece in pieces(ids))
    return MixedLine([CLS, *words[: begun - 2], SEP], own, pieces(ids), inputs, labels, pieces(inputs))
