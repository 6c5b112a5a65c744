"""Which teacher pieces a student piece has come to lie beside: what stage I is meant to align."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def nearest(raised: Tensor, table: Tensor, k: int = 5) -> Tensor:
    """The k rows of `table` (V_t, D) of highest cosine similarity to each row of `raised` (V_s, D): (V_s, k) int32."""
    directions = F.normalize(table, dim=1)
    best = [(F.normalize(rows, dim=1) @ directions.T).topk(k, dim=1).indices for rows in raised.split(1024)]
    return torch.cat(best).to(torch.int32)


def aligned_share(neighbours: Tensor, counterparts: list[list[int]]) -> float:
    """The share of student pieces whose nearest teacher piece is the same piece, of those the teacher has.

    `neighbours`: (V_s, k) from `nearest`; `counterparts`: each piece's teacher ids, from `models.init.teacher_pieces`.
    """
    same = [int(row[0]) == ids[0] for row, ids in zip(neighbours, counterparts, strict=True) if len(ids) == 1]
    return sum(same) / max(1, len(same))
