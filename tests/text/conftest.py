"""Real English text from Python's own documentation, and tiny tokenizers of every family, trained on it."""

from __future__ import annotations

from collections.abc import Callable
from pydoc_data.topics import topics

import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

AWKWARD = [
    "Naïve café, ÀÉÎ; e\u0301te\u0301 İstanbul ΣΊΣΥΦΟΣ straße ǅ",
    "tab\tnew\nline\r\nand  two  spaces   , odd\u00a0space\u2003wide\u3000end ",
    "zero\u200bwidth soft\u00adhyphen con\x0btrol\x1cchars\x85here nul\x00 \ufffd",
    "中文字 日本語テスト 한국어 ไทย עברית العربية",
    "emoji 😀 family 👩‍👩‍👧‍👦 flag 🇩🇪 skin 👍🏽!",
    "[MASK] <mask> [SEP]</s> ##ing ▁ Ġ <unk>",
    "can't won't I'll 3.14 1,000,000 $5.00 x=y+z a_b-c/d http://example.org/?q=1&r=2",
    " leading space",
    "...!!!???",
    "x" * 150 + " " + "ab" * 120 + " ok",
]


@pytest.fixture(scope="session")
def prose() -> list[str]:
    """Some 400 documents, 8,000 lines of English; the last ones awkward on purpose."""
    return [paragraph for topic in sorted(topics) for paragraph in topics[topic].split("\n\n\n")] + AWKWARD


def _wrap(tokenizer: Tokenizer, names: tuple[str, ...]) -> PreTrainedTokenizerFast:
    cls, sep, pad, unk, mask = names
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, cls_token=cls, sep_token=sep, pad_token=pad, unk_token=unk, mask_token=mask
    )


def _word_piece(texts: list[str], size: int, *, lowercase: bool) -> PreTrainedTokenizerFast:
    names = ("[CLS]", "[SEP]", "[PAD]", "[UNK]", "[MASK]")
    inner = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    inner.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    inner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=size, special_tokens=list(names), show_progress=False)
    inner.train_from_iterator(texts, trainer)
    return _wrap(inner, names)


NAMES = ("<s>", "</s>", "<pad>", "<unk>", "<mask>")


def _byte_level(texts: list[str], size: int) -> PreTrainedTokenizerFast:
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=list(NAMES), initial_alphabet=alphabet, show_progress=False
    )
    inner.train_from_iterator(texts, trainer)
    return _wrap(inner, NAMES)


def _unigram(texts: list[str], size: int) -> PreTrainedTokenizerFast:
    inner = Tokenizer(models.Unigram())
    inner.normalizer = normalizers.NFKC()
    inner.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=size, special_tokens=list(NAMES), unk_token="<unk>", show_progress=False
    )
    inner.train_from_iterator(texts, trainer)
    return _wrap(inner, NAMES)


MAKERS: dict[str, Callable[[list[str]], PreTrainedTokenizerFast]] = {
    "student": lambda texts: _word_piece(texts, 400, lowercase=True),
    "uncased": lambda texts: _word_piece(texts, 2000, lowercase=True),
    "cased": lambda texts: _word_piece(texts, 2000, lowercase=False),
    "byte-level": lambda texts: _byte_level(texts, 2000),
    "unigram": lambda texts: _unigram(texts, 1000),
}


@pytest.fixture(scope="session")
def tokenizers(prose: list[str]) -> Callable[[str], PreTrainedTokenizerFast]:
    """`tokenizers(kind)`: a tokenizer of that kind, trained once a session."""
    made: dict[str, PreTrainedTokenizerFast] = {}

    def get(kind: str) -> PreTrainedTokenizerFast:
        if kind not in made:
            made[kind] = MAKERS[kind](prose[:60])
        return made[kind]

    return get
