"""Mixed-vocabulary distillation: the two stages of the paper, whole (section 3.2).

Stage I   The teacher reads sequences in which some words are cut by its own vocabulary and the others by the
          student's, and predicts masked tokens of both. What stays of it is a matrix: the student's embeddings.
Stage II  The student starts from that matrix and learns masked language modelling on its own vocabulary. The
          teacher is gone.

Without a teacher (NoKD) stage II begins with fresh embeddings; with a copy of the teacher's, with their PCA.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PreTrainedModel

from mixvocab.common.errors import UserError
from mixvocab.models.init import EmbeddingInit
from mixvocab.models.pretrained import ReadAndPass, head_transform
from mixvocab.models.projection import ProjectedEmbedding
from mixvocab.text.mixing import Batch, Mixer
from mixvocab.train.loop import Recipe, TrainResult, Turn, train
from mixvocab.train.losses import IGNORED, Losses, Part, nll

HELDOUT_SEED = 2021  # every method and every seed is scored on the same held-out rows and masks
HELDOUT_ROWS = 32


# ---- 1. The mixed teacher: equation 1 ------------------------------------------------------------------------------


class MixedTeacher(nn.Module):
    """A pretrained encoder with two vocabularies at either end.

    At the input, a token is looked up in the embedding matrix of the vocabulary that segmented it; student embeddings,
    of lower dimension, pass a trainable affine layer, the up-projection. At the output, a masked token is scored by the
    softmax of its own vocabulary.

            teacher piece:   E_t[i]                          (D,)
            student piece:   W E_s[i] + b                    (D,)  <- (d,)

    Pieces that both vocabularies have can be tied (section 6): the teacher then reads and predicts such a piece by the
    student's up-projected row, which the tokens of both vocabularies then train. (The paper does not say which way the
    two are tied. The other way round the student, which cannot lower D dimensions to d, would learn nothing of it.)

    Args:
        model: a masked language model of the BERT family (BERT, RoBERTa, DistilBERT, ...).
        init: what the student's embeddings and the up-projection begin with.
        tied: score student tokens against their own up-projected embeddings (default), else against a separate
            output matrix that begins as a copy of them.
        masks: ids of [MASK] in the teacher's and the student's vocabulary; with them evaluation takes the losses apart.
        shared: (P, 2) int64 pairs (student id, teacher id) of the pieces to tie, as from
            `mixvocab.models.init.shared_pieces`; None ties none.
        copied: (V_s, D) the teacher's vectors of the student's pieces, centred, to learn a projection of; None: learn
            rows alone.
    """

    counterpart: Tensor  # (V_t,) student id that the teacher's piece is tied to, -1 for a piece of its own

    def __init__(
        self,
        model: PreTrainedModel,
        init: EmbeddingInit,
        *,
        tied: bool = True,
        shared: Tensor | None = None,
        masks: tuple[int, int] | None = None,
        copied: Tensor | None = None,
    ) -> None:
        super().__init__()
        words = model.get_input_embeddings()
        if not isinstance(words, nn.Embedding):
            raise UserError(f"teacher type {model.config.model_type!r} has no plain table of word embeddings")
        # The encoder's own (V_t, D), tied at the output. Registered first: a shared matrix goes by its first name, and
        # learning rates are set by name.
        self.teacher_embeddings = words
        self.encoder = model.base_model
        self.transform = head_transform(model)
        vocab, width = init.embeddings.shape
        self.student_embeddings: nn.Embedding | ProjectedEmbedding = nn.Embedding(vocab, width)
        self.up_projection = nn.Linear(width, words.embedding_dim)
        with torch.no_grad():
            self.student_embeddings.weight.copy_(init.embeddings)
            self.up_projection.weight.copy_(init.weight)
            self.up_projection.bias.copy_(init.bias)
        if copied is not None:
            self.student_embeddings = ProjectedEmbedding(init.embeddings, copied)
        output_bias = getattr(model.get_output_embeddings(), "bias", None)
        self.teacher_bias = nn.Parameter(
            torch.zeros(words.num_embeddings) if output_bias is None else output_bias.detach().clone()
        )
        self.student_bias = nn.Parameter(torch.zeros(vocab))
        self.student_output = None if tied else nn.Parameter(self.up_projected().detach().clone())
        self.shared, self.masks = shared, masks
        counterpart = torch.full((words.num_embeddings,), -1)
        if shared is not None:
            counterpart[shared[:, 1]] = shared[:, 0]
        self.register_buffer("counterpart", counterpart, persistent=False)

    def up_projected(self) -> Tensor:
        """All student embeddings in the teacher's dimension: (V_s, D)."""
        return self.up_projection(self.student_embeddings.weight)

    def embed(self, ids: Tensor, is_student: Tensor) -> tuple[Tensor, Tensor]:
        """Word embeddings of a mixed sequence, (B, T) ids with their vocabulary flags -> (B, T, D); and E_t, (V_t, D).

        Each matrix sees id 0 in the other one's places, and `where` keeps both the value and the gradient of that
        look-up out. A teacher piece that is tied is read as the student piece of the same text. The teacher's whole
        table is passed on for the softmax, see `ReadAndPass`.
        """
        if self.shared is not None:
            same = self.counterpart[ids.masked_fill(is_student, 0)]
            is_tied = ~is_student & (same >= 0)
            ids, is_student = torch.where(is_tied, same, ids), is_student | is_tied
        teacher_rows, table = ReadAndPass.apply(self.teacher_embeddings.weight, ids.masked_fill(is_student, 0))
        student_rows = self.up_projection(self.student_embeddings(ids.masked_fill(~is_student, 0)))
        return torch.where(is_student.unsqueeze(-1), student_rows, teacher_rows), table

    def output_tables(self, table: Tensor) -> tuple[Tensor, Tensor]:
        """What pieces are scored against: the teacher's (V_t, D), from E_t as passed on, and the student's (V_s, D)."""
        student = self.up_projected() if self.student_output is None else self.student_output
        if self.shared is not None:
            table = table.index_copy(0, self.shared[:, 1], student[self.shared[:, 0]].to(table.dtype))
        return table, student

    def forward(self, ids: Tensor, student: Tensor, labels: Tensor, attention: Tensor | None = None) -> Losses:
        """Equation 1: -sum over masked i of log p_v(i)(y_i), v(i) the vocabulary that segmented token i.

        All arguments are (B, T); `student` is True where the id is a student piece, `labels` are -100 where nothing
        is masked. The two sums are returned under "teacher" and "student"; evaluation adds, unscored, their parts as
        `taken_apart` has them, as "teacher masked" and so on.
        """
        embedded, table = self.embed(ids, student)
        hidden = self.encoder(inputs_embeds=embedded, attention_mask=attention).last_hidden_state
        asked = labels != IGNORED
        states, seen, true, is_student = self.transform(hidden[asked]), ids[asked], labels[asked], student[asked]
        teacher_table, student_table = self.output_tables(table)
        teacher_logits = F.linear(states[~is_student], teacher_table, self.teacher_bias)  # (M_t, V_t)
        student_logits = F.linear(states[is_student], student_table, self.student_bias)  # (M_s, V_s)
        losses = {"teacher": nll(teacher_logits, true[~is_student]), "student": nll(student_logits, true[is_student])}
        if self.masks and not self.training:
            of_teacher = taken_apart(teacher_logits, seen[~is_student], true[~is_student], self.masks[0])
            of_student = taken_apart(student_logits, seen[is_student], true[is_student], self.masks[1])
            losses |= {f"teacher {name}": part for name, part in of_teacher.items()}
            losses |= {f"student {name}": part for name, part in of_student.items()}
        return losses


# ---- 2. Stage I ----------------------------------------------------------------------------------------------------


def stage_one(
    teacher: PreTrainedModel,
    init: EmbeddingInit,
    mixer: Mixer,
    recipe: Recipe,
    *,
    seed: int = 0,
    tied: bool = True,
    shared: Tensor | None = None,
    copied: Tensor | None = None,
    heldout_batches: int = 8,
    folder: Path | None = None,
) -> tuple[MixedTeacher, TrainResult]:
    """Stage I: train teacher and student embeddings on mixed sequences (equation 1).

    Args:
        teacher: a pretrained masked language model; it is trained in place.
        init: of the student's embeddings and the affine layer.
        mixer: draws sequences with both vocabularies; its p_sv is the paper's p_SV.
        recipe: `multipliers` sets learning rates by part: "encoder", "transform", "teacher_embeddings",
            "student_embeddings", "up_projection"; 0 freezes a part. The paper trains all of them alike.
        tied, shared, copied: see `MixedTeacher`.
        folder: where checkpoints go.

    Returns:
        The trained mixed teacher, whose `student_embeddings` (V_s, d) stage II takes, and the run's curves, with the
        held-out loss of each vocabulary under "teacher" and "student".
    """
    masks = mixer.teacher_mask, mixer.mask
    mixed = MixedTeacher(teacher, init, tied=tied, shared=shared, masks=masks, copied=copied)
    heldout = heldout_rows(mixer, heldout_batches)
    result = train(mixed, drawing(mixer), recipe, seed=seed, heldout=heldout, folder=folder, label="stage I")
    return mixed, result


# ---- 3. The student's loss: equation 2 -----------------------------------------------------------------------------


class StudentMLM(nn.Module):
    """The student's masked-language-model loss (equation 2), scored at masked positions only.

    With the id of [MASK], evaluation also takes the loss apart.
    """

    model: Any  # a BertForMaskedLM, or another with its head under the same name

    def __init__(self, model: PreTrainedModel, mask: int | None = None) -> None:
        super().__init__()
        self.model, self.mask = model, mask

    def forward(self, ids: Tensor, labels: Tensor, attention: Tensor | None = None, **_: Tensor) -> Losses:
        """Sum of -log p(y_i) over masked positions i, as "student".

        `ids`, `labels`: (B, T) int64, labels -100 where nothing is masked; `attention`: (B, T) bool, or None
        when every position is real. The vocabulary flag of a mixed batch is not needed: all pieces are the
        student's. Evaluation adds, unscored, the parts that `taken_apart` returns.
        """
        return self.scored(self.model.base_model(ids, attention_mask=attention).last_hidden_state, ids, labels)

    def scored(self, hidden: Tensor, ids: Tensor, labels: Tensor) -> Losses:
        """The same from the student's last hidden states (B, T, H)."""
        asked = labels != IGNORED
        logits = self.model.cls(hidden[asked]).float()  # (M, V): the head is a third of a small model's work
        seen, true = ids[asked], labels[asked]
        losses = {"student": nll(logits, true)}
        return losses if self.training or self.mask is None else losses | taken_apart(logits, seen, true, self.mask)


def taken_apart(logits: Tensor, seen: Tensor, true: Tensor, mask: int) -> Losses:
    """The loss behind [MASK] and where BERT shows a piece, (M, V) logits for (M,) pieces seen and true; unscored.

    BERT hides only eight in ten of the pieces that it asks for ("masked"); one in ten stays as it was ("kept"), and one
    in ten is another piece ("replaced"). A model that knows which piece it reads copies those that stayed: the mean
    falls by a nat without a word of context being used. What it has read shows behind [MASK] alone, as a loss and as
    the share of its best guesses that are the piece ("right").
    """
    loss, masked = F.cross_entropy(logits.float(), true, reduction="none"), seen == mask
    places = {"masked": masked, "kept": seen == true, "replaced": ~masked & (seen != true)}
    losses = {name: Part(loss[where].sum(), where.sum(), scored=False) for name, where in places.items()}
    return losses | {"right": Part(((logits.argmax(dim=1) == true) & masked).sum(), masked.sum(), scored=False)}


# ---- 4. Stage II ---------------------------------------------------------------------------------------------------


def stage_two(
    student: PreTrainedModel,
    mixer: Mixer,
    recipe: Recipe,
    *,
    seed: int = 0,
    heldout_batches: int = 8,
    folder: Path | None = None,
    label: str = "stage II",
    objective: Callable[..., StudentMLM] = StudentMLM,
    draw: Callable[[Turn], Any] | None = None,
) -> TrainResult:
    """Stage II: train the student on its own vocabulary (equation 2).

    Args:
        student: as it begins, from `mixvocab.models.student`: from embeddings of stage I or of a PCA, from fresh ones
            (NoKD), from a teacher's layers; it is trained in place.
        mixer: draws sequences of student pieces alone (a mixer without a teacher's table).
        seed: of the data order.
        objective: the loss, a module made from the student and the id of [MASK]; other systems have their own.
        draw: draws the rows of a turn, with all that the loss asks for; None: `drawing(mixer)`.

    Returns:
        The run's curves: the held-out loss, and taken apart as `StudentMLM` says.
    """
    module, heldout = objective(student, mask=mixer.mask), heldout_rows(mixer, heldout_batches)
    draw = draw or drawing(mixer)
    return train(module, draw, recipe, seed=seed, heldout=heldout, folder=folder, label=label)


def heldout_rows(mixer: Mixer, batches: int) -> list[Batch]:
    """The held-out batches that every method and every seed is scored on."""
    return list(mixer.heldout_batches(HELDOUT_ROWS, batches, np.random.default_rng(HELDOUT_SEED)))


def drawing(mixer: Mixer) -> Callable[[Turn], Batch]:
    """Draws the rows of a turn from random places of the mixer's text."""
    return lambda turn: mixer.batch(turn.rows, turn.rng)
