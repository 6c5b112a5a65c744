"""BERT's own reading of raw text: normalisation, then words.

A *word* in this project is what BERT's pre-tokenizer makes of normalised text: a run of characters
between white space and punctuation, each punctuation mark a word of its own, each CJK character too.
WordPiece segments words and never looks across them, which is what lets a sequence mix two vocabularies
word by word (section 3.2 of the paper).
"""

from __future__ import annotations

from functools import cache

from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

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
