"""Mixed-vocabulary distillation: the two stages of the paper, whole (section 3.2).

Stage I   The teacher reads sequences in which some words are cut by its own vocabulary and the others by the
          student's, and predicts masked tokens of both. What stays of it is a matrix: the student's embeddings.
Stage II  The student starts from that matrix and learns masked language modelling on its own vocabulary. The
          teacher is gone.

The baseline without a teacher (NoKD) is stage II with fresh embeddings; a student whose embeddings were copied
from the teacher by PCA, without stage I, is stage II with those.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import BertForMaskedLM, PreTrainedModel

from mixvocab.common.errors import UserError
from mixvocab.models.parameters import BertShape
from mixvocab.models.start import Start, sinusoidal_positions
from mixvocab.models.student import new_student
from mixvocab.models.teacher import ReadAndPass, head_transform
from mixvocab.text.mixing import Batch, Mixer
from mixvocab.train.loop import Recipe, TrainResult, Turn, train
from mixvocab.train.losses import IGNORED, Losses, Part, nll

HELDOUT_SEED = 2021  # every method and every seed is scored on the same held-out rows and masks
HELDOUT_ROWS = 32


# ---- 1. The mixed teacher: equation 1 ------------------------------------------------------------------------------


class MixedTeacher(nn.Module):
    """A pretrained encoder with two vocabularies at either end.

    At the input, a token is looked up in the embedding matrix of the vocabulary that segmented it; student embeddings,
    of lower dimension, are raised to the teacher's by a trainable affine layer. At the output, a masked token is scored
    by the softmax of its own vocabulary.

            teacher piece:   E_t[i]                          (D,)
            student piece:   W E_s[i] + b                    (D,)  <- (d,)

    Pieces that both vocabularies have can be tied (section 6): the teacher then reads and predicts such a piece by the
    raised student row, from whichever vocabulary it comes. The paper says that the two are tied and not which way. The
    other way round, the student's row would be the teacher's own, and as it cannot be lowered to d dimensions the
    student would learn nothing of it; this way its row is trained by the tokens of both vocabularies.

    Args:
        model: a masked language model of the BERT family (BERT, RoBERTa, DistilBERT, ...).
        student_embeddings: (V_s, d) start of the student's word embeddings, see `mixvocab.models.start`.
        affine: (weight (D, d), bias (D,)) start of the layer that raises them.
        tied: score student tokens against their own raised embeddings (default), else against a separate
            output matrix that starts from them.
        shared: (P, 2) int64 pairs (student id, teacher id) of the pieces that both vocabularies have, as from
            `mixvocab.models.start.shared_pieces`; needed by the next two.
        tie_shared: replace the teacher's row of each shared piece by the student's raised one, at the input and in
            the teacher's softmax (section 6).
        agreement: weight of the loss "agreement", 0 for none: at masked positions whose true piece is shared, the
            Kullback-Leibler divergence of the student's softmax over the shared pieces from the teacher's.
    """

    counterpart: Tensor  # (V_t,) student id that the teacher's piece is tied to, -1 for a piece of its own
    shared: Tensor  # (P, 2)

    def __init__(
        self,
        model: PreTrainedModel,
        student_embeddings: Tensor,
        affine: tuple[Tensor, Tensor],
        *,
        tied: bool = True,
        shared: Tensor | None = None,
        tie_shared: bool = False,
        agreement: float = 0.0,
    ) -> None:
        super().__init__()
        if shared is None and (tie_shared or agreement):
            raise ValueError("tie_shared and agreement need the pairs of shared pieces")
        words = model.get_input_embeddings()
        if not isinstance(words, nn.Embedding):
            raise UserError(f"teacher type {model.config.model_type!r} has no plain table of word embeddings")
        # The encoder's own (V_t, D), tied at the output. Registered first: a shared matrix goes by its first name, and
        # learning rates are set by name.
        self.teacher_embeddings = words
        self.encoder = model.base_model
        self.transform = head_transform(model)
        vocab, width = student_embeddings.shape
        self.student_embeddings = nn.Embedding(vocab, width)
        self.raise_layer = nn.Linear(width, words.embedding_dim)
        with torch.no_grad():
            self.student_embeddings.weight.copy_(student_embeddings)
            self.raise_layer.weight.copy_(affine[0])
            self.raise_layer.bias.copy_(affine[1])
        output_bias = getattr(model.get_output_embeddings(), "bias", None)
        self.teacher_bias = nn.Parameter(
            torch.zeros(words.num_embeddings) if output_bias is None else output_bias.detach().clone()
        )
        self.student_bias = nn.Parameter(torch.zeros(vocab))
        self.student_output = None if tied else nn.Parameter(self.raised().detach().clone())
        pairs = torch.zeros(0, 2, dtype=torch.int64) if shared is None else shared
        counterpart = torch.full((words.num_embeddings,), -1)
        counterpart[pairs[:, 1]] = pairs[:, 0]
        self.register_buffer("shared", pairs, persistent=False)
        self.register_buffer("counterpart", counterpart, persistent=False)
        self.tie_shared, self.agreement = tie_shared, agreement

    def raised(self) -> Tensor:
        """All student embeddings in the teacher's dimension: (V_s, D)."""
        return self.raise_layer(self.student_embeddings.weight)

    def embed(self, ids: Tensor, student: Tensor) -> Tensor:
        """Word embeddings of a mixed sequence: (B, T) ids with their vocabulary flags -> (B, T, D).

        `student` is True where the id is a student piece. Each matrix sees id 0 in the other one's places, and
        `where` keeps both the value and the gradient of that look-up out. A teacher piece that is tied is read as
        the student piece of the same text.
        """
        return self._embed(ids, student)[0]

    def _embed(self, ids: Tensor, student: Tensor) -> tuple[Tensor, Tensor]:
        """`embed`, and the teacher's whole table (V_t, D) for the softmax, see `ReadAndPass`."""
        if self.tie_shared:
            same = self.counterpart[ids.masked_fill(student, 0)]
            tied = ~student & (same >= 0)
            ids, student = torch.where(tied, same, ids), student | tied
        own, table = ReadAndPass.apply(self.teacher_embeddings.weight, ids.masked_fill(student, 0))
        guest = self.raise_layer(self.student_embeddings(ids.masked_fill(~student, 0)))
        return torch.where(student.unsqueeze(-1), guest, own), table

    def encode(self, ids: Tensor, student: Tensor, attention: Tensor | None = None) -> Tensor:
        """Last hidden states of a mixed sequence: (B, T, D)."""
        return self._encode(ids, student, attention)[0]

    def _encode(self, ids: Tensor, student: Tensor, attention: Tensor | None) -> tuple[Tensor, Tensor]:
        embedded, table = self._embed(ids, student)
        return self.encoder(inputs_embeds=embedded, attention_mask=attention).last_hidden_state, table

    def student_rows(self) -> Tensor:
        """What student pieces are scored against: (V_s, D)."""
        return self.raised() if self.student_output is None else self.student_output

    def teacher_rows(self, student_rows: Tensor, table: Tensor | None = None) -> Tensor:
        """What teacher pieces are scored against: (V_t, D), rows of tied pieces taken from `student_rows` (V_s, D).

        `table` is the teacher's own (V_t, D) as reading the sequence passed it on.
        """
        table = self.teacher_embeddings.weight if table is None else table
        if not self.tie_shared:
            return table
        return table.index_copy(0, self.shared[:, 1], student_rows[self.shared[:, 0]].to(table.dtype))

    def teacher_logits(self, states: Tensor) -> Tensor:
        """Scores of the teacher's pieces for transformed states: (M, D) -> (M, V_t)."""
        return F.linear(states, self.teacher_rows(self.student_rows()), self.teacher_bias)

    def forward(self, ids: Tensor, student: Tensor, labels: Tensor, attention: Tensor | None = None) -> Losses:
        """Equation 1: -sum over masked i of log p_v(i)(y_i), v(i) the vocabulary that segmented token i.

        All arguments are (B, T); `labels` are -100 where nothing is masked. The two sums are returned under
        "teacher" and "student"; "agreement", where asked for, is an aid beside them.
        """
        hidden, table = self._encode(ids, student, attention)
        masked = labels != IGNORED
        states, targets, guest = (
            self.transform(hidden[masked]),
            labels[masked],
            student[masked],
        )  # (M, D), (M,), (M,)
        rows = self.student_rows()
        table = self.teacher_rows(rows, table)
        own_logits = F.linear(states[~guest], table, self.teacher_bias)  # (M_t, V_t)
        guest_logits = F.linear(states[guest], rows, self.student_bias)  # (M_s, V_s)
        losses = {
            "teacher": nll(own_logits, targets[~guest]),
            "student": nll(guest_logits, targets[guest]),
        }
        if self.agreement:
            losses["agreement"] = self._disagreement(states, targets, guest, rows, table)
        return losses

    def _disagreement(self, states: Tensor, targets: Tensor, guest: Tensor, rows: Tensor, table: Tensor) -> Part:
        """KL(teacher || student) over the shared pieces, summed over the masked positions whose true piece is one.

        There both vocabularies cut the text alike, so that both softmaxes are asked the same question, whichever
        vocabulary segmented the word. The teacher's answer is a target: no gradient goes through it.
        """
        mine, theirs = self.shared[:, 0], self.shared[:, 1]
        known = torch.where(guest, torch.isin(targets, mine), torch.isin(targets, theirs))
        with torch.no_grad():
            target = F.linear(states[known], table[theirs], self.teacher_bias[theirs]).float().log_softmax(dim=1)
        answer = F.linear(states[known], rows[mine], self.student_bias[mine]).float().log_softmax(dim=1)
        total = F.kl_div(answer, target, reduction="sum", log_target=True)
        return Part(total, known.sum(), weight=self.agreement, scored=False)


# ---- 2. Stage I ----------------------------------------------------------------------------------------------------


def stage_one(
    teacher: PreTrainedModel,
    start: Start,
    mixer: Mixer,
    recipe: Recipe,
    *,
    seed: int = 0,
    tied: bool = True,
    shared: Tensor | None = None,
    tie_shared: bool = False,
    agreement: float = 0.0,
    heldout_batches: int = 8,
    folder: Path | None = None,
    on_evaluate: Callable[[MixedTeacher, int], None] | None = None,
) -> tuple[MixedTeacher, TrainResult]:
    """Stage I: train teacher and student embeddings on mixed sequences (equation 1).

    Args:
        teacher: a pretrained masked language model; it is trained in place.
        start: where the student's embeddings and the affine layer begin (`mixvocab.models.start`).
        mixer: draws sequences with both vocabularies; its p_sv is the paper's p_SV.
        recipe: `multipliers` sets learning rates by part: "encoder", "transform", "teacher_embeddings",
            "student_embeddings", "raise_layer"; 0 freezes a part. The paper trains all of them alike.
        tied: score student tokens against their own raised embeddings.
        shared, tie_shared, agreement: tie the pieces that both vocabularies have, or let the two softmaxes agree on
            them; see `MixedTeacher`.
        folder: where log and checkpoints go.
        on_evaluate: called with the model and the step after every held-out evaluation.

    Returns:
        The trained mixed teacher, whose `student_embeddings` (V_s, d) stage II takes, and the run's curves, with the
        held-out loss of each vocabulary under "teacher" and "student".
    """
    mixed = MixedTeacher(
        teacher, start.embeddings, start.affine, tied=tied, shared=shared, tie_shared=tie_shared, agreement=agreement
    )
    heldout = heldout_rows(mixer, heldout_batches)
    watch = (lambda step: on_evaluate(mixed, step)) if on_evaluate else None
    result = train(
        mixed, drawing(mixer), recipe, seed=seed, heldout=heldout, folder=folder, label="stage I", on_evaluate=watch
    )
    return mixed, result


# ---- 3. The student's loss: equation 2 -----------------------------------------------------------------------------


class StudentMLM(nn.Module):
    """The student's masked-language-model loss (equation 2), scored at masked positions only.

    With the id of [MASK], evaluation also takes the loss apart. BERT hides only eight in ten of the pieces that it
    asks for; one in ten stays as it was, and one in ten is another piece. A student that knows which piece it reads
    copies those that stayed: the mean falls by a nat without a word of context being used. What a student has read
    shows behind [MASK] alone.
    """

    def __init__(self, model: BertForMaskedLM, mask: int | None = None) -> None:
        super().__init__()
        self.model = model
        self.mask = mask

    def forward(self, ids: Tensor, labels: Tensor, attention: Tensor | None = None, **_: Tensor) -> Losses:
        """Sum of -log p(y_i) over masked positions i, as "student".

        `ids`, `labels`: (B, T) int64, labels -100 where nothing is masked; `attention`: (B, T) bool, or None
        when every position is real. The vocabulary flag of a mixed batch is not needed: all pieces are the
        student's. Evaluation adds, unscored, that sum where the student saw [MASK] ("masked"), the piece itself
        ("kept") and another one ("replaced"), and how often its best guess behind [MASK] is the piece ("right").
        """
        hidden = self.model.bert(ids, attention_mask=attention).last_hidden_state  # (B, T, H)
        asked = labels != IGNORED
        logits = self.model.cls(hidden[asked]).float()  # (M, V): the head is a third of a small model's work
        seen, true = ids[asked], labels[asked]
        losses = {"student": nll(logits, true)}
        if self.training or self.mask is None:
            return losses
        each = F.cross_entropy(logits, true, reduction="none")
        masked = seen == self.mask
        for name, where in (("masked", masked), ("kept", seen == true), ("replaced", ~masked & (seen != true))):
            losses[name] = Part(each[where].sum(), where.sum(), scored=False)
        right = (logits.argmax(dim=1) == true) & masked
        return losses | {"right": Part(right.sum(), masked.sum(), scored=False)}


# ---- 4. Stage II ---------------------------------------------------------------------------------------------------


def stage_two(
    shape: BertShape,
    mixer: Mixer,
    recipe: Recipe,
    *,
    embeddings: Tensor | None = None,
    seed: int = 0,
    position_spread: float = 2.0,
    dropout: float = 0.0,
    heldout_batches: int = 8,
    folder: Path | None = None,
    label: str = "stage II",
    objective: Callable[..., StudentMLM] = StudentMLM,
) -> tuple[BertForMaskedLM, TrainResult]:
    """Stage II: train the student on its own vocabulary (equation 2).

    Args:
        shape: the student's sizes; `shape.vocab_size` must be the student vocabulary's.
        mixer: draws sequences of student pieces alone (a mixer without a teacher's table).
        embeddings: (V_s, d) from stage I or from PCA; None for fresh ones (NoKD).
        seed: of the other weights and of the data order; two runs with one seed differ in their embeddings alone, and
            in the scale of their positions, which follows the embeddings'.
        position_spread: see `student_with`.
        objective: the loss, a module made from the student and the id of [MASK]; other systems have their own.

    Returns:
        The student and the run's curves: the held-out loss, and taken apart as `StudentMLM` says.

    Raises:
        UserError: if the embeddings do not fit the shape.
    """
    student = student_with(embeddings, shape, seed=seed, position_spread=position_spread, dropout=dropout)
    module, heldout = objective(student, mask=mixer.mask), heldout_rows(mixer, heldout_batches)
    result = train(module, drawing(mixer), recipe, seed=seed, heldout=heldout, folder=folder, label=label)
    return student, result


def student_with(
    embeddings: Tensor | None, shape: BertShape, *, seed: int, position_spread: float = 2.0, dropout: float = 0.0
) -> BertForMaskedLM:
    """An untrained student that starts from `embeddings` (V_s, d), or, given None, from fresh ones.

    Its positions begin as sinusoids with `position_spread` times the spread of its word embeddings and are learned
    from there, as the rest is; 0 leaves BERT's own normal(0, 0.02). Under one seed all other weights are the same.
    Raises `UserError` if the embeddings do not fit the shape.
    """
    student = new_student(shape, generator=torch.Generator().manual_seed(seed), dropout=dropout)
    if embeddings is not None:
        table = student.bert.embeddings.word_embeddings.weight
        if table.shape != embeddings.shape:
            raise UserError(
                f"embeddings of shape {tuple(embeddings.shape)} do not fit a student of {tuple(table.shape)}: "
                "use the vocabulary and the hidden size that they were made for"
            )
        with torch.no_grad():
            table.copy_(embeddings)
    if position_spread:
        std = position_spread * float(student.bert.embeddings.word_embeddings.weight.detach().std())
        generator = torch.Generator().manual_seed(seed)
        waves = sinusoidal_positions(shape.positions, shape.hidden, std, generator=generator)
        with torch.no_grad():
            student.bert.embeddings.position_embeddings.weight.copy_(waves)
    return student


# ---- 5. Rows, and equal compute ------------------------------------------------------------------------------------


def heldout_rows(mixer: Mixer, batches: int) -> list[Batch]:
    """The held-out batches that every method and every seed is scored on."""
    return list(mixer.heldout_batches(HELDOUT_ROWS, batches, np.random.default_rng(HELDOUT_SEED)))


def drawing(mixer: Mixer) -> Callable[[Turn], Batch]:
    """Draws the rows of a turn from random places of the mixer's text."""
    return lambda turn: mixer.batch(turn.rows, turn.rng)


def compute_matched(recipe: Recipe, shape: BertShape, spent: float, length: int) -> Recipe:
    """`recipe` with as many more steps as `spent` floating-point operations buy for this student.

    With it the baseline gets stage I's compute as well, and the question becomes whether a teacher is a better use
    of a budget than more steps.
    """
    per_step = shape.masked_lm_flops(recipe.batch_size * length, length)
    return replace(recipe, steps=recipe.steps + round(spent / per_step))
