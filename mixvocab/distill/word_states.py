"""A teacher's states of the words of a text, and its attention between them: computed once, kept on disk in 8 bits.

Two vocabularies cut the same words, so the mean of a teacher's hidden states over a word's pieces can be a target for
students of any vocabulary, and so can its attention from word to word. What the teacher makes of a text does not depend
on the student: stretches of it are read once, each word's state is reduced to some principal components, and every
student, seed and method that learns from them (`state_taught.py`, `state_starts.py`) pays for the teacher once.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional as F
from transformers import PreTrainedModel

from mixvocab.common.errors import UserError
from mixvocab.common.files import write_json
from mixvocab.common.progress import progress
from mixvocab.common.store import Step, Store, distributed
from mixvocab.distill.data import Rows
from mixvocab.models.init import signed
from mixvocab.models.parameters import Spent
from mixvocab.models.pretrained import last_attention, load_teacher, teacher_shape
from mixvocab.settings.profiles import MixingSettings
from mixvocab.text.mixing import Mixer
from mixvocab.train.precision import autocast, half, running
from mixvocab.train.stopping import STOP, Stopped

if TYPE_CHECKING:
    from mixvocab.pipeline import Plan

READ = 64  # stretches that the teacher reads at once
SAMPLED = 64  # of these readings, for the principal components
LARGEST = 8.0  # standard deviations that 8 bits reach: states have long tails


@dataclass(frozen=True)
class Reduction:
    """The principal components that are kept of a state."""

    mean: Tensor  # (D,)
    directions: Tensor  # (k, D)
    deviations: Tensor  # (k,) along each of them

    @property
    def step(self) -> Tensor:
        """What one unit of a kept component stands for: (k,)."""
        return LARGEST * self.deviations / 127

    @classmethod
    def fit(cls, states: Tensor, width: int) -> Reduction:
        """The `width` directions of largest variance of the states (N, D)."""
        mean = states.double().mean(dim=0)
        values, vectors = torch.linalg.eigh((states.double() - mean).T.cov())
        vectors = signed(vectors.flip(1)[:, :width].T)
        deviations = values.flip(0)[:width].clamp(min=1e-12).sqrt()  # LayerNorm leaves one direction without variance
        return cls(mean.float(), vectors.float(), deviations.float())

    def reduce(self, states: Tensor) -> Tensor:
        """States (N, D) as components (N, k)."""
        return (states - self.mean) @ self.directions.T

    def keep(self, states: Tensor) -> Tensor:
        """States (N, D) as they are kept: (N, k) int8."""
        return (self.reduce(states) / self.step).round().clamp(-127, 127).to(torch.int8)


@dataclass(frozen=True, eq=False)
class KeptStates:
    """The states of the words of n stretches of the training text."""

    starts: np.ndarray  # (n,) int64: each stretch's first word
    offsets: np.ndarray  # (n + 1,) int64: each stretch's first row in `states`
    states: np.ndarray  # (words, k) int8, left on disk
    reduction: Reduction
    spent: Spent  # by the teacher
    attention: np.ndarray | None = None  # (words, length - 2) uint8, left on disk, see `between_words`


def word_means(hidden: Tensor, words: Tensor, count: int) -> Tensor:
    """Mean of the hidden states (B, T, H) over the tokens of each word: (count, H), in fp32.

    `words`: (B, T) int64, the number of each token's word, -1 for a token of none.
    """
    inside = words >= 0
    number = words[inside]
    sums = torch.zeros(count, hidden.shape[-1], device=hidden.device).index_add(0, number, hidden[inside].float())
    return sums / torch.bincount(number, minlength=count)[:, None]


def word_numbers(places: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """For `word_means` the words of all rows, one row after the other: (B, T) int64, -1 for a token of none.

    `places` as from `Mixer.rows_at`; of each row its first `lengths` (B,) words count.
    """
    counted = (places >= 0) & (places < lengths[:, None])
    return np.where(counted, places + (lengths.cumsum() - lengths)[:, None], -1)


def between_words(attention: Tensor, words: Tensor, count: int) -> Tensor:
    """How words attend to the words of their row, by attention between tokens (B, T, T): (count, T - 2), in fp32.

    From word v to word w it is the mean over the pieces of v of the sum over those of w; of this the share among words,
    since [CLS] and [SEP] are attended to as well. `words` as from `word_numbers`. Column i is the row's i-th word, and
    zero where it has no such word.
    """
    first = words.masked_fill(words < 0, count).amin(dim=1, keepdim=True)
    places = torch.where(words < 0, -1, words - first)
    inside = F.one_hot(places + 1, words.shape[1] - 1)[:, :, 1:]  # (B, T, T - 2)
    return F.normalize(word_means(attention @ inside.to(attention.dtype), words, count), p=1, dim=1)


def keep_attention(between: Tensor) -> Tensor:
    """Shares as they are kept, uint8: 255 times the square root, which still tells shares of one in 10,000.

    Of MiniLM's attention the rounding costs 0.0001 nats a word.
    """
    return (255 * between.sqrt()).round().to(torch.uint8)


@torch.no_grad()
def read_words(
    teacher: PreTrainedModel, rows: Mixer, starts: np.ndarray, layer: int, *, attention: bool = False
) -> list[Tensor]:
    """What the teacher makes of the words that rows from `starts` hold, one row after the other, in fp32.

    Their states (words, D) and, if asked for, the last layer's attention `between_words`.
    `rows` cuts words with the teacher's vocabulary and masks nothing. Layer 0 is the embeddings.
    """
    batch, places = rows.rows_at(starts, np.random.default_rng(0))
    lengths = places.max(axis=1) + 1
    count, arrays = int(lengths.sum()), (batch.ids, batch.attention, word_numbers(places, lengths))
    ids, real, words = (torch.from_numpy(array).to(teacher.device) for array in arrays)
    hidden = teacher.base_model(ids, attention_mask=real, output_hidden_states=True).hidden_states
    states = word_means(hidden[layer], words, count)
    return [states, between_words(last_attention(teacher, hidden[-2], real), words, count)] if attention else [states]


@dataclass(frozen=True)
class WordStates(Step[KeptStates]):
    """The teacher's states of the words of `stretches` stretches of the training text, evenly spread over it.

    With `attention` also that between the words of each stretch.
    """

    name, room = "word-states", "distill"
    resumable = True

    rows: Rows
    stretches: int
    length: int  # tokens that the teacher reads at once
    width: int  # components kept
    layer: int | None = None  # None: the last
    attention: bool = False

    @property
    def _files(self) -> dict[str, tuple[str, int]]:
        """What is kept with a row a word: of which numbers, and how many in a row."""
        attention = {"attention.npy": ("uint8", self.length - 2)} if self.attention else {}
        return {"states.npy": ("int8", self.width)} | attention

    def reader(self, store: Store) -> Mixer:
        """Cuts rows with the teacher's vocabulary, and masks nothing."""
        settings = MixingSettings(length=self.length, mask_rate=0)
        return Mixer(store.get(self.rows), self.rows.teacher_table(store), None, settings)

    def make(self, folder: Path, store: Store) -> None:
        if self.width > (most := teacher_shape(self.rows.teacher.value.folder).hidden):
            raise UserError(f"word_states.width={self.width} is more than the teacher's {most}: lower it")
        teacher, reader = load_teacher(self.rows.teacher.value.folder).to(distributed().device), self.reader(store)
        layer, device = -1 if self.layer is None else self.layer, teacher.device.type
        count = len(store.get(self.rows).words("train")) - (self.length - 2)
        starts = np.linspace(0, max(0, count), self.stretches).astype(np.int64)
        parts = np.array_split(starts, -(-len(starts) // READ))
        held = [reader.rows_at(part, np.random.default_rng(0))[1].max(axis=1) + 1 for part in parts]
        offsets = np.cumsum([0, *np.concatenate(held)])
        np.save(folder / "starts.npy", starts)
        np.save(folder / "offsets.npy", offsets)
        done = folder / "parts.json"
        first, seconds = json.loads(done.read_text()) if done.exists() else (0, 0.0)  # parts kept, what they took
        begun = time.perf_counter() - seconds
        with running(teacher, half(), device), autocast(device, half()):
            sample = parts[:: max(1, len(parts) // SAMPLED)]
            states = torch.cat([read_words(teacher, reader, part, layer)[0].cpu() for part in sample])
            reduction = Reduction.fit(states, self.width)
            components = {name: tensor.contiguous() for name, tensor in vars(reduction).items()}
            save_file(components, folder / "pca.safetensors")
            mode, words = "r+" if first else "w+", int(offsets[-1])
            kept: list[Any] = [
                np.lib.format.open_memmap(folder / name, mode=mode, dtype=kind, shape=(words, width))
                for name, (kind, width) in self._files.items()
            ]
            with progress("teacher states, stretches", len(starts), done=first * READ) as bar:
                row = int(offsets[sum(map(len, parts[:first]))])
                for number, part in enumerate(parts[first:], first + 1):
                    states, *between = read_words(teacher, reader, part, layer, attention=self.attention)
                    values = [reduction.keep(states.cpu()), *map(keep_attention, between)]
                    for file, value in zip(kept, values, strict=True):
                        file[row : row + len(states)] = value.cpu().numpy()
                    row += len(states)
                    bar.advance(len(part))
                    if STOP.is_set() or number % 100 == 0:
                        for file in kept:
                            file.flush()
                        write_json(done, [number, time.perf_counter() - begun])
                    if STOP.is_set():
                        raise Stopped
        for file in kept:
            file.flush()
        done.unlink(missing_ok=True)
        write_json(folder / "seconds.json", time.perf_counter() - begun)

    def load(self, folder: Path, store: Store) -> KeptStates:
        starts, offsets = (np.load(folder / name, allow_pickle=False) for name in ("starts.npy", "offsets.npy"))
        states, *attention = (np.load(folder / name, mmap_mode="r", allow_pickle=False) for name in self._files)
        tokens, shape = len(starts) * self.length, teacher_shape(self.rows.teacher.value.folder)
        flops = shape.masked_lm_flops(tokens, self.length, masked=0) / 3  # a forward pass
        flops += shape.word_attention_flops(tokens, self.length) if self.attention else 0
        spent = Spent(tokens, flops, float((folder / "seconds.json").read_text()))
        reduction = Reduction(**load_file(folder / "pca.safetensors"))
        return KeptStates(starts, offsets, states, reduction, spent, *attention)


def word_states_of(plan: Plan, layer: int | None = None, *, attention: bool = False) -> WordStates:
    """Those that the profile asks for: one for all students and seeds."""
    settings, length = plan.profile.word_states, plan.profile.mixing.length
    return WordStates(plan.rows(), settings.stretches, length, settings.width, layer, attention)
