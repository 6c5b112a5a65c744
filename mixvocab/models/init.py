"""The init of student embeddings before stage I: at random (the paper), or by PCA of the teacher's.

The PCA init gives every student piece the teacher's embedding of the same piece, or, for the few that the
teacher lacks, the mean over the pieces into which the teacher cuts it, which is Fast Vocabulary Transfer (Gee et al.
2022); then, as the student is narrower, it keeps the d principal directions.
The affine layer then starts as the way back to the best approximation that d dimensions and one affine map allow.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import PreTrainedTokenizerFast

from mixvocab.common.errors import UserError
from mixvocab.text.learner import longest_match
from mixvocab.text.wordpiece import CONTINUATION
from mixvocab.text.words import WordStore, WordTable

BERT_STD = 0.02  # of BERT's fresh weights


@dataclass(frozen=True, eq=False)
class EmbeddingInit:
    """Student embeddings (V_s, d) and the affine layer (weight (D, d), bias (D,)) that raises them."""

    embeddings: Tensor
    weight: Tensor
    bias: Tensor


def random_init(
    vocab_size: int, width: int, teacher_width: int, *, generator: torch.Generator, std: float = BERT_STD
) -> EmbeddingInit:
    """Embeddings normal(0, std); BERT's 0.02 is the paper's choice, as far as it says.

    The spread of the teacher's embeddings (0.085 for MiniLM in 96 dimensions) speeds up short training by itself: a
    comparison that leaves it out credits the teacher with that.
    """
    embeddings = torch.randn(vocab_size, width, generator=generator) * std
    # The raised embeddings should have the spread of the teacher's own: 1/sqrt(d) keeps that of the small ones.
    weight = torch.randn(teacher_width, width, generator=generator) / width**0.5
    return EmbeddingInit(embeddings, weight, torch.zeros(teacher_width))


def pca_init(copied: Tensor, width: int, *, weights: Tensor | None = None, std: float | None = None) -> EmbeddingInit:
    """The PCA of the teacher's vectors for the student's pieces, (V_s, D), as from `copied_vectors`.

    Plain PCA keeps what tells all pieces apart, each counted once, although a text uses a few hundred of them most
    of the time. With `weights` it keeps what tells apart the pieces that are used. The result is deterministic:
    each principal direction's sign makes its largest entry positive.

    Args:
        weights: (V_s,) how much each piece counts; None: all alike.
        std: of the entries of the embeddings, the affine layer making up for it; None: as PCA gives them.
    """
    if weights is None:
        centre = copied.mean(dim=0)
        spanning = (copied - centre).double()
    else:
        share = (weights / weights.sum()).double()
        centre = (share @ copied.double()).float()
        spanning = share.sqrt()[:, None] * (copied - centre).double()
    directions = torch.linalg.svd(spanning, full_matrices=False).Vh[:width]  # (d, D)
    directions = signed(directions)
    embeddings = (copied - centre).double() @ directions.T  # (V_s, d)
    factor = 1.0 if std is None else std / float(embeddings.std())
    return EmbeddingInit((embeddings * factor).float(), (directions.T / factor).float().contiguous(), centre)


def copied_vectors(teacher_embeddings: Tensor, pieces: list[list[int]]) -> Tensor:
    """The (V_t, D) teacher's vectors for the student's `pieces` (see `teacher_pieces`), means of several: (V_s, D)."""
    table = teacher_embeddings.detach().float()
    return torch.stack([table[ids].mean(dim=0) for ids in pieces])


def signed(directions: Tensor) -> Tensor:
    """Principal directions (d, D), whose signs are open, each with its largest entry positive."""
    return directions * directions.gather(1, directions.abs().argmax(dim=1, keepdim=True)).sign()


def sinusoidal_positions(positions: int, width: int, std: float, *, generator: torch.Generator) -> Tensor:
    """A table of position embeddings for a model to begin with: (positions, width), entries of spread `std`.

    Sinusoids (Vaswani et al. 2017, section 3.5): the product of two rows depends on their distance alone, so attention
    can tell a neighbour from a stranger from the first step on. BERT's own init, normal(0, 0.02), cannot be read beside
    word embeddings five times as wide: a student sees a bag of words until training has enlarged it. A random rotation
    spreads the sinusoids over all directions: the first axes of a PCA init are those in which words differ most.
    """
    place = torch.arange(positions, dtype=torch.float64)[:, None]
    angles = place * 10_000.0 ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)  # (positions, width / 2)
    waves = torch.cat([angles.sin(), angles.cos()], dim=1)[:, :width]
    rotation, upper = torch.linalg.qr(torch.randn(width, width, generator=generator, dtype=torch.float64))
    turned = waves @ (rotation * upper.diagonal().sign())  # the signs make the rotation uniformly distributed
    return (turned * (std / turned.square().mean().sqrt())).float()


def piece_frequencies(store: WordStore, table: WordTable, pieces: int) -> Tensor:
    """How often the training text of `store` uses each of a vocabulary's `pieces`: (V,) float64, each at least 1/2.

    `table` is the vocabulary's. The half stands for pieces that this text does not happen to use.
    """
    types = np.bincount(np.asarray(store.words("train")), minlength=len(table))  # (types,)
    used = np.bincount(table.ids, weights=np.repeat(types, table.lengths), minlength=pieces)
    return torch.from_numpy(used + 0.5)


def teacher_pieces(student: PreTrainedTokenizerFast, teacher: PreTrainedTokenizerFast) -> list[list[int]]:
    """For each student piece, the teacher's ids of the same text in the same place of a word.

    Special tokens go to their counterparts; a continuation piece `##x` to the teacher's continuation pieces, never
    to the word-initial ones; what the teacher cannot spell goes to its unknown token.
    """
    roles = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
    specials = {getattr(student, role): getattr(teacher, f"{role}_id") for role in roles}
    vocab = teacher.get_vocab()
    wordpiece = any(piece.startswith(CONTINUATION) for piece in vocab)
    result = []
    for piece in student.convert_ids_to_tokens(list(range(len(student)))):
        text = piece.removeprefix(CONTINUATION)
        if specials.get(piece) is not None:
            ids = [specials[piece]]
        elif wordpiece:
            prefix = CONTINUATION if piece.startswith(CONTINUATION) else ""
            ids = [vocab[part] for part in longest_match(text, vocab, len(text), prefix) or []]
        else:
            ids = teacher.encode(text, add_special_tokens=False)
        result.append(ids or [teacher.unk_token_id])
    return result


def shared_pieces(student: PreTrainedTokenizerFast, teacher: PreTrainedTokenizerFast) -> Tensor:
    """The pieces that both vocabularies have: (P, 2) int64 pairs (student id, teacher id) in the student's order.

    Raises `UserError` for a teacher that does not mark a word's continuation by "##": there, text tells no place.
    """
    own, other = student.get_vocab(), teacher.get_vocab()
    if not any(piece.startswith(CONTINUATION) for piece in other):
        raise UserError("pieces are shared with a WordPiece vocabulary alone: choose a BERT as teacher.source")
    return torch.tensor(sorted((number, other[piece]) for piece, number in own.items() if piece in other))


def nearest(raised: Tensor, table: Tensor, k: int = 5) -> Tensor:
    """The k rows of `table` (V_t, D) of highest cosine similarity to each row of `raised` (V_s, D): (V_s, k) int32."""
    directions = F.normalize(table, dim=1)
    best = [(F.normalize(rows, dim=1) @ directions.T).topk(k, dim=1).indices for rows in raised.split(1024)]
    return torch.cat(best).to(torch.int32)


def sparsemax(scores: Tensor) -> Tensor:
    """The distribution nearest to each row of scores (N, K), most of it zero (Martins and Astudillo 2016, alg. 1)."""
    falling = scores.sort(dim=1, descending=True).values
    excess = falling.cumsum(dim=1) - 1  # of the k largest, over the 1 that they may sum to
    support = (torch.arange(1, scores.shape[1] + 1) * falling > excess).sum(dim=1, keepdim=True)
    return (scores - excess.gather(1, support - 1) / support).clamp(min=0)


def aligned_share(neighbours: Tensor, counterparts: list[list[int]]) -> float:
    """The share of student pieces whose nearest teacher piece is the same piece, of those the teacher has.

    `neighbours`: (V_s, k) from `nearest`; `counterparts`: each piece's teacher ids, from `teacher_pieces`.
    """
    same = [int(row[0]) == ids[0] for row, ids in zip(neighbours, counterparts, strict=True) if len(ids) == 1]
    return sum(same) / max(1, len(same))
