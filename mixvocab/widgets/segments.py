"""A line of text cut by two vocabularies, word by word: what the page's JavaScript computes, in Python."""

from __future__ import annotations

import re
from typing import TypedDict

from tokenizers import Tokenizer

from mixvocab.text.wordpiece import SPECIAL_PIECES
from mixvocab.widgets.element import fallback_table

_SPECIAL = re.compile("(" + "|".join(map(re.escape, SPECIAL_PIECES)) + ")")
_SHOWN = 60  # words of a table that stands where no script runs


class Segment(TypedDict):
    """One word with its pieces by either vocabulary."""

    word: str
    teacher: list[str]
    student: list[str]


def words_of_line(text: str, tokenizer: Tokenizer) -> list[str]:
    """The words of `text` as `tokenizer` reads it; a special token that is typed, as [MASK], is one word."""
    words: list[str] = []
    for n, part in enumerate(_SPECIAL.split(text)):
        if n % 2:
            words.append(part)
        else:
            normal = tokenizer.normalizer.normalize_str(part)
            words += [word for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(normal)]
    return words


def segments_of(text: str, teacher: Tokenizer, student: Tokenizer) -> list[Segment]:
    """One entry a word, in order; the two tokenizers read text as the same words."""
    words = words_of_line(text, teacher)
    return [{"word": word, "teacher": _cut(teacher, word), "student": _cut(student, word)} for word in words]


def _cut(tokenizer: Tokenizer, word: str) -> list[str]:
    return [token.value for token in tokenizer.model.tokenize(word)]


def table_of(segments: list[Segment]) -> str:
    """Both segmentations as an HTML table, for pages without scripts and for print."""
    rows = [(cut["word"], " ".join(cut["teacher"]), " ".join(cut["student"])) for cut in segments[:_SHOWN]]
    left = len(segments) - _SHOWN
    more = f"<p>And {left:,} words more.</p>" if left > 0 else ""
    return fallback_table(("word", "teacher's pieces", "student's pieces"), rows) + more
