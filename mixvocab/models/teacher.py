"""The teacher of stage I: a pretrained BERT that also reads and predicts the student's word pieces.

Section 3.2 of the paper. At the input, a token is looked up in the embedding matrix of the vocabulary that
segmented it; student embeddings, of lower dimension, are raised to the teacher's by a trainable affine layer.
At the output, a masked token is scored by the softmax of its own vocabulary.

        teacher piece:   E_t[i]                          (D,)
        student piece:   W E_s[i] + b                    (D,)  <- (d,)

Pieces that both vocabularies have can be tied (section 6): the teacher then reads and predicts such a piece by the
raised student row, from whichever vocabulary it comes. The paper says that the two are tied and not which way. The
other way round, the student's row would be the teacher's own, and as it cannot be lowered to d dimensions the
student would learn nothing of it; this way its row is trained by the tokens of both vocabularies.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import AutoModelForMaskedLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerFast

from mixvocab.errors import UserError
from mixvocab.losses import Losses, Part
from mixvocab.models.loading import quietly


class MixedTeacher(nn.Module):
    """A pretrained encoder with two vocabularies at either end.

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
        self.transform = _head_transform(model)
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
        """`embed`, and the teacher's whole table (V_t, D) for the softmax, see `_ReadAndPass`."""
        if self.tie_shared:
            same = self.counterpart[ids.masked_fill(student, 0)]
            tied = ~student & (same >= 0)
            ids, student = torch.where(tied, same, ids), student | tied
        own, table = _ReadAndPass.apply(self.teacher_embeddings.weight, ids.masked_fill(student, 0))
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
        masked = labels != -100
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
            "teacher": _cross_entropy(own_logits, targets[~guest]),
            "student": _cross_entropy(guest_logits, targets[guest]),
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


class _ReadAndPass(torch.autograd.Function):
    """Rows of a table, and the table itself for whoever reads it next.

    A large table that is looked up and scored against gets two gradients of its size, of which the look-up's is all
    but empty, and their sum makes a third. Passed on from here, the table brings the other gradient back first and the
    rows are added to it.
    """

    @staticmethod
    def forward(ctx: Any, table: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
        """`table` (V, D) and `ids` of any shape -> (*ids, D) and (V, D)."""
        ctx.save_for_backward(ids)
        return F.embedding(ids, table), table.view_as(table)

    @staticmethod
    def backward(ctx: Any, rows: Tensor, table: Tensor) -> tuple[Tensor, None]:
        """The gradient of all rows, in the memory that the table's came in: nobody else holds it."""
        (ids,) = ctx.saved_tensors
        ids, rows = ids.flatten(), rows.flatten(0, -2).to(table.dtype)
        if table.is_cuda:  # where index_add_ adds in no fixed order
            return table.index_put_((ids,), rows, accumulate=True), None
        return table.index_add_(0, ids, rows), None


def _cross_entropy(logits: Tensor, targets: Tensor) -> Part:
    total = F.cross_entropy(logits.float(), targets, reduction="sum")
    return Part(total, torch.tensor(len(targets), device=logits.device))


def load_teacher(folder: Path, *, dropout: float = 0.0) -> PreTrainedModel:
    """Load a pretrained encoder from a folder of safetensors, with a masked-LM head in any case.

    A checkpoint that carries no head (sentence encoders such as MiniLM do not) gets one whose dense layer is the
    identity: stage I then starts from the pretrained states themselves, not from a random view of them.
    Raises `UserError` if the folder is not such a model.
    """
    try:
        with quietly():  # the missing head is expected, and reported by the chapters
            model, report = AutoModelForMaskedLM.from_pretrained(
                folder,
                local_files_only=True,
                use_safetensors=True,
                output_loading_info=True,
                hidden_dropout_prob=dropout,
                attention_probs_dropout_prob=dropout,
            )
    except (OSError, ValueError, TypeError) as error:
        first = str(error).splitlines()[0]
        raise UserError(
            f"teacher folder {folder.name} does not load ({first}): give config.json + *.safetensors"
        ) from None
    body = [key for key in report["missing_keys"] if key.startswith(model.base_model_prefix + ".")]
    if any(".layer." in key for key in body):
        raise UserError(f"teacher folder {folder.name} lacks weights of its layers ({body[0]}): it is not pretrained")
    if report["missing_keys"] - set(body):
        _identity_head(_head_transform(model))
    return model


def load_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """The tokenizer of a model folder. Raises `UserError` for one that is not of the fast kind."""
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    if not isinstance(tokenizer, PreTrainedTokenizerFast):
        raise UserError(f"{folder.name} has no tokenizer.json: save it with a fast tokenizer first")
    return tokenizer


def _head_transform(model: PreTrainedModel) -> nn.Module:
    """The part of the masked-LM head before the softmax, as a module (M, D) -> (M, D)."""
    for kind, find in _HEADS.items():
        if model.config.model_type in kind:
            return find(model)
    known = ", ".join(sorted(name for kind in _HEADS for name in kind))
    raise UserError(f"teacher type {model.config.model_type!r} has no known masked-LM head; known: {known}")


class _Chain(nn.Module):
    """Dense layer, activation, LayerNorm of heads that do not keep them in one module."""

    def __init__(self, dense: nn.Module, activation: Callable[[Tensor], Tensor], norm: nn.Module) -> None:
        super().__init__()
        self.dense, self.activation, self.LayerNorm = dense, activation, norm

    def forward(self, states: Tensor) -> Tensor:
        return self.LayerNorm(self.activation(self.dense(states)))


_HEADS: dict[tuple[str, ...], Callable[[Any], nn.Module]] = {
    ("bert",): lambda m: m.cls.predictions.transform,
    ("roberta", "xlm-roberta", "camembert"): lambda m: _Chain(m.lm_head.dense, F.gelu, m.lm_head.layer_norm),
    ("distilbert",): lambda m: _Chain(m.vocab_transform, m.activation, m.vocab_layer_norm),
}


def _identity_head(transform: nn.Module) -> None:
    with torch.no_grad():
        for name, parameter in transform.named_parameters():
            if name == "dense.weight":
                nn.init.eye_(parameter)
            else:  # both biases 0, LayerNorm's weight 1
                nn.init.constant_(parameter, float(name == "LayerNorm.weight"))
