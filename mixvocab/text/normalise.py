"""BERT's own reading of raw text, normalisation and then words; and which tokenizers read so.

A *word* in this project is what BERT's pre-tokenizer makes of normalised text: a run of characters
between white space and punctuation, each punctuation mark a word of its own, each CJK character too.
WordPiece segments words and never looks across them, which is what lets a sequence mix two vocabularies
word by word (section 3.2 of the paper).
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

from tokenizers import Tokenizer
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

from mixvocab.common.errors import UserError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

_PRE_TOKENIZER = BertPreTokenizer()


@cache
def bert_normalizer(lowercase: bool = True) -> BertNormalizer:
    """Clean control characters, space out CJK, and (uncased) lower-case and strip accents."""
    return BertNormalizer(clean_text=True, handle_chinese_chars=True, strip_accents=None, lowercase=lowercase)


def words_of(text: str, lowercase: bool = True) -> list[str]:
    """The words of `text`, in order, after BERT's normalisation."""
    if text.isascii() and text.isalnum():  # one word as it stands, as most of what stands between spaces is
        return [text.lower() if lowercase else text]
    normal = bert_normalizer(lowercase).normalize_str(text)
    return [word for word, _ in _PRE_TOKENIZER.pre_tokenize_str(normal)]


def backend(tokenizer: PreTrainedTokenizerFast | Tokenizer) -> Tokenizer:
    """The Rust tokenizer inside a fast tokenizer, or the Rust tokenizer itself."""
    return tokenizer if isinstance(tokenizer, Tokenizer) else tokenizer.backend_tokenizer


def reads_like_bert(tokenizer: PreTrainedTokenizerFast | Tokenizer, lowercase: bool = True) -> bool:
    """Whether `tokenizer` splits every text into the same words as `words_of(text, lowercase)`."""
    state = json.loads(backend(tokenizer).to_str())
    normal, pre = state["normalizer"] or {}, state["pre_tokenizer"] or {}
    return (
        pre.get("type") == "BertPreTokenizer"
        and normal.get("type") == "BertNormalizer"
        and normal["clean_text"]
        and normal["handle_chinese_chars"]
        and normal["lowercase"] == lowercase
        and normal["strip_accents"] in (None, lowercase)
        and all(token["special"] for token in state["added_tokens"])
    )


def lowercases(tokenizer: PreTrainedTokenizerFast | Tokenizer) -> bool:
    """Whether `tokenizer` reads as uncased BERT does, else as cased BERT. Raises `UserError` if it reads as neither."""
    for lowercase in (True, False):
        if reads_like_bert(tokenizer, lowercase):
            return lowercase
    raise UserError(
        f"tokenizer {getattr(tokenizer, 'name_or_path', '')!r} cuts text in another way than BERT, and a student reads "
        "as BERT does: choose vocabulary.kind learned"
    )


def stripped(tokenizer: PreTrainedTokenizerFast, *drop: str) -> Tokenizer:
    """A private copy of the Rust tokenizer without the named parts, that treats '[MASK]' in text as text."""
    state: dict[str, Any] = json.loads(backend(tokenizer).to_str())
    for part in ("post_processor", "truncation", "padding", *drop):
        state[part] = [] if part == "added_tokens" else None
    copy = Tokenizer.from_str(json.dumps(state))
    copy.encode_special_tokens = True
    return copy
