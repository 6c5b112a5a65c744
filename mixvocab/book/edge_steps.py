"""The steps of chapter 9: the exported student and the latencies, kept in the artefact store."""

from __future__ import annotations

import gc
import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from mixvocab.book.artefacts import Artefact
from mixvocab.book.provenance import hardware_line
from mixvocab.book.steps import Student
from mixvocab.book.task_steps import METHODS, FineTuned, snips_model
from mixvocab.edge import contents, latency, peers
from mixvocab.edge import export as exporting
from mixvocab.edge import graph as graphs
from mixvocab.edge import network as networks
from mixvocab.edge.bundle import GRAPHS, Kind
from mixvocab.edge.latency import Latency
from mixvocab.edge.runtime import Answer, Predictor
from mixvocab.errors import UserError
from mixvocab.files import write_json
from mixvocab.sources.rows import SnipsRow
from mixvocab.tasks.encoding import Encoder
from mixvocab.tasks.scores import Prediction, joint_scores

if TYPE_CHECKING:
    from mixvocab.book.chapter import Chapter

PAPER_PHONE = {
    peers.BASE: 340,
    "StackProp": 70,
    "L-6 H-96": 6,
    "L-6 H-192": 14,
    "L-6 H-256": 20,
}
"""Milliseconds a query on "a mobile device" as the paper's table 2 prints them, for 32-bit weights."""


def student(chapter: Chapter, method: str) -> FineTuned:
    """The fine-tuned student of that method. Raises UserError for what is no student."""
    students = [name for name, known in METHODS.items() if known.is_student]
    if method not in students:
        raise UserError(f"method {method!r} is no student of chapter 6; choose from {', '.join(students)}")
    return snips_model(chapter, method, chapter.seed)


def exported(chapter: Chapter, model: FineTuned | Student) -> Path:
    """The folder that a device gets, of a fine-tuned model or of a student after stage II."""
    made = chapter.store.get(
        "export",
        {},
        [model.artefact],
        lambda folder: _export(model.folder, folder),
        [exporting, graphs, networks],
    )
    return made.path / "device"


def _export(model: Path, folder: Path) -> None:
    done = exporting.export(model, folder / "device")
    write_json(folder / "gaps.json", done.gaps)


def gaps(folder: Path) -> dict[str, float]:
    """Largest difference of a logit from PyTorch's, by kind of numbers."""
    return json.loads((folder.parent / "gaps.json").read_text(encoding="utf-8"))


def operators(chapter: Chapter, model: FineTuned, folder: Path) -> dict[str, Counter[str]]:
    """How often each operator occurs: in what PyTorch's exporter makes of the model, and in our graphs."""
    made = chapter.store.get(
        "plain-export",
        {},
        [model.artefact],
        lambda out: write_json(
            out / "operators.json", contents.operators(peers.plain_export(exporting.load(model.folder)[0]))
        ),
        [peers.plain_export, contents.operators],
    )
    plain = Counter(json.loads((made.path / "operators.json").read_text(encoding="utf-8")))
    return {"PyTorch's exporter": plain} | {name: contents.operators(folder / name) for name in GRAPHS.values()}


def latencies(chapter: Chapter, folder: Path) -> tuple[Artefact, list[Latency]]:
    """Milliseconds a query of students and peers on this machine, one thread and all threads.

    Weights are random; texts are made from the words of the exported `folder`.
    """
    settings = chapter.profile.edge
    field = peers.Field() if settings.peers else peers.Field(students=(peers.STUDENT,), large=False)

    def make(out: Path) -> None:
        encoder = Encoder.load(folder, 512)
        found: list[Latency] = []
        for threads in sorted({1, os.cpu_count() or 1}):
            models = list(peers.contestants(field, threads, encoder, seed=chapter.seed))
            found += latency.measure(models, settings.lengths, settings.rounds, chapter.seed)
            del models  # the large ones hold a gigabyte
            gc.collect()
        write_json(out / "latencies.json", [asdict(one) for one in found])

    made = chapter.store.get(
        "latency",
        settings.model_dump(mode="json") | {"machine": hardware_line(), "vocabulary": chapter.profile.vocabulary.size},
        [],
        make,
        [latency, peers, graphs, networks],
    )
    read = json.loads((made.path / "latencies.json").read_text(encoding="utf-8"))
    return made, [Latency(**one) for one in read]


def answers(folder: Path, rows: Sequence[SnipsRow], numbers: Kind) -> list[Answer]:
    """What the exported model says of utterances."""
    return Predictor.load(folder, numbers=numbers).predict([" ".join(row.words) for row in rows])


def scores(rows: Sequence[SnipsRow], found: Sequence[Answer]) -> dict[str, float]:
    """Scores in 0..1 of answers, as in chapter 6."""
    return joint_scores(rows, [Prediction(str(one.label), one.tags, one.complete) for one in found])
