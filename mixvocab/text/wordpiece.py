"""A WordPiece vocabulary: greedy longest-match segmentation, and the files that `transformers` reads.

Section 3.1 of the paper. A word is read from the left; at each point the longest piece of the vocabulary
that fits is taken, pieces that do not begin the word carrying the prefix `##`; a word that cannot be covered
in this way is [UNK] as a whole.
"""

from __future__ import annotations

import json
from collections.abc import Container
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenizers import AddedToken, Tokenizer, decoders, pre_tokenizers, processors
from tokenizers.models import WordPiece

from mixvocab.common.errors import UserError
from mixvocab.common.files import atomic_write, write_json
from mixvocab.text.normalise import bert_normalizer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

PAD, UNK, CLS, SEP, MASK = SPECIAL_PIECES = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
CONTINUATION = "##"

# BERT calls every word of more than 100 characters [UNK]. Ours segments far longer ones; a limit remains
# because the time of greedy matching in the `tokenizers` library grows faster than the word's length.
MAX_WORD_CHARACTERS = 1000
BERT_MAX_WORD_CHARACTERS = 100


def longest_match(word: str, pieces: Container[str], longest: int, prefix: str = "") -> list[str] | None:
    """Cover `word` from the left by the longest of `pieces` that fit; None if that gets stuck.

    `longest`: characters of the longest piece without its prefix. `prefix`: CONTINUATION if `word` is itself
    the rest of a word.
    """
    segments: list[str] = []
    start, length = 0, len(word)
    while start < length:
        for end in range(min(length, start + longest), start, -1):
            piece = prefix + word[start:end]
            if piece in pieces:
                break
        else:
            return None
        segments.append(piece)
        start, prefix = end, CONTINUATION
    return segments


@dataclass(frozen=True)
class Vocabulary:
    """Pieces in the order of their ids, immutable.

    `max_word_characters`: longer words are [UNK]. Raises UserError if a special piece is missing, or a piece
    is empty, repeated or holds a line break (`vocab.txt` has one piece a line).
    """

    pieces: tuple[str, ...]
    lowercase: bool = True
    max_word_characters: int = MAX_WORD_CHARACTERS

    def __post_init__(self) -> None:
        for index, piece in enumerate(self.pieces):
            if not piece or "\n" in piece:
                raise UserError(f"vocabulary: piece {index} is empty or holds a line break; remove it")
        if len(self._ids) != len(self.pieces):
            repeated = next(piece for i, piece in enumerate(self.pieces) if self._ids[piece] != i)
            raise UserError(f"vocabulary: the piece {repeated!r} occurs twice; keep one")
        missing = [piece for piece in SPECIAL_PIECES if piece not in self._ids]
        if missing:
            raise UserError(f"vocabulary: no {', '.join(missing)}; add the special pieces of BERT")

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {piece: i for i, piece in enumerate(self.pieces)}

    @cached_property
    def _longest(self) -> int:
        """Characters of the longest piece, prefix not counted: no match needs to be sought beyond it."""
        return max(len(piece.removeprefix(CONTINUATION)) for piece in self.pieces)

    def __len__(self) -> int:
        return len(self.pieces)

    def __contains__(self, piece: object) -> bool:
        return piece in self._ids

    def id(self, piece: str) -> int:
        """The id of a piece. Raises KeyError if it is not in the vocabulary."""
        return self._ids[piece]

    def segment(self, word: str) -> list[str]:
        """The pieces of one normalised word (see `words_of`); ["[UNK]"] if it cannot be covered."""
        if len(word) > self.max_word_characters:
            return [UNK]
        return longest_match(word, self._ids, self._longest) or [UNK]

    def backend(self) -> Tokenizer:
        """The same vocabulary as a `tokenizers` pipeline: BERT's normalisation, [CLS] A [SEP] (B [SEP])."""
        tokenizer = Tokenizer(
            WordPiece(
                dict(self._ids),
                unk_token=UNK,
                continuing_subword_prefix=CONTINUATION,
                max_input_chars_per_word=self.max_word_characters,
            )
        )
        tokenizer.normalizer = bert_normalizer(self.lowercase)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.decoder = decoders.WordPiece(prefix=CONTINUATION)
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{CLS}:0 $A:0 {SEP}:0",
            pair=f"{CLS}:0 $A:0 {SEP}:0 $B:1 {SEP}:1",
            special_tokens=[(CLS, self.id(CLS)), (SEP, self.id(SEP))],
        )
        tokenizer.add_special_tokens([AddedToken(piece, special=True, normalized=False) for piece in SPECIAL_PIECES])
        return tokenizer

    def tokenizer(self) -> PreTrainedTokenizerFast:
        """The vocabulary as a `transformers` tokenizer, equal to the saved folder's."""
        from transformers import PreTrainedTokenizerFast  # seconds to import, and not needed to segment

        return PreTrainedTokenizerFast(tokenizer_object=self.backend(), **_settings(self))

    def save(self, folder: Path | str) -> None:
        """Write `vocab.txt`, `tokenizer.json` and `tokenizer_config.json` for `AutoTokenizer`."""
        folder = Path(folder)
        with atomic_write(folder / "vocab.txt") as file:
            file.write("".join(f"{piece}\n" for piece in self.pieces))
        with atomic_write(folder / "tokenizer.json") as file:
            file.write(self.backend().to_str(pretty=True) + "\n")
        # `AutoTokenizer` reads tokenizer.json as it stands for this class; for BertTokenizer it would build
        # a tokenizer of its own from the pieces and fall back to [UNK] for words over 100 characters.
        write_json(
            folder / "tokenizer_config.json",
            {
                "tokenizer_class": "PreTrainedTokenizerFast",
                "do_lower_case": self.lowercase,
                **_settings(self),
            },
        )

    @classmethod
    def load(cls, folder: Path | str) -> Vocabulary:
        """Read a folder that `save` wrote, or any BERT folder; `vocab.txt` alone is enough.

        Without the other two files the vocabulary is taken for uncased unless a piece has a capital letter,
        and BERT's limit of 100 characters a word holds. Raises UserError if a file is missing or damaged, or
        if `tokenizer.json` and `vocab.txt` do not agree.
        """
        folder = Path(folder)
        pieces = _read_pieces(folder / "vocab.txt")
        config = _read_json(folder / "tokenizer_config.json")
        described = _read_json(folder / "tokenizer.json")
        lowercase = config.get("do_lower_case")
        limit = BERT_MAX_WORD_CHARACTERS
        if described:
            try:
                model, normalizer = described["model"], described["normalizer"]
                agrees = model["vocab"] == {piece: i for i, piece in enumerate(pieces)}
                limit = int(model["max_input_chars_per_word"])
                lowercase = bool(normalizer["lowercase"])
            except (KeyError, TypeError, ValueError) as error:
                raise UserError(f"{folder / 'tokenizer.json'}: not a BERT WordPiece tokenizer") from error
            if not agrees:
                raise UserError(f"{folder}: tokenizer.json and vocab.txt list different pieces; save them again")
        if lowercase is None:
            lowercase = all(piece in SPECIAL_PIECES or piece == piece.lower() for piece in pieces)
        try:
            return cls(pieces, bool(lowercase), limit)
        except UserError as error:
            raise UserError(f"{folder / 'vocab.txt'}: {error}") from error


def _settings(vocabulary: Vocabulary) -> dict[str, Any]:
    """What `transformers` wants to know beside the pipeline."""
    return {
        "pad_token": PAD,
        "unk_token": UNK,
        "cls_token": CLS,
        "sep_token": SEP,
        "mask_token": MASK,
        "model_max_length": 512,
        "model_input_names": ["input_ids", "token_type_ids", "attention_mask"],
        "clean_up_tokenization_spaces": False,
    }


def _read_pieces(path: Path) -> tuple[str, ...]:
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise UserError(f"{path}: cannot be read; give a folder that holds a vocab.txt") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 (byte {error.start}); save it as UTF-8") from error
    # Only line feeds separate pieces: BERT's own list holds characters that splitlines() would break at.
    return tuple(text.replace("\r\n", "\n").removesuffix("\n").split("\n"))


def _read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; empty if there is no such file."""
    if not path.exists():
        return {}
    try:
        value = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not readable as JSON; save the vocabulary again") from error
    if not isinstance(value, dict):
        raise UserError(f"{path}: not a JSON object; save the vocabulary again")
    return value
