"""Text to piece ids, logits to tags and slots, and what a model is for; on the device, too, so without torch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer
from tokenizers.processors import BertProcessing

from mixvocab.common.errors import UserError

TOKENIZER = "tokenizer.json"
TASK = "task.json"


@dataclass(frozen=True)
class Bundle:
    """What task.json in a model's folder says: `finetune` writes the first three, `export` all of it."""

    task: str
    kind: str  # "joint", "classification", "regression" or "masked"
    window: int  # tokens; exported graphs hold no positions beyond it
    pair: bool = False  # whether a graph reads token types
    labels: Sequence[str] = ()  # intents, or classes, in the order of the logits
    slots: Sequence[str] = ()  # IOB2 tags in the order of the logits
    sha256: Mapping[str, str] | None = None  # of the ONNX files

    @classmethod
    def load(cls, folder: Path) -> Bundle:
        """Raises UserError if there is no task.json, and if it is damaged."""
        try:
            content = json.loads((folder / TASK).read_text(encoding="utf-8"))
            # Older folders say more than is read: their scores.
            known = {field.name: content[field.name] for field in fields(cls) if field.name in content}
            return cls(**known | {"window": int(content["window"])})
        except (OSError, ValueError, TypeError, KeyError):
            reason = f"{folder / TASK} is missing or damaged"
            raise UserError(f"{reason}: name a folder that `mixvocab finetune` or `mixvocab export` wrote") from None


@dataclass(frozen=True)
class Encoded:
    """One example: [CLS] text [SEP], or [CLS] text [SEP] second text [SEP]."""

    ids: np.ndarray  # (T,) int64
    types: np.ndarray  # (T,) int64: 0, and 1 for the second text and its [SEP]
    first: np.ndarray  # (W,) int64: where each word's first piece lies; words beyond the window are not in it


class Encoder:
    """Cuts text by a WordPiece tokenizer and fits it into a window of `length` tokens."""

    def __init__(self, tokenizer: Tokenizer, length: int, *, masks: bool = False) -> None:
        """With `masks` a typed [MASK] is one, for models that guess; else it is text, and so is a typed [SEP].

        Raises UserError if the tokenizer lacks BERT's special pieces.
        """
        self.tokenizer = Tokenizer.from_str(tokenizer.to_str())  # ours to change
        self.tokenizer.no_padding()
        self.tokenizer.encode_special_tokens = not masks
        self.length = length
        special: dict[str, Any] = {name: tokenizer.token_to_id(name) for name in ("[CLS]", "[SEP]", "[UNK]", "[PAD]")}
        if missing := [name for name, number in special.items() if number is None]:
            raise UserError(f"the tokenizer has no piece {missing[0]}: a BERT's WordPiece tokenizer is needed")
        self.cls, self.sep, self.unk, self.pad = special.values()
        self.tokenizer.post_processor = BertProcessing(("[SEP]", self.sep), ("[CLS]", self.cls))
        self.tokenizer.enable_truncation(length)

    @classmethod
    def load(cls, folder: Path, length: int, *, masks: bool = False) -> Encoder:
        """The encoder of a model's folder. Raises UserError if there is no readable tokenizer.json in it."""
        try:
            tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
        except Exception as error:  # the library raises Exception itself
            raise UserError(f"{folder.name}/{TOKENIZER} cannot be read ({error}): name a saved model") from None
        return cls(tokenizer, length, masks=masks)

    def words(self, words: Sequence[str]) -> Encoded:
        """Cut each word alone, so that every word has a first piece; a word that leaves none is [UNK]."""
        ids, first = [self.cls], []
        for word in words:
            if len(ids) > self.length - 2:
                break
            first.append(len(ids))
            ids += self.tokenizer.encode(word, add_special_tokens=False).ids or [self.unk]
        ids = [*ids[: self.length - 1], self.sep]
        return Encoded(np.array(ids), np.zeros(len(ids), dtype=np.int64), np.array(first, dtype=np.int64))

    def word_keys_of_words(self, words: Sequence[str]) -> np.ndarray:
        """Which word each token of `words` belongs to, (T,) int64: [CLS] 0, [SEP] 1, words 3, 5, 7, ..."""
        encoded = self.words(words)
        keys = 1 + 2 * np.searchsorted(encoded.first, np.arange(len(encoded.ids)), side="right")
        keys[[0, -1]] = 0, 1
        return keys

    def texts(self, first: str, second: str | None = None) -> Encoded:
        """One text or a pair; what does not fit is cut from the end of the longer one."""
        encoding = self.tokenizer.encode(first, second)
        return Encoded(np.array(encoding.ids), np.array(encoding.type_ids), np.zeros(0, dtype=np.int64))

    def word_keys_of_texts(self, first: str, second: str | None = None) -> np.ndarray:
        """The same for `texts`, by words as BERT splits text: a second text's are 4, 6, 8, ..., its [SEP] is 2."""
        encoding = self.tokenizer.encode(first, second)
        keys, special = [], 0
        for text, word in zip(encoding.sequence_ids, encoding.word_ids, strict=True):
            if text is None or word is None:
                keys.append(special)
                special += 1
            else:
                keys.append(3 + 2 * word + text)
        return np.array(keys, dtype=np.int64)


def viterbi(logits: np.ndarray, tags: Sequence[str]) -> np.ndarray:
    """The best sequence (W,) int64 in which I-x follows only B-x or I-x, by the sum of its logits.

    `logits` (W, S) are those of words' first pieces, `tags` the S tags, "O" among them. Viterbi's algorithm (1967); a
    word's logits differ from log-probabilities by one number, so the sums, of 64 bits, need no softmax. Of equals the
    first is taken, as by argmax, whose answer this is wherever that one is IOB2. `js/demo/decoding.js` is its twin.
    """
    transitions = _transitions(tuple(tags))
    scores = np.where(np.array(tags) == "O", 0.0, -np.inf)  # as if an O stood before the first word
    steps: list[np.ndarray] = []  # for every word, the best tag before each of its tags
    for word in logits:
        candidates = scores[:, None] + transitions
        steps.append(candidates.argmax(axis=0))
        scores = candidates.max(axis=0) + word
    path = [scores.argmax()]
    for before in reversed(steps):
        path.append(before[path[-1]])
    path.pop()  # the O that was imagined before the first word
    return np.array(path[::-1], dtype=np.int64)


@cache
def _transitions(tags: tuple[str, ...]) -> np.ndarray:
    """0 where a tag may stand after another (S before, S after), minus infinity where it may not."""
    legal = [[not tag.startswith("I-") or before in (f"B-{tag[2:]}", tag) for tag in tags] for before in tags]
    return np.where(legal, 0.0, -np.inf)


@dataclass(frozen=True)
class Slot:
    """A filled slot; `start` and `end` count words, the end is not included."""

    name: str
    text: str
    start: int
    end: int


def spans(tags: Sequence[str], words: Sequence[str]) -> tuple[Slot, ...]:
    """Slots of IOB2 tags; an I- that continues nothing begins a slot of its own."""
    slots: list[Slot] = []
    for i, tag in enumerate(tags):
        mark, _, name = tag.partition("-")
        if mark == "I" and slots and slots[-1].end == i and slots[-1].name == name:
            start = slots.pop().start
            slots.append(Slot(name, " ".join(words[start : i + 1]), start, i + 1))
        elif mark in ("B", "I"):
            slots.append(Slot(name, words[i], i, i + 1))
    return tuple(slots)
