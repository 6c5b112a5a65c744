"""TinyBERT's task stage between two vocabularies: a mixed-vocabulary student follows its teacher word by word.

TinyBERT (Jiao et al. 2020, equations 7 to 10, `tinybert.py`) compares what two models make of the same pieces. Here
student and teacher cut a row each in its own way, and are compared at its words, which are the same for both: a hidden
state is the mean over the pieces of a word, and so is an attention score over all pairs of pieces of two words. [CLS]
and [SEP] count as words. Where every word is one piece of both, this is TinyBERT's task stage.

The scores need no averaging of their own. Before the softmax they are a product of two linear maps of the states, so
that the mean over pairs of pieces is the score between the means.

What differs here:

* the student is any that reads as BERT does: by mixed-vocabulary training, or by a copy of the teacher's embeddings;
* only words that both windows hold are compared, and slots are where words begin in either cut;
* of other numbers of heads the means are compared, see `attention_loss`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from mixvocab.distill.methods import method, mixed
from mixvocab.distill.steps import StageTwo
from mixvocab.distill.tinybert import LAYERS_FIRST, TinyBertTask, predicted, reported
from mixvocab.train.losses import IGNORED, Losses, scored_positions

if TYPE_CHECKING:
    from mixvocab.pipeline import Plan

TEACHERS = "teacher_"  # begins the names of what the teacher reads of a batch


# ---- 1. The same words for both --------------------------------------------------------------------------------------


def shared_words(own: np.ndarray, theirs: np.ndarray) -> list[np.ndarray]:
    """Numbers 1, 2, ... of the words that both cuts of a row hold, 0 for a token of no such word: (T,) and (T',) int64.

    `own` and `theirs` say which word each token belongs to, as `word_keys` of a task's model does.
    """
    shared = np.intersect1d(own, theirs)
    return [np.where(np.isin(keys, shared), np.searchsorted(shared, keys) + 1, 0) for keys in (own, theirs)]


def at_words(states: Tensor, words: Tensor, count: int) -> Tensor:
    """Mean of hidden states (B, T, H) over the tokens of each word: (B, count, H), zero for a word that is not there.

    `words` (B, T) int64: each token's word, counted from 1 in each row; 0: none.
    """
    inside = F.one_hot(words, count + 1)[:, :, 1:].to(states.dtype)
    return inside.transpose(1, 2) @ states / inside.sum(dim=1)[:, :, None].clamp(min=1)


def at_shared(targets: dict[str, Tensor], words: Tensor) -> dict[str, Tensor]:
    """A cut's targets without the labels of tokens (B, T) whose word the other cut lacks."""
    return {
        name: target.masked_fill(words == 0, IGNORED) if target.shape == words.shape else target
        for name, target in targets.items()
    }


# ---- 2. The losses ---------------------------------------------------------------------------------------------------


class TinyBertByWords(TinyBertTask):
    """First `layer_losses` of states at words, then `prediction_loss`; both as `TinyBertTask` has and reports them."""

    def check(self, own: Any, other: Any) -> None:
        """Pieces and heads need no counterparts."""

    def examples(self, rows: Sequence[Any]) -> list[Any]:
        """Rows as the student reads them, and as the teacher does, with the words that both hold."""
        student, (teacher,) = self.student, self._teacher
        made = []
        for row, own, theirs in zip(rows, student.examples(rows), teacher.examples(rows), strict=True):
            words, their_words = shared_words(student.word_keys(row), teacher.word_keys(row))
            theirs |= {"attention": np.ones(len(their_words), dtype=bool), "words": their_words}
            made.append(own | {"words": words} | {TEACHERS + name: values for name, values in theirs.items()})
        return made

    def transferred(self, inputs: dict[str, Any], targets: dict[str, Tensor], done: float) -> Losses:
        taken = [name for name in targets if name.startswith(TEACHERS)]
        theirs = {name.removeprefix(TEACHERS): targets.pop(name) for name in taken}
        words, their_words = targets.pop("words"), theirs.pop("words")
        their_inputs = {name: theirs.pop(name) for name in ("attention", *self._teacher[0].reads)}
        read, logits = self.read(inputs)
        taught, said = self.taught(their_inputs, at_shared(theirs, their_words))
        own = reported(self.student.losses(logits, **targets))
        if done < LAYERS_FIRST:
            count = int(words.max())
            real = torch.arange(count, device=words.device) < words.amax(dim=1, keepdim=True)  # (B, count)
            mine = [at_words(states, words, count) for states in read.hidden_states]
            wanted = [at_words(states, their_words, count) for states in taught.hidden_states]
            return own | self.followed(mine, wanted, real, scored_positions(own))
        return own | predicted(self.student.asked(logits, **at_shared(targets, words)), said, scored_positions(own))


# ---- 3. The method ---------------------------------------------------------------------------------------------------


@method("mixed-tinybert", "mixed-vocab, TinyBERT's task stage by words", transfer=TinyBertByWords, by_words=True)
def mixed_tinybert(plan: Plan, seed: int) -> StageTwo:
    """The student of `mixed`, which differs from it in fine-tuning alone."""
    return mixed(plan, seed)
