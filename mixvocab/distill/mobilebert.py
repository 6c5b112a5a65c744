"""MobileBERT (Sun, Yu, Song, Liu, Yang and Zhou 2020): a thin student follows a teacher that is shaped for it.

    teacher     inverted-bottleneck BERT: wide blocks between states as wide as the student's; masked language modelling
    transfer    block by block, the student's states and attention become the teacher's
    distilling  then the student learns what stands behind [MASK], from the text and from the teacher's softmax

Three schedules (the paper's training strategies): "auxiliary", all losses at once; "joint", all blocks together, then
distillation; "progressive", one block after the other from the bottom, those below it hardly moving, then distillation.
Before transfer alone the teacher's embeddings and head are copied.

What differs here. Both read the student's learned pieces. The teacher is no BERT-large of a million steps: it is
trained from scratch, once for all students, for as many steps as one. There are no pairs of sentences. `mobile_shapes`
says how sizes were scaled down. The student has LayerNorm and GELU, as the paper's more accurate variant; with
NoNorm and ReLU two blocks of 0.5M tokens pay 5.76 nats behind [MASK] after it and 5.19 at the end, not 5.41, 5.12.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import MobileBertForMaskedLM, PreTrainedModel

from mixvocab.common.errors import UserError
from mixvocab.common.store import Store
from mixvocab.distill.methods import method
from mixvocab.distill.mixed_vocab import drawing, heldout_rows
from mixvocab.distill.steps import StageTwo
from mixvocab.distill.vanilla import LabelDistillation
from mixvocab.models.mobile import mobile_shapes, new_mobile
from mixvocab.models.parameters import BertShape, Spent
from mixvocab.train.loop import Recipe, TrainResult, train, write_curve
from mixvocab.train.losses import IGNORED, Losses, Part, state_loss

if TYPE_CHECKING:
    from mixvocab.pipeline import Plan

# The authors' command for progressive transfer (google-research/mobilebert, README and distill_util.py). The statistics
# that it also compares, of states without LayerNorm, are part of the plain mean squared error.
TRUTH = 0.5  # alpha: the share of the text's own pieces in distillation, at temperature 1
STATES, ATTENTION = 100.0, 1.0  # weights of the two transfer losses
BELOW = 0.1  # factor on the rate of blocks that were trained before
TRANSFER_SHARE = 240 / (240 + 500)  # thousands of steps
BLOCK = "model.mobilebert.encoder.layer"


# ---- 1. The objectives -----------------------------------------------------------------------------------------------


def attention_loss(student: Tensor, teacher: Tensor, real: Tensor) -> Tensor:
    """Attention transfer: mean KL(teacher || student) of a block's heads (B, A, T, T), summed over `real` positions."""
    tiny = torch.finfo(student.dtype).tiny  # padding has probability 0 in both, and costs nothing
    divergence = F.kl_div(student.clamp(min=tiny).log(), teacher, reduction="none").sum(dim=-1)
    return divergence.mean(dim=1)[real].sum()


class KnowledgeTransfer(LabelDistillation):
    """Feature map and attention transfer, means over positions and over `blocks`; distillation as well, unless `alone`.

        STATES * squared error + ATTENTION * KL   [ + TRUTH * -log p(y) + (1 - TRUTH) * -sum_v q(v) log p(v) ]

    p and q are the softmaxes of student and teacher at masked positions, over which the last two are means, y the piece
    of the text. Held-out evaluation is stage II's.
    """

    def __init__(
        self,
        student: MobileBertForMaskedLM,
        teacher: PreTrainedModel,
        *,
        blocks: Sequence[int],
        alone: bool = False,
        mask: int | None = None,
    ) -> None:
        super().__init__(student, teacher, weight=1 - TRUTH, mask=mask)
        self.blocks, self.alone = blocks, alone
        for model in (student, teacher):
            model.set_attn_implementation("eager")  # the faster ones do not say what they attend to

    def forward(self, ids: Tensor, labels: Tensor, attention: Tensor | None = None, **_: Tensor) -> Losses:
        """The losses as "states" and "attention", "student" and "labels"; arguments as for `StudentMLM`."""
        if not self.training:
            return super().forward(ids, labels, attention)
        (teacher,), asked = self._teacher, labels != IGNORED
        real = torch.ones_like(ids, dtype=torch.bool) if attention is None else attention
        maps = {"attention_mask": attention, "output_hidden_states": True, "output_attentions": True}
        with torch.no_grad():
            theirs = teacher.to(ids.device).base_model(ids, **maps)
        mine = self.model.base_model(ids, **maps)
        states, heads = torch.zeros(2, device=ids.device)
        for block in self.blocks:  # the first of the hidden states is what the first block reads
            states = states + state_loss(mine.hidden_states[block + 1], theirs.hidden_states[block + 1], real)
            heads = heads + attention_loss(mine.attentions[block].float(), theirs.attentions[block].float(), real)
        count = real.sum()
        # Beside distillation what is minimised is divided by the number of masked positions.
        unit = (1 if self.alone else asked.sum() / count) / len(self.blocks)
        transfer = {
            "states": Part(states, count, weight=STATES * unit, scored=self.alone),
            "attention": Part(heads, count, weight=ATTENTION * unit, scored=False),
        }
        if self.alone:
            return transfer
        with torch.no_grad():
            labelled = teacher.cls(theirs.last_hidden_state[asked]).float()
        return self.followed(self.model.cls(mine.last_hidden_state[asked]).float(), labelled, labels[asked]) | transfer


# ---- 2. The steps ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FreshMobileBert(StageTwo):
    """Masked language modelling alone, from fresh weights but perhaps for words: the wide shape makes the teacher."""

    name = "mobilebert-fresh"

    def student(self, store: Store) -> MobileBertForMaskedLM:
        shape: Any = self._shape(store)
        words = store.get(self.init).embeddings if self.init else None
        return new_mobile(shape, words, seed=self.seed, position_spread=self.position_spread, dropout=self.dropout)


@dataclass(frozen=True)
class BlockTransfer(FreshMobileBert):
    """The student after transfer alone: all blocks together, or one after the other."""

    name = "mobilebert-transfer"

    teacher: FreshMobileBert = field(kw_only=True)
    progressive: bool = field(kw_only=True)

    def make(self, folder: Path, store: Store) -> None:
        mixer = self.rows.mixer(self.vocabulary, self.mixing, store, mixed=False)
        teacher, student = store.get(self.teacher).model(), self.student(store)
        heldout, results = heldout_rows(mixer, self.heldout_batches), []
        # Killed later, a run makes the earlier phases again, to the same bytes.
        for number, (blocks, recipe) in enumerate(self.phases()):
            student.requires_grad_(True)  # what the phase before has frozen
            module = KnowledgeTransfer(student, teacher, blocks=blocks, alone=True, mask=mixer.mask)
            seed, run = 1000 * (number + 1) + self.seed, folder / "run" / str(number)  # rows that no other phase reads
            result = train(module, drawing(mixer), recipe, seed=seed, heldout=heldout, folder=run, label=self.label)
            results.append(result)
        sums = {name: sum(getattr(each, name) for each in results) for name in ("steps", "tokens", "seconds")}
        curve = [each.curve[-1] for each in results]
        write_curve(folder / "curve.json", TrainResult(curve, **sums, precision=results[-1].precision))
        student.save_pretrained(folder / "student")

    def phases(self) -> list[tuple[range, Recipe]]:
        """Which blocks a phase compares with the teacher's, and by what recipe; embeddings and head stay as copied."""
        layers, steps, phases = self.sizes().layers, self.recipe.steps, []
        compared = [range(block, block + 1) for block in range(layers)] if self.progressive else [range(layers)]
        for number, blocks in enumerate(compared):
            rates = {f"{BLOCK}.{block}.": 1.0 if block in blocks else BELOW for block in range(blocks.stop)}
            share = steps * (number + 1) // len(compared) - steps * number // len(compared)
            recipe = replace(self.recipe, steps=share, multipliers={"model": 0.0} | rates, evaluations=1)
            phases.append((blocks, recipe))
        return phases

    def student(self, store: Store) -> MobileBertForMaskedLM:
        student, teacher = super().student(store), store.get(self.teacher).model()
        for part in ("mobilebert.embeddings", "cls"):
            student.get_submodule(part).load_state_dict(teacher.get_submodule(part).state_dict())
        return student

    def flops(self, shape: BertShape, tokens: int, store: Store) -> float:
        """No head is computed; gradients go down from the highest block that a phase compares."""
        share = sum(recipe.steps * blocks.stop for blocks, recipe in self.phases()) / (self.recipe.steps * shape.layers)
        teacher = store.get(self.teacher).shape.masked_lm_flops(tokens, self.mixing.length, masked=0) / 3
        return shape.masked_lm_flops(tokens, self.mixing.length, masked=0) * (1 + 2 * share) / 3 + teacher


@dataclass(frozen=True)
class MobileBert(FreshMobileBert):
    """The student: distilled after transfer, or, without `transfer`, beside it."""

    name = "mobilebert"

    teacher: FreshMobileBert = field(kw_only=True)
    transfer: BlockTransfer | None = field(kw_only=True, default=None)

    def student(self, store: Store) -> MobileBertForMaskedLM:
        return store.get(self.transfer).model() if self.transfer else super().student(store)

    def objective(self, store: Store) -> Callable[..., LabelDistillation]:
        teacher = store.get(self.teacher).model()
        if self.transfer:
            return partial(LabelDistillation, teacher=teacher, weight=1 - TRUTH)
        return partial(KnowledgeTransfer, teacher=teacher, blocks=range(self.sizes().layers))

    def flops(self, shape: BertShape, tokens: int, store: Store) -> float:
        teacher = store.get(self.teacher).shape.masked_lm_flops(tokens, self.mixing.length) / 3  # a forward pass
        return super().flops(shape, tokens, store) + teacher

    def costs(self, store: Store) -> dict[str, Spent]:
        first = {"stage one": store.get(self.transfer).spent} if self.transfer else {}
        return {"teacher": sum(self.teacher.costs(store).values(), Spent())} | first | super().costs(store)


# ---- 3. The methods --------------------------------------------------------------------------------------------------


@method("mobilebert", "MobileBERT")
def mobilebert(plan: Plan, seed: int) -> MobileBert:
    """Progressive transfer, the paper's best."""
    return _student(plan, seed, progressive=True)


@method("mobilebert-joint", "MobileBERT, joint transfer")
def joint(plan: Plan, seed: int) -> MobileBert:
    """All blocks together, then distillation."""
    return _student(plan, seed, progressive=False)


@method("mobilebert-auxiliary", "MobileBERT, auxiliary transfer")
def auxiliary(plan: Plan, seed: int) -> MobileBert:
    """Transfer and distillation at once."""
    return _student(plan, seed, progressive=None)


@method("mobilebert-mixed", "MobileBERT, mixed-vocab")
def mixed(plan: Plan, seed: int) -> MobileBert:
    """The same with word vectors from stage I, of their width: the student copies them from its teacher."""
    return _student(plan, seed, progressive=True, stage_one=True)


def _student(plan: Plan, seed: int, *, progressive: bool | None, stage_one: bool = False) -> MobileBert:
    """Transfer, then distillation, in the steps of stage II; None: both at once. One teacher for all seeds."""
    narrow, wide = mobile_shapes(plan.shape())
    init = plan.with_settings(student={"hidden": narrow.embedding}).stage_one(0) if stage_one else None
    step = plan.stage_two(seed, None, shape=narrow, label="distilling a MobileBERT")
    recipe, layers = step.recipe, narrow.layers
    # The profile's rate was searched for narrower matrices: half of it is on the safe side (two blocks of 128, 0.5M
    # tokens, behind [MASK]: 5.12 nats at 2e-3, 5.41 at half, 5.72 at a quarter).
    slower = replace(recipe, learning_rate=recipe.learning_rate / 2)
    teacher = FreshMobileBert(**vars(plan.stage_two(0, init, shape=wide, recipe=slower, label="MobileBERT's teacher")))
    if progressive is None:
        return MobileBert(**vars(step), teacher=teacher)
    steps = round(TRANSFER_SHARE * recipe.steps)
    if steps < layers:
        raise UserError(f"stage_two.steps={recipe.steps} leaves none for each of {layers} layers: raise it")
    first = replace(step, recipe=replace(recipe, steps=steps), label="block transfer")
    transfer = BlockTransfer(**vars(first), teacher=teacher, progressive=progressive)
    rest = replace(step, recipe=replace(recipe, steps=recipe.steps - steps))
    return MobileBert(**vars(rest), teacher=teacher, transfer=transfer)
