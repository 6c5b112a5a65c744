"""The steps of chapter 9: the exported student and the latencies, kept in the artefact store."""

from __future__ import annotations

import gc
import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mixvocab.common.errors import UserError
from mixvocab.common.files import write_json
from mixvocab.common.store import Step, Store
from mixvocab.distill.methods import methods
from mixvocab.distill.steps import Student, StudentStep
from mixvocab.edge import contents, latency, peers
from mixvocab.edge import export as exporting
from mixvocab.edge.bundle import GRAPHS, Kind
from mixvocab.edge.latency import Latency
from mixvocab.edge.runtime import Answer, Predictor
from mixvocab.settings.profiles import EdgeSettings
from mixvocab.sources.rows import SnipsRow
from mixvocab.tasks.encoding import Encoder
from mixvocab.tasks.scores import Prediction, joint_scores
from mixvocab_book.steps.snips import FineTuned, FineTuning, SnipsTuning, snips_step
from mixvocab_book.store.provenance import hardware_line

if TYPE_CHECKING:
    from mixvocab_book.chapter import Chapter

PAPER_PHONE = {
    peers.BASE: 340,
    "StackProp": 70,
    "L-6 H-96": 6,
    "L-6 H-192": 14,
    "L-6 H-256": 20,
}
"""Milliseconds a query on "a mobile device" as the paper's table 2 prints them, for 32-bit weights."""


@dataclass(frozen=True)
class Export(Step[Path]):
    """The folder that a device gets, of a fine-tuned model or of a student after stage II."""

    name, room = "export", "edge"

    model: FineTuning | StudentStep

    def make(self, folder: Path, store: Store) -> None:
        """Write the graphs."""
        model: FineTuned | Student = store.get(self.model)  # type: ignore[misc]
        done = exporting.export(model.folder, folder / "device")
        write_json(folder / "gaps.json", done.gaps)

    def load(self, folder: Path, store: Store) -> Path:
        """The device's folder."""
        return folder / "device"


@dataclass(frozen=True)
class PlainExport(Step[Counter[str]]):
    """How often each operator occurs in what PyTorch's exporter makes of a model."""

    name, room = "plain-export", "edge"

    model: FineTuning

    def make(self, folder: Path, store: Store) -> None:
        """Export and count."""
        graph = peers.plain_export(exporting.load(store.get(self.model).folder)[0])
        write_json(folder / "operators.json", contents.operators(graph))

    def load(self, folder: Path, store: Store) -> Counter[str]:
        """By operator."""
        return Counter(json.loads((folder / "operators.json").read_text(encoding="utf-8")))


@dataclass(frozen=True)
class Latencies(Step[list[Latency]]):
    """Milliseconds a query of students and peers on this machine, one thread and all threads.

    Weights are random; texts are made from the words of the exported model.
    """

    name, room = "latency", "edge"

    export: Export
    settings: EdgeSettings
    machine: str
    seed: int

    def make(self, folder: Path, store: Store) -> None:
        """Time them in turns."""
        encoder = Encoder.load(store.get(self.export), 512)
        times: list[Latency] = []
        for threads in sorted({1, os.cpu_count() or 1}):
            models = list(peers.contestants(threads, encoder, large=self.settings.peers, seed=self.seed))
            times += latency.measure(models, self.settings.lengths, self.settings.rounds, self.seed)
            del models  # the large ones hold a gigabyte
            gc.collect()
        write_json(folder / "latencies.json", [asdict(time) for time in times])

    def load(self, folder: Path, store: Store) -> list[Latency]:
        """As measured."""
        return [Latency(**time) for time in json.loads((folder / "latencies.json").read_text(encoding="utf-8"))]


def student(chapter: Chapter, method: str) -> SnipsTuning:
    """The step that fine-tunes the student of that method. Raises UserError for what is no student."""
    if method not in methods():
        raise UserError(f"method {method!r} is no student of chapter 6; choose from {', '.join(methods())}")
    return snips_step(chapter.plan, method, chapter.seed)


def gaps(folder: Path) -> dict[str, float]:
    """Largest difference of a logit from PyTorch's, by kind of numbers."""
    return json.loads((folder.parent / "gaps.json").read_text(encoding="utf-8"))


def operators(chapter: Chapter, model: FineTuning) -> dict[str, Counter[str]]:
    """How often each operator occurs: in what PyTorch's exporter makes of the model, and in our graphs."""
    folder = chapter.get(Export(model))
    ours = {name: contents.operators(folder / name) for name in GRAPHS.values()}
    return {"PyTorch's exporter": chapter.get(PlainExport(model))} | ours


def latencies(chapter: Chapter, model: FineTuning) -> Latencies:
    """The step that times models on this machine."""
    return Latencies(Export(model), chapter.profile.edge, hardware_line(), chapter.seed)


def answers(folder: Path, rows: Sequence[SnipsRow], numbers: Kind) -> list[Answer]:
    """What the exported model says of utterances."""
    return Predictor.load(folder, numbers=numbers).predict([" ".join(row.words) for row in rows])


def scores(rows: Sequence[SnipsRow], found: Sequence[Answer]) -> dict[str, float]:
    """Scores in 0..1 of answers, as in chapter 6."""
    return joint_scores(rows, [Prediction(str(one.label), one.tags, one.complete) for one in found])
