"""BERT's own reading of raw text: normalisation, then words.

A *word* in this project is what BERT's pre-tokenizer makes of normalised text: a run of characters
between white space and punctuation, each punctuation mark a word of its own, each CJK character too.
WordPiece segments words and never looks across them, which is what lets a sequence mix two vocabularies
word by word (section 3.2 of the paper).
"""

from __future__ import annotations

from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer


def bert_normalizer(lowercase: bool = True) -> BertNormalizer:
    """Clean control characters, space out CJK, and (uncased) lower-case and strip accents."""
    return BertNormalizer(clean_text=True, handle_chinese_chars=True, strip_accents=None, lowercase=lowercase)


def words_of(text: str, lowercase: bool = True) -> list[str]:
    """The words of `text`, in order, after BERT's normalisation."""
    normal = bert_normalizer(lowercase).normalize_str(text)
    return [word for word, _ in BertPreTokenizer().pre_tokenize_str(normal)]
