"""The steps of chapter 9: the exported student and the latencies, kept in the artefact store."""

from __future__ import annotations

import json
import logging
import os
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import onnx
import torch

from mixvocab.common.files import write_json
from mixvocab.common.store import Step, Store
from mixvocab.distill.steps import Student, StudentStep
from mixvocab.edge.export import export, load
from mixvocab.edge.graph import OPSET
from mixvocab.edge.runtime import Kind, Latency, Predictor, measure
from mixvocab.settings.profiles import EdgeSettings
from mixvocab.sources.rows import SnipsRow
from mixvocab.tasks.encoding import Encoder
from mixvocab.tasks.scores import Prediction
from mixvocab_book.steps import peers
from mixvocab_book.steps.tasks import FineTuned, FineTuning


@dataclass(frozen=True)
class Export(Step[Path]):
    """The folder that a device gets, of a fine-tuned model or of a student after stage II."""

    name, room = "export", "edge"

    model: FineTuning | StudentStep

    def make(self, folder: Path, store: Store) -> None:
        model: FineTuned | Student = store.get(self.model)  # type: ignore[misc]
        write_json(folder / "gaps.json", export(model.folder, folder / "device"))

    def load(self, folder: Path, store: Store) -> Path:
        return folder / "device"


@dataclass(frozen=True)
class PlainExport(Step[Path]):
    """The ONNX file that PyTorch's exporter makes of a model, batch and length dynamic, no fusion of ours."""

    name, room = "plain-export", "edge"

    model: FineTuning

    def make(self, folder: Path, store: Store) -> None:
        model, _ = load(store.get(self.model).folder)
        ids = torch.ones(2, 8, dtype=torch.int64)
        texts = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
        dynamic = {name: {0: "B", 1: "T"} for name in texts}
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it misses torchvision, which no BERT has
        with warnings.catch_warnings(action="ignore"):
            program = torch.onnx.export(
                model, kwargs=texts, dynamic_shapes=dynamic, opset_version=OPSET, dynamo=True, verbose=False
            )
        assert program is not None  # only the older exporter returns nothing
        onnx.save(program.model_proto, folder / "model.onnx")

    def load(self, folder: Path, store: Store) -> Path:
        return folder / "model.onnx"


@dataclass(frozen=True)
class Latencies(Step[list[Latency]]):
    """Milliseconds a query of students and peers on this machine, one thread and all threads; weights are random."""

    name, room = "latency", "edge"

    export: Export
    settings: EdgeSettings
    machine: str
    seed: int

    def make(self, folder: Path, store: Store) -> None:
        encoder = Encoder.load(store.get(self.export), 512)
        times: list[Latency] = []
        for threads in sorted({1, os.cpu_count() or 1}):
            models = dict(peers.contestants(threads, encoder, large=self.settings.peers))
            lengths, rounds = self.settings.lengths, self.settings.rounds
            times += measure(models, encoder, lengths, rounds, threads=threads, seed=self.seed)
            del models  # the large ones hold a gigabyte
        write_json(folder / "latencies.json", [asdict(time) for time in times])

    def load(self, folder: Path, store: Store) -> list[Latency]:
        return [Latency(**time) for time in json.loads((folder / "latencies.json").read_text(encoding="utf-8"))]


def gaps(folder: Path) -> dict[str, float]:
    """Largest difference of a logit from PyTorch's, by kind of numbers."""
    return json.loads((folder.parent / "gaps.json").read_text(encoding="utf-8"))


def predictions(folder: Path, rows: Sequence[SnipsRow], numbers: Kind) -> list[Prediction]:
    """What the exported model says of utterances."""
    predictor = Predictor.load(folder, numbers=numbers)
    answers = [predictor.predict(" ".join(row.words)) for row in rows]
    return [Prediction(str(answer.label), answer.tags, answer.complete) for answer in answers]
