"""Where student embeddings start before stage I: at random (the paper), or from the teacher's by PCA.

The warm start gives every student piece the teacher's embedding of the same piece, or, for the few that the
teacher lacks, the mean over the pieces into which the teacher cuts it, and keeps the d principal directions.
The affine layer then starts as the way back: raised, the student's embeddings are the best approximation of the
teacher's that d dimensions and one affine map allow.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from mixvocab.errors import UserError


@dataclass(frozen=True)
class Start:
    """Student embeddings (V_s, d) and the affine layer (weight (D, d), bias (D,)) that raises them."""

    embeddings: Tensor
    weight: Tensor
    bias: Tensor
    explained: float = 0.0  # share of the copied embeddings' variance kept by the d directions
    shared: int = 0  # student pieces that the teacher has too

    @property
    def affine(self) -> tuple[Tensor, Tensor]:
        """The affine layer's weight and bias."""
        return self.weight, self.bias


def random_start(
    vocab_size: int, width: int, teacher_width: int, *, generator: torch.Generator, std: float = 0.02
) -> Start:
    """Embeddings normal(0, std); BERT's 0.02 is the paper's choice, as far as it says.

    `std` deserves its place among the options: a start with the spread of the teacher's embeddings (0.085 for
    MiniLM in 96 dimensions) speeds up short training by itself, with nothing known about any word. A comparison
    that leaves it out credits the teacher with that.
    """
    embeddings = torch.randn(vocab_size, width, generator=generator) * std
    # The raised embeddings should have the spread of the teacher's own: 1/sqrt(d) keeps that of the small ones.
    weight = torch.randn(teacher_width, width, generator=generator) / width**0.5
    return Start(embeddings, weight, torch.zeros(teacher_width))


def pca_start(teacher_embeddings: Tensor, pieces: list[list[int]], width: int) -> Start:
    """The warm start from (V_t, D) teacher embeddings.

    `pieces` lists, for each student piece, the teacher's ids that stand for it (see `teacher_pieces`). The result
    is deterministic: each principal direction's sign makes its largest entry positive.
    """
    copied = copied_embeddings(teacher_embeddings, pieces)
    centre = copied.mean(dim=0)
    _, singular, directions = torch.linalg.svd((copied - centre).double(), full_matrices=False)
    kept = directions[:width]  # (d, D)
    kept = kept * kept.gather(1, kept.abs().argmax(dim=1, keepdim=True)).sign()
    explained = float((singular[:width] ** 2).sum() / (singular**2).sum())
    embeddings = ((copied - centre).double() @ kept.T).float()  # (V_s, d)
    shared = sum(len(ids) == 1 for ids in pieces)
    return Start(embeddings, kept.T.float().contiguous(), centre, explained, shared)


def copied_embeddings(teacher_embeddings: Tensor, pieces: list[list[int]]) -> Tensor:
    """The teacher's embedding of each student piece, the mean where several stand for it: (V_s, D)."""
    table = teacher_embeddings.detach().float()
    return torch.stack([table[ids].mean(dim=0) for ids in pieces])


def teacher_pieces(student: PreTrainedTokenizerFast, teacher: PreTrainedTokenizerFast) -> list[list[int]]:
    """For each student piece, the teacher's ids of the same text in the same place of a word.

    Special tokens go to their counterparts; a continuation piece `##x` to the teacher's continuation pieces, never
    to the word-initial ones; what the teacher cannot spell goes to its unknown token.
    """
    specials = {
        getattr(student, f"{role}_token"): getattr(teacher, f"{role}_token_id")
        for role in ("pad", "unk", "cls", "sep", "mask")
    }
    vocab = teacher.get_vocab()
    unknown = teacher.unk_token_id
    wordpiece = any(piece.startswith("##") for piece in vocab)
    result = []
    for piece in student.convert_ids_to_tokens(list(range(len(student)))):
        if specials.get(piece) is not None:
            result.append([specials[piece]])
        elif wordpiece:
            result.append(_greedy(piece, vocab) or [unknown])
        else:
            ids = teacher.encode(piece.removeprefix("##"), add_special_tokens=False)
            result.append(ids or [unknown])
    return result


def shared_pieces(student: PreTrainedTokenizerFast, teacher: PreTrainedTokenizerFast) -> Tensor:
    """The pieces that both vocabularies have: (P, 2) int64 pairs (student id, teacher id) in the student's order.

    Raises `UserError` for a teacher that marks a word's continuation otherwise than by "##": its pieces of equal
    text do not stand in equal places.
    """
    mine, theirs = student.get_vocab(), teacher.get_vocab()
    if not any(piece.startswith("##") for piece in theirs):
        raise UserError(
            "stage_one.shared and stage_one.agreement need a teacher with a WordPiece vocabulary: set them to "
            "false and 0, or choose a BERT as teacher.source"
        )
    return torch.tensor(sorted((number, theirs[piece]) for piece, number in mine.items() if piece in theirs))


def spread(start: Start) -> float:
    """Standard deviation of a start's entries to three decimals: what `stage_one.start_std: pca` stands for."""
    return round(float(start.embeddings.std()), 3)


def _greedy(piece: str, vocab: dict[str, int]) -> list[int]:
    """Longest-match-first segmentation of one piece that keeps its place in the word; [] if impossible."""
    prefix, text = ("##", piece[2:]) if piece.startswith("##") else ("", piece)
    ids = []
    while text:
        end = next((n for n in range(len(text), 0, -1) if prefix + text[:n] in vocab), 0)
        if not end:
            return []
        ids.append(vocab[prefix + text[:end]])
        prefix, text = "##", text[end:]
    return ids
