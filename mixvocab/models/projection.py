"""Student embeddings as a learned projection of the teacher's, with rows of their own."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ProjectedEmbedding(nn.Module):
    """An embedding matrix that learns by a linear map, which all pieces share, and by a row of each piece's own.

        E_s = C P + R,     P = P_0 + projection,     R = rows

    C (V_s, D) are the teacher's vectors of the student's pieces, centred, and P_0 the directions of their PCA. What is
    computed is E_0 + C projection + rows with E_0 = C P_0 given: both parts begin at zero, and training begins at the
    PCA init to the last bit.

    Rare pieces thus move by what frequent ones have taught the map. Rows of C have a norm of about one, so one learning
    rate moves both parts alike.

    Args:
        begin: E_0, (V_s, d).
        copied: C, (V_s, D).
    """

    begin: Tensor
    copied: Tensor

    def __init__(self, begin: Tensor, copied: Tensor) -> None:
        super().__init__()
        self.register_buffer("begin", begin.detach().clone(), persistent=False)
        self.register_buffer("copied", copied.detach().clone(), persistent=False)
        self.projection = nn.Parameter(torch.zeros(copied.shape[1], begin.shape[1]))
        self.rows = nn.Parameter(torch.zeros_like(begin))

    @property
    def weight(self) -> Tensor:
        """E_s, (V_s, d): what `nn.Embedding` has under this name."""
        return self.begin + self.copied @ self.projection + self.rows

    def forward(self, ids: Tensor) -> Tensor:
        """Look-up, ids of any shape -> (*ids, d)."""
        return F.embedding(ids, self.weight)
