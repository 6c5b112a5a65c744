"""Stage II with a teacher's states of words: kept ones beside those of a live teacher, in one run on one machine.

    python benchmarks/word_states.py [--data-dir DIR] [--megabytes 8] [--stretches 4000] [--rounds 3] [--steps 160]

Both sides train the same student on the same rows towards the same states, in bf16 where the machine has it. The live
teacher reads the words of each row when they are drawn, in bf16 as well, and nothing is rounded to 8 bits; how far the
two losses are apart is told. Also what keeping costs: bytes a word on disk, seconds a million words. About 5 minutes on
2 cores.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import compare, options, timed, write
from torch import Tensor

from mixvocab.common.store import Store
from mixvocab.distill.methods import find_method
from mixvocab.distill.mixed_vocab import StudentMLM
from mixvocab.distill.state_taught import StateDistillation, StateTaught, draw_words
from mixvocab.distill.word_states import KeptStates, read_words
from mixvocab.models.pretrained import load_teacher
from mixvocab.models.student import student_with
from mixvocab.pipeline import Plan
from mixvocab.settings.profiles import load_profile
from mixvocab.text.mixing import Mixer
from mixvocab.text.words import ranges
from mixvocab.train.loop import Recipe, Turn, to_tensors, train
from mixvocab.train.losses import Losses, average
from mixvocab.train.precision import autocast, half, running

BATCH = 32


@dataclass(frozen=True)
class LiveRows:
    """What `TaughtRows` has, with what a live teacher is to read in the place of states."""

    ids: np.ndarray
    labels: np.ndarray
    attention: np.ndarray
    words: np.ndarray
    starts: np.ndarray  # (B,) of the stretches
    chosen: np.ndarray  # (words,) of the words that the teacher reads, those that the student reads as well


def draw_live(kept: KeptStates, mixer: Mixer, turn: Turn) -> LiveRows:
    """The rows of `draw_words`, from the same numbers."""
    again = Turn(turn.index, turn.rows, np.random.default_rng([0, turn.index]))
    stretches = np.random.default_rng([0, turn.index]).integers(len(kept.starts), size=turn.rows)
    rows = draw_words(kept, mixer, again)
    held = kept.offsets[stretches + 1] - kept.offsets[stretches]
    lengths = np.array([len(np.unique(row[row >= 0])) for row in rows.words])
    chosen = ranges(held.cumsum() - held, lengths)
    return LiveRows(rows.ids, rows.labels, rows.attention, rows.words, kept.starts[stretches], chosen)


def draw_kept(kept: KeptStates, mixer: Mixer, turn: Turn) -> Any:
    """`draw_words` from numbers that both sides have."""
    return draw_words(kept, mixer, Turn(turn.index, turn.rows, np.random.default_rng([0, turn.index])))


class LiveDistillation(StateDistillation):
    """The same loss, the states being read when they are needed."""

    def teach(self, step: StateTaught, store: Store) -> LiveDistillation:
        self._teacher = (load_teacher(step.kept.rows.teacher.value.folder),)  # out of Module's sight: it is not trained
        self._reader, self._reduction = step.kept.reader(store), store.get(step.kept).reduction
        return self

    def forward(self, ids: Tensor, labels: Tensor, attention: Tensor | None = None, **more: Tensor) -> Losses:
        (teacher,) = self._teacher
        with running(teacher, half(), "cpu"), autocast("cpu", half()):
            (states,) = read_words(teacher, self._reader, more["starts"].numpy(), -1)
        states = self._reduction.reduce(states[more["chosen"]]) / self._reduction.step
        return super().forward(ids, labels, attention, words=more["words"], target=states)


def main() -> None:
    chosen = options(__doc__, megabytes=8.0, stretches=4000, rounds=3, steps=160)
    given = {"corpus.megabytes": chosen.megabytes, "vocabulary.megabytes": chosen.megabytes}
    profile = load_profile("laptop", **given, **{"word_states.stretches": chosen.stretches})
    plan = Plan(profile, chosen.data_dir)
    step = find_method("word-states").student(plan, 0)
    assert isinstance(step, StateTaught)
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        kept, shape = store.get(step.kept), plan.shape(len(store.get(step.vocabulary)))
        start = store.get(plan.init(0)).embeddings
        mixer = step.rows.mixer(step.vocabulary, step.mixing, store, mixed=False)

        def student() -> Any:
            return student_with(start, shape, seed=0)

        modules = {
            "kept states": lambda: StateDistillation(student(), kept.reduction, 1.0),
            "live teacher": lambda: LiveDistillation(student(), kept.reduction, 1.0).teach(step, store),
            "no states": lambda: StudentMLM(student()),
        }
        draws = {name: partial(draw_live if "live" in name else draw_kept, kept, mixer) for name in modules}

        def speed(name: str) -> float:
            # As "auto" chooses for the student; its probe of a live teacher's side would time the teacher.
            recipe = Recipe(chosen.steps, BATCH, 1e-3, precision=half())
            return timed(lambda: train(modules[name](), draws[name], recipe, seed=0, label=name).tokens)()

        sides = {name: partial(speed, name) for name in modules}
        speeds = compare(f"stage II, L-6 H-96, {BATCH} x {profile.mixing.length}", sides, chosen.rounds, warm_up=0)
        both = {}
        for name in ("kept states", "live teacher"):
            module = modules[name]().train()
            torch.nn.init.normal_(module.readout.weight, std=0.1, generator=torch.Generator().manual_seed(0))
            turns = [Turn(number, BATCH, np.random.default_rng(0)) for number in range(8)]
            with torch.no_grad():
                both[name] = average([module(**to_tensors(draws[name](turn), "cpu")) for turn in turns])["states"]
        gap = abs(both["kept states"] - both["live teacher"]) / both["live teacher"]
        print(f"states' loss: kept {both['kept states']:.5f}, live {both['live teacher']:.5f}, apart by {gap:.1e}")
        seconds = 1e6 * kept.spent.seconds / len(kept.states)
        print(f"keeping: {kept.states.shape[1]} bytes and {seconds:.0f} s a million words")
        sources = {ref.value.source.kind: ref.value.source.as_record() for ref in (plan.corpus(), plan.teacher)}
        write(
            __file__,
            **sources,
            stage_two=speeds,
            states_loss=both,
            precision=half(),
            bytes_a_word=kept.states.shape[1],
            seconds_a_million_words=seconds,
        )


if __name__ == "__main__":
    main()
