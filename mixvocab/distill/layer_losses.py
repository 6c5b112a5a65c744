"""What TinyBERT minimises (Jiao, Yin, Shang, Jiang, Chen, Li, Wang and Liu 2020, equations 7 to 10).

A student's layers follow a teacher's, by attention, states and embeddings; then its predictions do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mixvocab.common.errors import UserError
from mixvocab.models.init import BERT_STD
from mixvocab.models.pretrained import attention_scores
from mixvocab.train.losses import Losses, Part, state_loss


def attention_loss(student: Tensor, teacher: Tensor, real: Tensor) -> Tensor:
    """Equation 7: squared error of scores before the softmax (B, A, T, T), mean over heads, summed over real pairs.

    `real` (B, T) bool: a pair is one if both of its tokens are. Where student and teacher have other numbers of heads,
    no head has a counterpart, and their means are compared.
    """
    if student.shape[1] != teacher.shape[1]:
        student, teacher = (scores.mean(dim=1, keepdim=True) for scores in (student, teacher))
    return ((student - teacher).square().mean(dim=1) * (real[:, :, None] & real[:, None])).sum()


def prediction_loss(student: Tensor, teacher: Tensor, temperature: float = 1.0) -> Tensor:
    """Equation 10: cross-entropy of softmaxes at a temperature, of logits (B, C), summed over rows."""
    return F.cross_entropy(student / temperature, (teacher / temperature).softmax(dim=1), reduction="sum")


def layer_losses(
    student: Any,
    teacher: Any,
    own: Sequence[Tensor],
    theirs: Sequence[Tensor],
    real: Tensor,
    *,
    layers: Sequence[int],
    raising: Sequence[Tensor],
    positions: Tensor,
) -> Losses:
    """Equations 7 to 9, each a mean, as "embeddings", "states" and "attention":

        mean over tokens of |E W_e - E'|^2 / D
        sum over layers m of the mean over tokens of |H_m W_h - H'_g(m)|^2 / D
        sum over layers m of the mean over heads and pairs of tokens of (A_m - A'_g(m))^2

    E, H_m and A_m are the student's embeddings as its first layer reads them, a layer's states and its scores before
    the softmax; with a dash the teacher's.

    Args:
        own, theirs: hidden states of student (B, T, d) and teacher (B, T, D); entry 0 are the embeddings, entry n what
            layer n makes.
        real: (B, T) bool, the tokens that count.
        layers: g(1), ..., g(M), counted from 1.
        raising: W_e and W_h, each (D, d).
        positions: what training divides all sums by; weights make of these sums means over tokens and pairs.
    """
    raising_embeddings, raising_states = raising
    embeddings = state_loss(F.linear(own[0], raising_embeddings).float(), theirs[0].float(), real)
    states, scores = torch.zeros(2, device=real.device)
    for m, n in enumerate(layers):
        with torch.no_grad():
            wanted = attention_scores(teacher, n - 1, theirs[n - 1])
        raised = F.linear(own[m + 1], raising_states).float()
        states = states + state_loss(raised, theirs[n].float(), real)
        scores = scores + attention_loss(attention_scores(student, m, own[m]), wanted, real)
    tokens, pairs = real.sum(), real.sum(dim=1).square().sum()
    return {
        "embeddings": Part(embeddings, tokens, weight=positions / tokens, scored=False),
        "states": Part(states, tokens, weight=positions / tokens, scored=False),
        "attention": Part(scores, pairs, weight=positions / pairs, scored=False),
    }


def real_tokens(ids: Tensor, attention: Tensor | None) -> Tensor:
    """(B, T) bool: all tokens where no mask is given."""
    return torch.ones_like(ids, dtype=torch.bool) if attention is None else attention.bool()


def raising_matrices(own: Any, other: Any, seed: int) -> Iterator[nn.Parameter]:
    """W_e and W_h (D, d), normal(0, 0.02), by the configurations of student and teacher."""
    draw = torch.Generator().manual_seed(seed)
    for _ in range(2):
        yield nn.Parameter(BERT_STD * torch.randn(other.hidden_size, own.hidden_size, generator=draw))


def even_layers(own: int, other: int) -> tuple[int, ...]:
    """g(1), ..., g(M) = N for M = `own` layers of the student and N = `other` of the teacher."""
    return tuple(-(-m * other // own) for m in range(1, own + 1))


def require_counterparts(own: Any, other: Any, layers: Sequence[int]) -> None:
    """Raises UserError unless pieces, heads and layers have one to follow, by the models' configurations."""
    if own.vocab_size != other.vocab_size:
        raise UserError(
            f"tinybert: student of {own.vocab_size:,} pieces, teacher of {other.vocab_size:,}: they must be the "
            "same; mixed and pushed-labels need not"
        )
    if own.num_attention_heads != other.num_attention_heads:
        raise UserError(
            f"tinybert: student of {own.num_attention_heads} heads, teacher of {other.num_attention_heads}: they must "
            "be as many; make it by mixvocab distill --method tinybert"
        )
    if len(layers) != own.num_hidden_layers or not all(1 <= n <= other.num_hidden_layers for n in layers):
        raise UserError(
            f"tinybert: {own.num_hidden_layers} layers cannot follow {tuple(layers)} of {other.num_hidden_layers}: "
            "name one of the teacher's, counted from 1, for each"
        )
