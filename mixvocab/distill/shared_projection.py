"""Shared projections: the paper's first version, in which teacher and student are trained together.

    "Extreme Language Model Compression with Optimal Subwords and Shared Projections", Zhao, Gupta, Song & Zhou,
    arXiv:1909.11687v1 (2019)

Dual training: the teacher reads sequences in which some words are cut by the student's vocabulary, the student reads
the same words in its own pieces, and both learn masked language modelling. The student has as many layers as the
teacher, and two matrices, shared by all layers, tie its weights to the teacher's: a second loss is how far the
projected weights of the one lie from those of the other. The projections go when training ends; the student is a plain
BERT.

Of the paper's text we had the abstract alone; beyond the two losses of the projections, down and up, our choice is:

* projected are the six maps of every layer and the embeddings of the student's pieces, since these learn from the
  teacher's in no other way; not positions and token types, vectors (biases, LayerNorm), and the heads;
* the teacher reads the student's pieces at its own width, without stage I's affine layer: the projections are what
  leads from one width to the other. These rows begin as the teacher's own for the same text;
* a matrix's squared distance is divided by the squares of both sides, and matrices count alike. So 0 is equal and 1
  unrelated, whatever width and spread, and the weight epsilon, which we do not know and set to 1, is in nats;
* gradients of that loss reach both models; masks are drawn for each row on its own;
* the student learns at stage II's rate and the teacher, which is pretrained, at stage I's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import BertForMaskedLM

from mixvocab.common.errors import UserError
from mixvocab.common.store import Store
from mixvocab.distill.methods import method
from mixvocab.distill.mixed_vocab import MixedTeacher, StudentMLM
from mixvocab.distill.steps import StageTwo
from mixvocab.models.init import EmbeddingInit, copied_vectors, teacher_pieces
from mixvocab.models.parameters import BertShape, stage_one_flops
from mixvocab.models.pretrained import load_teacher, load_tokenizer, require_bert, teacher_shape
from mixvocab.text.masking import expected_shares
from mixvocab.text.mixing import Mixer
from mixvocab.text.wordpiece import Vocabulary
from mixvocab.train.loop import Turn
from mixvocab.train.losses import Losses, Part, scored_positions

if TYPE_CHECKING:
    from mixvocab.pipeline import Plan

P_DT = 0.5  # probability that the student's vocabulary cuts a word that the teacher reads
EPSILON = 1.0  # weight of the projection loss


# ---- 1. The same words for both -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class DualRows:
    """Rows of the student and, of the same words, the teacher's mixed rows; all (B, T)."""

    ids: np.ndarray
    labels: np.ndarray
    attention: np.ndarray
    mixed_ids: np.ndarray
    mixed_student: np.ndarray
    mixed_labels: np.ndarray
    mixed_attention: np.ndarray


def draw_rows(mixer: Mixer, turn: Turn) -> DualRows:
    """Rows from random places of the text, with the words that fit into both readings."""
    starts = mixer.starts(turn.rows, turn.rng)
    both, _ = mixer.read_twice(mixer.store.words("train"), starts, turn.rng, mixed=True)
    own = {name: rows[1::2] for name, rows in vars(both).items() if name != "student"}  # all of it is the student's
    return DualRows(**own, **{f"mixed_{name}": rows[::2] for name, rows in vars(both).items()})


# ---- 2. The projections and what they leave -------------------------------------------------------------------------


class SharedProjection(nn.Module):
    """U (d, D) lowers and V (D, d) raises, for all layers alike.

    With a map W (out, in) of teacher and student, in blocks of the models' widths where it is larger, and the rows E of
    embeddings, the loss compares

        down    U W_t V  with W_s,     E_t U^T  with E_s
        up      W_t  with V W_s U,     E_t  with E_s V^T

    If states of the two models are h_s = U h_t and h_t = V h_s, the maps then do the same and so do the embeddings.
    """

    def __init__(self, wide: int, narrow: int, *, up: bool, generator: torch.Generator) -> None:
        super().__init__()
        self.up = up
        spread = (narrow if up else wide) ** -0.5  # what is projected keeps the spread of its entries
        self.lower = nn.Parameter(spread * torch.randn(narrow, wide, generator=generator))
        self.lift = nn.Parameter(spread * torch.randn(wide, narrow, generator=generator))

    def forward(self, theirs: Sequence[Tensor], ours: Sequence[Tensor], tables: tuple[Tensor, Tensor]) -> Tensor:
        """The mean of `apart` over pairs of maps and the `tables` E_t (V_s, D) and E_s (V_s, d)."""
        narrow, wide = self.lower.shape
        missed = []
        for teacher, student in zip(theirs, ours, strict=True):
            high, low = blocks(teacher, wide), blocks(student, narrow)
            pair = (high, self.lift @ low @ self.lower) if self.up else (self.lower @ high @ self.lift, low)
            missed.append(apart(*pair))
        high, low = tables
        missed.append(apart(high, low @ self.lift.T) if self.up else apart(high @ self.lower.T, low))
        return torch.stack(missed).mean()


def blocks(weight: Tensor, width: int) -> Tensor:
    """A matrix (r * width, c * width) as r * c square ones, row by row: (r * c, width, width)."""
    return weight.unflatten(1, (-1, width)).unflatten(0, (-1, width)).transpose(1, 2).flatten(0, 1)


def apart(one: Tensor, other: Tensor) -> Tensor:
    """|a - b|^2 / (|a|^2 + |b|^2): 0 where they are equal, 1 where they have nothing to do with each other."""
    return (one - other).square().sum() / (one.square().sum() + other.square().sum())


def layer_maps(model: Any) -> list[Tensor]:
    """A BertModel's maps, (out, in): of each layer query, key, value, attention's output, and the feed-forward two."""
    return [weight for weight in model.encoder.parameters() if weight.ndim == 2]


# ---- 3. Two models in training --------------------------------------------------------------------------------------


class DualTraining(StudentMLM):
    """The student's masked-language-model loss, the teacher's on mixed rows, and EPSILON times the projection loss.

    Each is a mean, the first two over masked positions. Held-out evaluation is stage II's.
    """

    def __init__(
        self, student: BertForMaskedLM, teacher: MixedTeacher, projection: SharedProjection, mask: int | None = None
    ) -> None:
        super().__init__(student, mask)
        self.teacher, self.projection = teacher, projection

    def forward(self, ids: Tensor, labels: Tensor, attention: Tensor | None = None, **mixed: Tensor) -> Losses:
        """Of `DualRows`: "student"; "mixed teacher" and "mixed student", by who cut the token; "projection"."""
        losses = super().forward(ids, labels, attention)
        if not self.training:
            return losses
        read = self.teacher(**{name.removeprefix("mixed_"): tensor for name, tensor in mixed.items()})
        # All sums are divided by the student's masked positions: weights make the others means of their own.
        count = losses["student"].positions
        weight = count / scored_positions(read).clamp(min=1)
        taught = {f"mixed {name}": part._replace(weight=weight, scored=False) for name, part in read.items()}
        tables = self.teacher.student_embeddings.weight, self.model.bert.embeddings.word_embeddings.weight
        with torch.autocast(ids.device.type, enabled=False):  # weights in whatever precision they have
            missed = self.projection(layer_maps(self.teacher.encoder), layer_maps(self.model.bert), tables)
        return losses | taught | {"projection": Part(missed, torch.ones_like(count), EPSILON * count, scored=False)}


def dual_teacher(folder: Path, pieces: Vocabulary) -> MixedTeacher:
    """A pretrained teacher that reads both vocabularies at its own width."""
    model = load_teacher(folder)
    table: Any = model.get_input_embeddings().weight
    copied = copied_vectors(table, teacher_pieces(pieces.tokenizer(), load_tokenizer(folder)))  # (V_s, D)
    width = copied.shape[1]
    teacher = MixedTeacher(model, EmbeddingInit(copied, torch.eye(width), torch.zeros(width)))
    teacher.add_module("up_projection", nn.Identity())
    return teacher


# ---- 4. The methods -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class DualStudent(StageTwo):
    """A student trained beside its teacher."""

    name = "shared-projection"

    up: bool = False

    def sizes(self) -> BertShape:
        """As deep as the teacher, and if settings leave it open, with the same ratio of widths within a layer."""
        own, teacher = super().sizes(), self._teacher
        same = own.hidden * teacher.feed_forward // teacher.hidden
        return replace(own, layers=teacher.layers, intermediate=own.intermediate or same)

    def student(self, store: Store) -> BertForMaskedLM:
        require_bert(self.rows.teacher.value.folder, "shared-projection")
        teacher, own = self._teacher, self.sizes()
        times, left = divmod(teacher.feed_forward, teacher.hidden)
        if left or own.feed_forward != times * own.hidden:
            raise UserError(
                f"shared-projection: feed-forward maps of {teacher.feed_forward} x {teacher.hidden} and "
                f"{own.feed_forward} x {own.hidden} have no blocks in common: leave student.intermediate=0 or choose a "
                "teacher whose feed-forward width is a multiple of its width"
            )
        return super().student(store)

    def objective(self, store: Store) -> Callable[..., StudentMLM]:
        generator = torch.Generator().manual_seed(self.seed)
        projection = SharedProjection(self._teacher.hidden, self.sizes().hidden, up=self.up, generator=generator)
        teacher = dual_teacher(self.rows.teacher.value.folder, store.get(self.vocabulary))
        return partial(DualTraining, teacher=teacher, projection=projection)

    def drawing(self, mixer: Mixer, store: Store) -> Callable[[Turn], DualRows]:
        return partial(draw_rows, self.rows.mixer(self.vocabulary, self.mixing, store, mixed=True))

    def flops(self, shape: BertShape, tokens: int, store: Store) -> float:
        """Of the student, of the teacher on the same words, and of projecting every matrix in every step."""
        teacher, counts = self._teacher, store.get(self.rows).counts
        own, other = self.rows.student_table(self.vocabulary, store), self.rows.teacher_table(store)
        shorter = min(1.0, float(counts @ other.lengths / (counts @ own.lengths)))  # a word in the teacher's cut
        read, pieces = round(tokens * (P_DT + (1 - P_DT) * shorter)), BertShape(1, 0, shape.vocab_size)  # not raised
        steps, masks = self.recipe.steps * self.recipe.accumulate, expected_shares(self.mixing)
        of_teacher = stage_one_flops(teacher, pieces, read, self.mixing.length, steps, masks=masks, p_sv=P_DT)
        narrow, wide, blocks_a_layer = shape.hidden, teacher.hidden, 4 + 2 * teacher.feed_forward // teacher.hidden
        maps = shape.layers * blocks_a_layer * narrow * wide * (wide + narrow)
        projecting = maps + shape.vocab_size * narrow * wide
        return super().flops(shape, tokens, store) + of_teacher + 6 * steps * projecting

    @property
    def _teacher(self) -> BertShape:
        return teacher_shape(self.rows.teacher.value.folder)


@method("shared-projection", "shared projection, down", size="deep-h{hidden}")
def shared_projection(plan: Plan, seed: int, *, up: bool = False) -> DualStudent:
    """The teacher's weights, lowered, are what the student's are compared with."""
    profile, mixing = plan.profile, plan.student_mixing.model_copy(update={"p_sv": P_DT})
    step = plan.stage_two(seed, None, mixing=mixing, label="dual training")
    rates = {"teacher": profile.stage_one.learning_rate / profile.stage_two.learning_rate}
    return DualStudent(**vars(step) | {"recipe": replace(step.recipe, multipliers=rates)}, up=up)


@method("shared-projection-up", "shared projection, up", size="deep-h{hidden}")
def shared_projection_up(plan: Plan, seed: int) -> DualStudent:
    """The student's weights, raised, are what the teacher's are compared with."""
    return shared_projection(plan, seed, up=True)
