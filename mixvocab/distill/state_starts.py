"""Student embeddings that begin from a teacher's kept states of words (`mixvocab.distill.word_states`), in two ways.

A piece's mean state is the mean over the words that it is a part of, at all their places in the kept text.

    pca-contextual     each piece's mean state, where other starts copy the teacher's input table
    focus              the input table; what the teacher lacks is mixed from pieces of similar mean states (FOCUS)
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from mixvocab.common.errors import UserError
from mixvocab.common.store import Step, Store
from mixvocab.distill.methods import method
from mixvocab.distill.steps import Embeddings, Init, StageTwo
from mixvocab.distill.word_states import KeptStates, WordStates, word_states_of
from mixvocab.models.init import EmbeddingInit, pca_init, shared_pieces, sparsemax
from mixvocab.text.words import WordStore, WordTable, ranges

if TYPE_CHECKING:
    from mixvocab.pipeline import Plan


def piece_means(kept: KeptStates, text: WordStore, table: WordTable, pieces: int) -> tuple[Tensor, Tensor]:
    """The mean kept state of the words that each piece is a part of, (V, k), and how many these are, (V,)."""
    train, width = text.words("train"), kept.states.shape[1]
    sums, counts = torch.zeros(len(text.types), width), torch.zeros(len(text.types))
    for part in np.array_split(np.arange(len(kept.starts)), max(1, len(kept.starts) // 4096)):
        lengths = kept.offsets[part + 1] - kept.offsets[part]
        types = torch.from_numpy(train[ranges(kept.starts[part], lengths)].astype(np.int64))
        states = torch.from_numpy(kept.states[ranges(kept.offsets[part], lengths)])
        sums.index_add_(0, types, states * kept.reduction.step)
        counts.index_add_(0, types, torch.ones(len(types)))
    ids = torch.from_numpy(table.ids.astype(np.int64))
    types = torch.from_numpy(np.repeat(np.arange(len(table)), table.lengths))
    total = torch.zeros(pieces, width).index_add_(0, ids, sums[types])
    count = torch.zeros(pieces).index_add_(0, ids, counts[types])
    return total / count.clamp(min=1)[:, None], count


def means_of(init: Init, kept: WordStates, store: Store) -> tuple[Tensor, Tensor]:
    """`piece_means` of the vocabulary that `init` is for."""
    table, pieces = kept.rows.student_table(init.vocabulary, store), len(store.get(init.vocabulary))
    return piece_means(store.get(kept), store.get(kept.rows), table, pieces)


# ---- 1. States in the place of the table -----------------------------------------------------------------------------


@dataclass(frozen=True)
class ContextualInit(Step[Embeddings]):
    """Student embeddings from what the teacher makes of each piece in context, with the lengths of another init.

    A piece's vector is its mean state; of these the PCA. Pieces that no word has stay as the other init has them.
    """

    name, room = "contextual-init", "distill"

    init: Init  # plain PCA: how long the vectors are, and what the affine layer leads to
    kept: WordStates

    def make(self, folder: Path, store: Store) -> None:
        if self.kept.width < self.init.width:
            raise UserError(f"word_states.width={self.kept.width} is less than hidden={self.init.width}: raise it")
        begin, (means, counts) = store.get(self.init), means_of(self.init, self.kept, store)
        turned = pca_init(means, self.init.width, weights=counts.clamp(min=0.5)).embeddings
        turned = F.normalize(turned, dim=1) * begin.embeddings.norm(dim=1, keepdim=True)
        embeddings = torch.where(counts[:, None] > 0, turned, begin.embeddings)
        raised = begin.embeddings @ begin.weight.T + begin.bias  # where the affine layer should lead
        known = torch.cat([embeddings, torch.ones(len(embeddings), 1)], dim=1)
        # In double precision, whose last bits are what two runs of the solver differ by: rounded, they agree.
        solution = torch.linalg.lstsq(known.double(), raised.double()).solution.float()  # (d + 1, D)
        found = EmbeddingInit(embeddings, solution[:-1].T.contiguous(), solution[-1])
        Embeddings.of(found, self.init.table()).save(folder)

    def load(self, folder: Path, store: Store) -> Embeddings:
        return replace(Embeddings.load(folder), spent=store.get(self.kept).spent)


# ---- 2. States to find similar pieces by -----------------------------------------------------------------------------


@dataclass(frozen=True)
class FocusInit(Init):
    """PCA of FOCUS's embeddings (Dobler and de Melo 2023, section 2).

    Pieces that both vocabularies have are copied. Each other one begins as a convex combination of theirs: the
    sparsemax of its cosine similarities to them in an auxiliary space. FOCUS trains that space anew, as fastText
    vectors of the target text; here it is there already, as mean states, and this is what differs, besides the PCA. A
    piece that no word has stays the mean of the teacher's pieces.
    """

    name = "focus-init"

    kept: WordStates = field(kw_only=True)

    def copied(self, table: Tensor, store: Store) -> Tensor:
        vectors, (means, counts) = super().copied(table, store), means_of(self, self.kept, store)
        shared = shared_pieces(*self.tokenizers(store))[:, 0]
        lacking = counts > 0
        lacking[shared] = False
        anchors, directions = shared[counts[shared] > 0], F.normalize(means, dim=1)
        vectors[lacking] = sparsemax(directions[lacking] @ directions[anchors].T) @ vectors[anchors]
        return vectors

    def load(self, folder: Path, store: Store) -> Embeddings:
        return replace(super().load(folder, store), spent=store.get(self.kept).spent)


# ---- 3. The methods --------------------------------------------------------------------------------------------------


@method("pca-contextual", "PCA of states")
def pca_of_states(plan: Plan, seed: int) -> StageTwo:
    """Embeddings from the teacher's states of words, no stage I."""
    return plan.stage_two(seed, ContextualInit(plan.init(seed, init="pca"), word_states_of(plan)))


@method("focus", "FOCUS")
def focus(plan: Plan, seed: int) -> StageTwo:
    """The PCA start, pieces that the teacher lacks being mixed from similar ones."""
    return plan.stage_two(seed, FocusInit(**vars(plan.init(seed, init="pca")), kept=word_states_of(plan)))
