"""Vocabularies as the pages' JavaScript reads them: a tokenizer.json whose pieces are a plain list, in order of id.

The list takes half the room of the dictionary in tokenizer.json, and the browser reads the same file as Python.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tokenizers import Tokenizer

from mixvocab.common.errors import UserError
from mixvocab.text.normalise import reads_like_bert
from mixvocab.text.wordpiece import CONTINUATION, Vocabulary

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

Pack = dict[str, Any]
"""{"name": str, "pieces": [str, ...] by id, "tokenizer": the tokenizer.json with model.vocab left out}"""


def pack(tokenizer: PreTrainedTokenizerFast | Tokenizer | Vocabulary, name: str) -> Pack:
    """One vocabulary for the pages. Truncation and padding are left out: a page shows whole texts.

    Raises `UserError` for a vocabulary that is no WordPiece with ##, or whose ids have gaps.
    """
    if isinstance(tokenizer, Vocabulary):
        tokenizer = tokenizer.backend()
    state = json.loads((tokenizer if isinstance(tokenizer, Tokenizer) else tokenizer.backend_tokenizer).to_str())
    model = state["model"]
    if model.get("type") != "WordPiece" or model["continuing_subword_prefix"] != CONTINUATION:
        raise UserError(f"vocabulary {name!r} is no WordPiece with {CONTINUATION}: pages show WordPiece alone")
    ids = model.pop("vocab")
    pieces = sorted(ids, key=ids.__getitem__)
    if [ids[piece] for piece in pieces] != list(range(len(pieces))):
        raise UserError(f"vocabulary {name!r} leaves ids out: number its pieces from 0 without gaps")
    return {"name": name, "pieces": pieces, "tokenizer": {**state, "truncation": None, "padding": None}}


def unpack(packed: Pack) -> Tokenizer:
    """The `tokenizers` pipeline that `pack` was given, less truncation and padding."""
    state = packed["tokenizer"]
    model = {**state["model"], "vocab": {piece: number for number, piece in enumerate(packed["pieces"])}}
    return Tokenizer.from_str(json.dumps({**state, "model": model}))


def restore(packed: Pack) -> PreTrainedTokenizerFast:
    """The same as a `transformers` tokenizer, of a vocabulary that reads text as BERT does."""
    state = packed["tokenizer"]
    longest = state["model"]["max_input_chars_per_word"]
    return Vocabulary(tuple(packed["pieces"]), state["normalizer"]["lowercase"], longest).tokenizer()


def _special_pieces(packed: Pack) -> set[str]:
    """What is one piece wherever it stands in a text, as [MASK] is."""
    return {token["content"] for token in packed["tokenizer"]["added_tokens"]}


def published(
    teacher: PreTrainedTokenizerFast, students: Mapping[int, Vocabulary], *, default: int, about: str
) -> dict[str, Any]:
    """The teacher's vocabulary and the students' by size: what chapters publish as "vocabularies".

    default: the size that is shown first. about: one line on the text that they were learned from. Raises `UserError`
    for a `default` that is not among the sizes, and for a teacher that reads text as other words than the students.
    """
    if default not in students:
        raise UserError(f"no vocabulary of {default:,} pieces among {', '.join(map(str, students))}")
    if not all(reads_like_bert(teacher, student.lowercase) for student in students.values()):
        raise UserError("the teacher's tokenizer splits text otherwise than BERT: pages compare vocabularies by word")
    sizes = sorted(students)
    packs = {str(size): pack(students[size], f"student {size}") for size in sizes}
    teacher_pack = pack(teacher, "teacher")
    if any(_special_pieces(teacher_pack) != _special_pieces(packed) for packed in packs.values()):
        raise UserError("the teacher's special tokens are not BERT's five: pages compare vocabularies word by word")
    return {
        "teacher": teacher_pack,
        "students": packs,
        "default": str(default),
        "sizes": [str(size) for size in sizes],
        "about": about,
    }
