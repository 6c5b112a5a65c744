"""Vocabularies as the pages' JavaScript reads them: a tokenizer.json whose pieces are a plain list, in order of id.

The list takes half the room of the dictionary in tokenizer.json, and the browser reads the same file as Python.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mixvocab.text.wordpiece import Vocabulary

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

Pack = dict[str, Any]
"""{"name": str, "pieces": [str, ...] by id, "tokenizer": the tokenizer.json with model.vocab left out}"""


def pack(vocabulary: Vocabulary, name: str) -> Pack:
    state = json.loads(vocabulary.backend().to_str())
    del state["model"]["vocab"]
    return {"name": name, "pieces": list(vocabulary.pieces), "tokenizer": state}


def restore(packed: Pack) -> PreTrainedTokenizerFast:
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
