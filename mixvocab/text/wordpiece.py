"""A WordPiece vocabulary: greedy longest-match segmentation, and the files that `transformers` reads.

Section 3.1 of the paper. A word is read from the left; at each point the longest piece of the vocabulary
that fits is taken, pieces that do not begin the word carrying the prefix `##`; a word that cannot be covered
in this way is [UNK] as a whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from tokenizers import AddedToken, Tokenizer, decoders, pre_tokenizers, processors
from tokenizers.models import WordPiece

from mixvocab.common.errors import UserError
from mixvocab.common.files import atomic_write, write_json
from mixvocab.text.reading import backend, bert_normalizer, lowercases

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

PAD, UNK, CLS, SEP, MASK = SPECIAL_PIECES = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
CONTINUATION = "##"

# BERT calls every word of more than 100 characters [UNK]. Ours segments far longer ones; a limit remains
# because the time of greedy matching in the `tokenizers` library grows faster than the word's length.
MAX_WORD_CHARACTERS = 1000
BERT_MAX_WORD_CHARACTERS = 100

# What `transformers` wants to know beside the pipeline.
_SETTINGS = {f"{piece[1:-1].lower()}_token": piece for piece in SPECIAL_PIECES} | {
    "model_max_length": 512,
    "model_input_names": ["input_ids", "token_type_ids", "attention_mask"],
    "clean_up_tokenization_spaces": False,
}


@dataclass(frozen=True)
class Vocabulary:
    """Pieces in the order of their ids, immutable; words longer than `max_word_characters` are [UNK].

    Raises UserError if a special piece is missing.
    """

    pieces: tuple[str, ...]
    lowercase: bool = True
    max_word_characters: int = MAX_WORD_CHARACTERS

    def __post_init__(self) -> None:
        missing = [piece for piece in SPECIAL_PIECES if piece not in self._ids]
        if missing:
            raise UserError(f"vocabulary: no {', '.join(missing)}; add the special pieces of BERT")

    @classmethod
    def of(cls, tokenizer: PreTrainedTokenizerFast | Tokenizer) -> Vocabulary:
        """The vocabulary of a tokenizer: the same pieces under the same ids.

        Raises UserError for one that is no WordPiece, reads text in another way than BERT or leaves ids out.
        """
        model, ids = _word_piece(tokenizer), backend(tokenizer).get_vocab()
        pieces = tuple(sorted(ids, key=ids.__getitem__))
        if ids[pieces[-1]] != len(pieces) - 1:
            raise UserError("the tokenizer leaves ids out, as vocab.txt cannot: choose vocabulary.kind learned")
        return cls(pieces, lowercases(tokenizer), model.max_input_chars_per_word)

    @classmethod
    def load(cls, folder: Path | str) -> Vocabulary:
        """Read a folder that `save` wrote, or any BERT folder. Raises UserError for a folder that holds none.

        A vocab.txt alone does not say how it reads text: without capitals where none of its pieces has one.
        """
        path, alone = Path(folder) / "tokenizer.json", Path(folder) / "vocab.txt"
        if alone.is_file() and not path.is_file():
            path = alone  # which an error is to name
        try:
            text = path.read_text(encoding="utf-8-sig")
            if path != alone:
                return cls.of(Tokenizer.from_str(text))
            pieces = tuple(text.rstrip("\n").split("\n"))
            cased = any(piece != piece.lower() for piece in pieces if piece not in SPECIAL_PIECES)
            return cls(pieces, not cased, BERT_MAX_WORD_CHARACTERS)
        except Exception as error:  # the library raises nothing more special
            raise UserError(f"{path}: {error}; give a folder that `mixvocab vocab` wrote") from error

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {piece: i for i, piece in enumerate(self.pieces)}

    @cached_property
    def _model(self) -> WordPiece:
        return WordPiece(
            self._ids,
            unk_token=UNK,
            continuing_subword_prefix=CONTINUATION,
            max_input_chars_per_word=self.max_word_characters,
        )

    def __len__(self) -> int:
        return len(self.pieces)

    def id(self, piece: str) -> int:
        return self._ids[piece]

    def segment(self, word: str) -> list[str]:
        """The pieces of one normalised word (see `words_of`); ["[UNK]"] if it cannot be covered."""
        return [token.value for token in self._model.tokenize(word)]

    def shared_with(self, teacher: PreTrainedTokenizerFast) -> Vocabulary:
        """The pieces that the teacher has too (section 6; the paper's 4,928 and BERT's share 4,629).

        BERT's special pieces come first, the others in their order. Raises `UserError` for a teacher whose vocabulary
        is no WordPiece: its pieces do not mark their place in the word as these do.
        """
        _word_piece(teacher)
        known = teacher.get_vocab()
        kept = [piece for piece in self.pieces if piece in known and piece not in SPECIAL_PIECES]
        return Vocabulary((*SPECIAL_PIECES, *kept), self.lowercase, self.max_word_characters)

    def backend(self) -> Tokenizer:
        """The same vocabulary as a `tokenizers` pipeline: BERT's normalisation, [CLS] A [SEP] (B [SEP])."""
        tokenizer = Tokenizer(self._model)
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

        return PreTrainedTokenizerFast(tokenizer_object=self.backend(), **_SETTINGS)

    def save(self, folder: Path | str) -> None:
        """Write `vocab.txt`, `tokenizer.json` and `tokenizer_config.json` for `AutoTokenizer`."""
        folder = Path(folder)
        with atomic_write(folder / "vocab.txt") as file:
            file.writelines(f"{piece}\n" for piece in self.pieces)
        with atomic_write(folder / "tokenizer.json") as file:
            file.write(self.backend().to_str(pretty=True) + "\n")
        # `AutoTokenizer` reads tokenizer.json as it stands for this class; for BertTokenizer it would build
        # a tokenizer of its own from the pieces and fall back to [UNK] for words over 100 characters.
        config = {"tokenizer_class": "PreTrainedTokenizerFast", "do_lower_case": self.lowercase, **_SETTINGS}
        write_json(folder / "tokenizer_config.json", config)


def _word_piece(tokenizer: PreTrainedTokenizerFast | Tokenizer) -> WordPiece:
    model = backend(tokenizer).model
    if not isinstance(model, WordPiece) or model.continuing_subword_prefix != CONTINUATION:
        raise UserError(
            f"the tokenizer is not a WordPiece vocabulary with {CONTINUATION}, as BERT's is: give one that is, or "
            "choose vocabulary.kind learned"
        )
    return model
