"""What a model makes of sentences, each of their words hidden in turn: where it looks from there, and its guesses.

All of it is told by words, so that models of two vocabularies compare: a hidden word has a [MASK] for each of its
pieces, it attends as these do on average, and another word is attended to as all of its pieces together are.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import PreTrainedTokenizerFast

from mixvocab.common.files import write_json
from mixvocab.common.store import Step, Store
from mixvocab.distill.steps import Student, StudentStep
from mixvocab.distill.teacher_head import Teacher, TeacherHead
from mixvocab.distill.word_states import keep_attention
from mixvocab.evaluate.word_scores import WordBatch, word_scores
from mixvocab.models.pretrained import load_tokenizer, masked_logits
from mixvocab.text.masking import IGNORED
from mixvocab.text.reading import words_of

GUESSES = 5  # pieces for each [MASK]
MOST_HEADS = 144  # of all layers together, as BERT-base has; of more, a layer's mean alone: pages carry them


@dataclass(frozen=True)
class Looks(Step[list[dict[str, Any]]]):
    """`looks` at each of the sentences."""

    name, room = "looks", "distill"

    model: TeacherHead | StudentStep
    sentences: tuple[str, ...]

    def make(self, folder: Path, store: Store) -> None:
        made: Teacher | Student = store.get(self.model)  # type: ignore[misc]
        if isinstance(self.model, TeacherHead):
            tokenizer = load_tokenizer(self.model.rows.teacher.value.folder)
        else:
            tokenizer = store.get(self.model.vocabulary).tokenizer()
        model = made.model().eval()
        write_json(folder / "looks.json", [looks(model, tokenizer, sentence) for sentence in self.sentences])

    def load(self, folder: Path, store: Store) -> list[dict[str, Any]]:
        return json.loads((folder / "looks.json").read_text(encoding="utf-8"))


@torch.no_grad()
def looks(model: Any, tokenizer: PreTrainedTokenizerFast, sentence: str) -> dict[str, Any]:
    """What the model makes of the n words of a sentence, as JSON.

    pieces: of each word. layers, heads: of the model; 1 head where only the mean is kept. attention: base64 of uint8
    (n, layers, heads, n + 2), from each word, hidden, to [CLS], the words and [SEP], kept as by `keep_attention`.
    guesses: of each word's [MASK]s the best pieces, [[piece, probability], ...]. own: of each [MASK] the probability
    and the place of the piece that stood there. nats: -log p of each whole word, as `word_scores` has it.
    """
    words = words_of(sentence)
    pieces = [tokenizer.tokenize(word) for word in words]
    lengths, count = [len(cut) for cut in pieces], len(words)
    tokens = [tokenizer.cls_token, *(piece for cut in pieces for piece in cut), tokenizer.sep_token]
    ids = np.array(tokenizer.convert_tokens_to_ids(tokens))
    numbers = np.repeat(np.arange(count + 2), [1, *lengths, 1])  # of the word that each token is of, [CLS] the first
    hidden = numbers == np.arange(1, count + 1)[:, None]  # (n, T)
    place = np.where(hidden, [0, *(n for cut in pieces for n in range(len(cut))), 0], -1)
    read, labels = np.where(hidden, tokenizer.mask_token_id, ids), np.where(hidden, ids, IGNORED)
    batch = WordBatch(read, labels, np.ones_like(hidden), place)
    nats = word_scores(model, [batch])[:, 0]

    rows, asked = torch.from_numpy(read), torch.from_numpy(hidden)
    chances = masked_logits(model, rows, asked).float().softmax(dim=-1)  # (M, V)
    true = torch.from_numpy(labels[hidden])
    own = chances.gather(1, true[:, None])
    best = [tensor.tolist() for tensor in chances.topk(GUESSES)]
    told = [
        [[tokenizer.convert_ids_to_tokens(number), round(chance, 5)] for chance, number in zip(*one, strict=True)]
        for one in zip(*best, strict=True)
    ]
    stood = [[round(p, 5), n] for p, n in zip(own[:, 0].tolist(), ((chances > own).sum(1) + 1).tolist(), strict=True)]
    kept = keep_attention(from_hidden(model, rows, asked, torch.from_numpy(numbers))).numpy()
    return {
        "pieces": pieces,
        "layers": kept.shape[1],
        "heads": kept.shape[2],
        "attention": base64.b64encode(kept.tobytes()).decode("ascii"),
        "guesses": _by_word(told, lengths),
        "own": _by_word(stood, lengths),
        "nats": [round(float(value), 3) for value in nats],
    }


def from_hidden(model: Any, ids: Tensor, hidden: Tensor, numbers: Tensor) -> Tensor:
    """How the hidden word of each row attends: (B, layers, heads, words), a share of each, in fp32.

    `ids` (B, T), of which `hidden` (B, T) bool are the [MASK]s of one word; `numbers` (T,) says which word a token is
    of. The mean over the word's tokens of what they give to all of another's.
    """
    model.set_attn_implementation("eager")  # fused kernels keep no attention
    attention = torch.stack(model.base_model(ids, output_attentions=True).attentions, dim=1)  # (B, layers, heads, T, T)
    from_word = hidden.float() / hidden.sum(dim=1, keepdim=True)
    shares = torch.einsum("bt,blhtu,uw->blhw", from_word, attention.float(), F.one_hot(numbers).float())
    return shares.mean(dim=2, keepdim=True) if shares.shape[1] * shares.shape[2] > MOST_HEADS else shares


def _by_word(values: Sequence[Any], lengths: Sequence[int]) -> list[list[Any]]:
    """One value a piece, in lists of a word's."""
    left = iter(values)
    return [list(islice(left, length)) for length in lengths]
