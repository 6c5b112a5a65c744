"""A teacher's labels for a student of another vocabulary: its distribution, pushed forward to the student's pieces.

Every teacher piece goes to one student piece, the longest that it begins with, so that a distribution over the one
vocabulary is one over the other: probabilities of teacher pieces that begin alike are added. What the teacher says of a
word is thereby a target for the word's first piece in the student's cut, and nothing is said of further ones.

The teacher reads the student's row in its own cut, and what the student is asked it may not see: every word of which a
piece is to be predicted is a single [MASK] to it. So its answers are for words that are one piece to it, as most are,
and of longer words for the beginning.

Soft targets are Hinton et al. 2015's; the push-forward, which needs no counterpart of whole words, is ours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import BertForMaskedLM, PreTrainedModel

from mixvocab.common.store import Store
from mixvocab.distill.methods import method
from mixvocab.distill.mixed_vocab import StudentMLM
from mixvocab.distill.teacher_head import teacher_head
from mixvocab.distill.vanilla import LabelDistillation, Labelled, label_settings
from mixvocab.models.parameters import BertShape
from mixvocab.models.pretrained import load_tokenizer, masked_logits
from mixvocab.text.masking import KEPT, REPLACED, expected_shares
from mixvocab.text.mixing import Batch, Mixer
from mixvocab.text.wordpiece import CONTINUATION, UNK, Vocabulary
from mixvocab.text.words import UNUSED
from mixvocab.train.loop import Turn
from mixvocab.train.losses import IGNORED, Losses, Part

if TYPE_CHECKING:
    from mixvocab.pipeline import Plan


# ---- 1. From the teacher's pieces to the student's -------------------------------------------------------------------


def push_forward_map(teacher: Vocabulary, student: Vocabulary) -> Tensor:
    """The student piece of every teacher piece, (V_t,) int64: the longest that it begins with, in its place in a word.

    Special pieces have their counterparts; what nothing fits, and BERT's unused pieces, go to the unknown piece.
    """
    own = {piece: number for number, piece in enumerate(student.pieces)}

    def counterpart(piece: str) -> int:
        shortest = len(CONTINUATION) + 1 if piece.startswith(CONTINUATION) else 1
        ends = () if UNUSED.fullmatch(piece) else range(len(piece), shortest - 1, -1)
        return next((own[piece[:end]] for end in ends if piece[:end] in own), own[UNK])

    return torch.tensor([counterpart(piece) for piece in teacher.pieces])


def push_forward(distribution: Tensor, counterparts: Tensor, pieces: int) -> Tensor:
    """Probabilities (M, V_t) as probabilities (M, `pieces`): those of all pieces with one counterpart are added."""
    sums = distribution.new_zeros(pieces, len(distribution))
    return sums.index_put_((counterparts,), distribution.T, accumulate=True).T  # on a GPU index_add_ has no fixed order


# ---- 2. The same words for both --------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class PushedRows(Batch):
    """Rows of a student, (B, T), and the same words in the teacher's cut, (B, U)."""

    labelled: np.ndarray  # bool: the student's [MASK]s that the teacher labels, the first pieces of their words
    read: np.ndarray  # what the teacher reads
    read_attention: np.ndarray
    answers: np.ndarray  # bool: the teacher's [MASK]s for the words of `labelled`, in the same order


def draw_rows(reader: Mixer, mixer: Mixer, turn: Turn) -> PushedRows:
    """The rows that stage II draws, and what the teacher reads of them; `reader` cuts for it and masks nothing."""
    starts = mixer.starts(turn.rows, turn.rng)
    batch, places = mixer.rows_at(starts, turn.rng)
    whole, at = reader.rows_at(starts, np.random.default_rng(0))  # nothing is drawn
    both = np.minimum(places.max(axis=1), at.max(axis=1))[:, None]  # the last word that both rows hold
    labelled = (batch.ids == mixer.mask) & (batch.labels != IGNORED) & _begins(places) & (places <= both)
    hidden, asked = (_of_words(where, places, at) for where in (batch.labels != IGNORED, labelled))
    # A hidden word's first piece becomes [MASK] and its further ones fall out; so does what the student's row lacks.
    kept = whole.attention & (at <= both) & (_begins(at) | ~hidden)
    order = np.argsort(~kept, axis=1, kind="stable")[:, : kept.sum(axis=1).max()]
    parts = np.where(hidden, reader.mask, whole.ids), kept, asked & _begins(at)
    read, attention, answers = (np.take_along_axis(part, order, axis=1) for part in parts)
    return PushedRows(**vars(batch), labelled=labelled, read=read, read_attention=attention, answers=answers)


def _begins(places: np.ndarray) -> np.ndarray:
    """Which tokens begin a word, (B, T) bool, of the places of their words."""
    return (places >= 0) & (np.diff(places, axis=1, prepend=-1) != 0)


def _of_words(where: np.ndarray, places: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Which tokens of a row, whose words' places are `at`, are of a word that `where` marks a token of at `places`."""
    words = np.zeros((len(at), max(places.max(), at.max()) + 2), bool)  # at -1, the place of no word, nothing is marked
    row, column = np.nonzero(where)
    words[row, places[row, column]] = True
    return np.take_along_axis(words, at, axis=1)


# ---- 3. The loss -----------------------------------------------------------------------------------------------------


class PushedLabelDistillation(LabelDistillation):
    """The student's masked-language-model loss, with a share of it against the teacher's pushed-forward distribution.

    With the student's softmax p and the teacher's q, both at temperature T, and q' the push-forward of q, a masked
    position that the teacher labels costs

        (1 - weight) * -log p(y)  +  weight * T^2 * -sum_v q'_T(v) log p_T(v)

    and any other -log p(y). The sum of -log p(y) over all is reported as "student"; held-out evaluation is stage II's.
    """

    counterparts: Tensor  # (V_t,), from `push_forward_map`

    def __init__(self, student: BertForMaskedLM, teacher: PreTrainedModel, counterparts: Tensor, **more: Any) -> None:
        super().__init__(student, teacher, **more)
        self.register_buffer("counterparts", counterparts, persistent=False)

    def forward(self, ids: Tensor, labels: Tensor, attention: Tensor | None = None, **pushed: Tensor) -> Losses:
        """The two losses, summed over masked positions; training takes all fields of `PushedRows`."""
        if not self.training or not self.weight:
            return super().forward(ids, labels, attention)
        masked, (teacher,) = labels != IGNORED, self._teacher
        logits = masked_logits(self.model, ids, masked, attention).float()  # (M, V_s)
        with torch.no_grad():
            teacher.to(ids.device)
            answers = masked_logits(teacher, pushed["read"], pushed["answers"], pushed["read_attention"]).float()
            target = push_forward((answers / self.temperature).softmax(dim=1), self.counterparts, logits.shape[1])
        labelled = pushed["labelled"][masked]
        truth = F.cross_entropy(logits, labels[masked], reduction="none")
        follow = F.cross_entropy(logits[labelled] / self.temperature, target, reduction="none")
        second = truth.masked_scatter(labelled, self.temperature**2 * follow)  # where nothing is said the truth stands
        return {
            "student": Part(truth.sum(), masked.sum(), weight=1 - self.weight),
            "labels": Part(second.sum(), masked.sum(), weight=self.weight, scored=False),
        }


# ---- 4. The method ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PushedLabels(Labelled):
    """Stage II with the labels of a teacher of another vocabulary."""

    name = "pushed-labels"

    def objective(self, store: Store) -> Callable[..., StudentMLM]:
        pieces = Vocabulary.of(load_tokenizer(self.rows.teacher.value.folder))
        return partial(
            PushedLabelDistillation,
            teacher=store.get(self.teacher).model(),
            counterparts=push_forward_map(pieces, store.get(self.vocabulary)),
            weight=self.kd_weight,
            temperature=self.kd_temperature,
        )

    def drawing(self, mixer: Mixer, store: Store) -> Callable[[Turn], Any]:
        unmasked = self.mixing.model_copy(update={"mask_rate": 0.0})
        return partial(draw_rows, Mixer(store.get(self.rows), self.rows.teacher_table(store), None, unmasked), mixer)

    def flops(self, shape: BertShape, tokens: int, store: Store) -> float:
        """Stage II's, and the teacher's forward pass over the same words in its cut, with a softmax at its answers."""
        counts, length = store.get(self.rows).counts, self.mixing.length
        own, other = self.rows.student_table(self.vocabulary, store), self.rows.teacher_table(store)
        words = tokens * float(counts.sum() / (counts @ own.lengths))
        read = min(words * float(counts @ other.lengths / counts.sum()), tokens)  # no longer rows than the student's
        answers = words * expected_shares(self.mixing)[1] * (1 - REPLACED - KEPT)
        labels = store.get(self.teacher).shape.masked_lm_flops(read, length, answers / read) / 3
        return shape.masked_lm_flops(tokens, length) + labels


@method("pushed-labels", "PCA, labels pushed forward")
def pushed_labels(plan: Plan, seed: int) -> PushedLabels:
    """The PCA start, and the teacher's distribution over its own pieces as a second target."""
    step = plan.stage_two(seed, plan.init(seed, init="pca"))
    return PushedLabels(**vars(step), teacher=teacher_head(plan), **label_settings(plan))
