"""One line of text as a mixed, masked sequence: what the widget shows, drawn by the library's own rules.

The sequence is the row that `mixvocab.text.mixing.Mixer` makes of a text that holds this line alone, draw for draw.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mixvocab.common.errors import UserError
from mixvocab.text.masking import IGNORED, Masking, mask_tokens
from mixvocab.text.mixing import by_word
from mixvocab.text.normalise import backend
from mixvocab.text.tables import WordTable, segment_words
from mixvocab.text.wordpiece import CLS, SEP
from mixvocab.widgets.segments import words_of_line

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


@dataclass(frozen=True)
class MixedLine:
    """A sequence of T tokens.

    words: those that fit, between [CLS] and [SEP]; word: of each token, which of them it is a piece of. student:
    whether the student's vocabulary cut it. pieces and ids: the token itself. inputs: the ids after masking. labels:
    the id to predict, `IGNORED` (-100) where nothing is. shown: the pieces of `inputs`.
    """

    words: list[str]
    word: list[int]
    student: list[bool]
    pieces: list[str]
    ids: list[int]
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
    masking: Masking | None = None,
) -> MixedLine:
    """Choose a vocabulary for each word of `text`, cut the words, mask the pieces.

    The sequence is [CLS], as many whole words as fit into `length` tokens, [SEP]. The draws of a word do not depend on
    what follows it. Raises `UserError` for `p_sv` outside [0, 1] or a `length` without room for a word.
    """
    if not 0 <= p_sv <= 1:
        raise UserError(f"p_sv = {p_sv} is not a probability; choose 0 <= p_sv <= 1, for example 0.5")
    if length < 3:
        raise UserError(f"length = {length} leaves no room for a word; choose 3 or more")
    masking, rng, room = masking or Masking(), np.random.default_rng(seed), length - 2
    words = [CLS, *words_of_line(text, backend(student))[:room], SEP]
    tables = tuple(WordTable.of(tokenizer, *segment_words(tokenizer, words)) for tokenizer in (teacher, student))
    drawn = by_word(rng, (1, length), p_sv)[0]
    drawn = np.append(drawn[: len(words) - 1], drawn[-1])

    cuts = [tables[int(by_student)].segment(np.array([n]))[:room] for n, by_student in enumerate(drawn)]
    fits = max(int(np.searchsorted(np.cumsum([len(cut) for cut in cuts[1:-1]]), room, side="right")), 1)
    kept = [0, *range(1, len(words) - 1)[:fits], len(words) - 1]
    word = np.repeat(np.arange(len(kept)), [len(cuts[n]) for n in kept])

    # One row, padded to its length as a batch's would be: masks are drawn for every place of it.
    ids, own, there = np.zeros((1, length), np.int64), np.zeros((1, length), bool), np.zeros((1, length), bool)
    tokens = len(word)
    ids[0, :tokens] = np.concatenate([cuts[n] for n in kept])
    own[0, :tokens] = drawn[kept][word]
    there[0, :tokens] = True
    inputs, labels = mask_tokens(ids, own, there, masking, (tables[0], tables[1]), rng)

    def pieces(row: np.ndarray) -> list[str]:
        backends = (backend(teacher), backend(student))
        return [str(backends[int(own[0, n])].id_to_token(int(row[0, n]))) for n in range(tokens)]

    return MixedLine(
        words=[words[n] for n in kept],
        word=word.tolist(),
        student=own[0, :tokens].tolist(),
        pieces=pieces(ids),
        ids=ids[0, :tokens].tolist(),
        inputs=inputs[0, :tokens].tolist(),
        labels=labels[0, :tokens].tolist(),
        shown=pieces(inputs),
    )
