"""Token distillation: a frozen teacher reads the same words in both vocabularies and is to see the same in them.

Token distillation (Dobler, Elliott and de Melo 2025) finds the vector of a token that is new to a language model: with
it the model's hidden states are to be those that it has when it reads the old tokens in its place. Here every piece of
the student's vocabulary is new, its vector is W E_s[i] + b as in equation 1, and states are compared at the ends of
words, which both vocabularies have in common. Nothing is masked and no softmax is needed. The teacher stays as it was,
so all that is learned lies in the student's embeddings and the up-projection.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel

from mixvocab.common.store import Store
from mixvocab.distill.methods import method
from mixvocab.distill.mixed_vocab import HELDOUT_ROWS, HELDOUT_SEED, MixedTeacher
from mixvocab.distill.steps import StageOne, StageTwo
from mixvocab.models.init import EmbeddingInit
from mixvocab.models.parameters import BertShape
from mixvocab.models.pretrained import load_teacher
from mixvocab.settings.profiles import MixingSettings
from mixvocab.text.mixing import Mixer
from mixvocab.train.loop import TrainResult, train
from mixvocab.train.losses import Losses, Part

if TYPE_CHECKING:
    from mixvocab.pipeline import Plan


@dataclass(frozen=True, eq=False)
class TwoReadings:
    """B texts of whole words, each read twice, [:, 0] in teacher pieces and [:, 1] in student pieces: (B, 2, T)."""

    ids: np.ndarray
    student: np.ndarray  # bool: the student's vocabulary segments the token
    words: np.ndarray  # which of the text's words the token is a piece of; -1 for [CLS], [SEP] and padding
    attention: np.ndarray  # bool: False for padding


def two_readings(mixer: Mixer, words: np.ndarray, starts: np.ndarray, rng: np.random.Generator) -> TwoReadings:
    """The texts from places `starts` (B,) of `words` on, as many whole words of each as fit both ways."""
    batch, places = mixer.read_twice(words, starts, rng)
    fields = batch.ids, batch.student, places, batch.attention
    return TwoReadings(*(field.reshape(len(starts), 2, -1) for field in fields))


class TokenDistiller(MixedTeacher):
    """The mixed teacher of equation 1, frozen but for the student's embeddings and the up-projection."""

    def __init__(self, model: PreTrainedModel, init: EmbeddingInit) -> None:
        super().__init__(model, init)
        self.requires_grad_(False)
        self.student_embeddings.requires_grad_(True)
        self.up_projection.requires_grad_(True)
        depth = model.config.num_hidden_layers
        self.layers = {"early": max(1, round(depth / 3)), "last": depth}

    def forward(self, ids: Tensor, student: Tensor, words: Tensor, attention: Tensor | None = None) -> Losses:
        """With t_w and s_w (D,) the states at the last token of word w, read in teacher and in student pieces:

            sum over w of |s_w - t_w|^2  /  sum over w of |t_w - mean of all t|^2

        which is 1 - R^2, over the words of the batch. Two layers, "early" (at a third of the depth) and "last", count
        alike. Arguments are as in `TwoReadings`.
        """
        attention = torch.ones_like(student) if attention is None else attention
        with torch.no_grad():
            wanted = self.at_word_ends(ids[:, 0], student[:, 0], words[:, 0], attention[:, 0])
        read = self.at_word_ends(ids[:, 1], student[:, 1], words[:, 1], attention[:, 1])
        return {name: relative_error(read[name], wanted[name]) for name in self.layers}

    def at_word_ends(self, ids: Tensor, student: Tensor, words: Tensor, attention: Tensor) -> dict[str, Tensor]:
        """The states of each layer at the last token of every word, (N, D), of one reading, (B, T)."""
        embedded, _ = self.embed(ids, student)
        states = self.encoder(inputs_embeds=embedded, attention_mask=attention, output_hidden_states=True).hidden_states
        ends = (words >= 0) & (words != words.roll(-1, dims=1))
        return {name: states[layer][ends].float() for name, layer in self.layers.items()}


def relative_error(read: Tensor, wanted: Tensor) -> Part:
    """Squared distance of N states from those wanted over the variance of these, both (N, D), counted N times."""
    error = (read - wanted).square().sum()
    variance = (wanted - wanted.mean(dim=0)).square().sum()
    words = torch.tensor(len(wanted), device=wanted.device)
    return Part(words * error / variance.clamp(min=1e-6), words)


@dataclass(frozen=True)
class TokenDistillation(StageOne):
    """Token distillation in the place of stage I; of `mixing` the length alone matters, and `mask_rate` is to be 0."""

    name = "token-distillation"

    def trained(self, store: Store, folder: Path) -> tuple[TokenDistiller, TrainResult]:
        mixer = self.rows.mixer(self.init.vocabulary, self.mixing, store, mixed=True)
        module = TokenDistiller(load_teacher(self.init.teacher.value.folder), store.get(self.init))
        result = train(
            module,
            lambda turn: two_readings(mixer, mixer.store.words("train"), mixer.starts(turn.rows, turn.rng), turn.rng),
            self.recipe,
            seed=self.seed,
            heldout=heldout_readings(mixer, self.heldout_batches),
            folder=folder,
            label="token distillation",
        )
        return module, result

    def flops(self, teacher: BertShape, student: BertShape, result: TrainResult) -> float:
        """Half of the tokens are read forwards alone; behind the others gradients of activations come back, no more."""
        multiply_adds = teacher.masked_lm_flops(result.tokens, self.mixing.length, masked=0.0) / 6
        up_projection = result.tokens / 2 * student.hidden * teacher.hidden
        return (2 + 4) / 2 * multiply_adds + 6 * up_projection


def heldout_readings(mixer: Mixer, batches: int) -> list[TwoReadings]:
    """At most so many batches of held-out texts, none overlapping: the same for every run."""
    words, rng = mixer.store.words("heldout"), np.random.default_rng(HELDOUT_SEED)
    starts = np.arange(0, len(words), mixer.length - 2)[: HELDOUT_ROWS * batches]
    parts = np.split(starts, range(HELDOUT_ROWS, len(starts), HELDOUT_ROWS))
    return [two_readings(mixer, words, part, rng) for part in parts]


@method("token-distillation", "token distillation")
def token_distillation(plan: Plan, seed: int) -> StageTwo:
    """From the PCA start, with stage I's steps, batch, length and rates."""
    first = plan.stage_one(seed, init="pca")
    if isinstance(first, StageOne):
        mixing = MixingSettings(length=first.mixing.length, mask_rate=0.0)
        batches = first.heldout_batches
        first = TokenDistillation(first.init, first.rows, mixing, first.recipe, seed, heldout_batches=batches)
    return plan.stage_two(seed, first)
