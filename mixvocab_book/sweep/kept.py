"""The finished student that lies in the repository for the pages: the best recorded one on real SNIPS, in 8 bits.

`records/models/snips/` holds what a device gets, the graph with 8-bit weights alone, and the name of its record.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mixvocab.common.errors import UserError
from mixvocab.common.files import write_json
from mixvocab.distill.methods import methods
from mixvocab.edge.runtime import ROUNDED
from mixvocab.pipeline import Plan
from mixvocab.settings.profiles import load_profile
from mixvocab.sources.source import Source, data_directory
from mixvocab.tasks.encoding import TASK, TOKENIZER
from mixvocab_book.steps.device import Export
from mixvocab_book.steps.tasks import SNIPS, tuning_step
from mixvocab_book.store import records
from mixvocab_book.sweep.queue import Queue
from mixvocab_book.sweep.run import Unit

ABOUT = "about.json"


@dataclass(frozen=True)
class Kept:
    """A kept model with its record."""

    folder: Path
    record: records.Record

    @property
    def sources(self) -> list[Source]:
        return [Source(**source) for source in self.record["sources"]]

    @property
    def scores(self) -> dict[str, str]:
        """Of the model in 32 bits, on the test set, as readers should see them."""
        test = self.record["metrics"]["test"]
        return {
            "intent accuracy": f"{test['intent_accuracy']:.1%}",
            "slot F1": f"{100 * test['slot_f1']:.1f}",
            "whole frames": f"{test['frame_accuracy']:.1%}",
        }


def kept() -> Kept | None:
    """The kept model; None outside a checkout or if there is none. Raises UserError if its record is not there."""
    committed = records.committed_folder()
    if committed is None or not (folder := committed / "models" / SNIPS).is_dir():
        return None
    about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    return Kept(folder, records.read(committed / about["record"]))


def keep_best(queue: Queue, units: Iterable[Unit]) -> Path:
    """Put the recorded student with the most whole frames right on development data in its place; returns its record.

    Of those whose files are in the queue's store: what is kept is what was scored. Raises UserError if there is none.
    """
    found = []
    for unit in units:
        record = queue.record_of(unit) if unit.task == SNIPS and unit.method in methods() else None
        if record and all(source["real"] for source in record["sources"]):
            plan = Plan(load_profile(unit.profile, **unit.settings), data_directory(None))
            step = tuning_step(plan, SNIPS, unit.method, unit.seed)
            if queue.artefacts.place(step).exists():
                found.append((record["metrics"]["dev"]["frame_accuracy"], unit, step))
    if not found:
        raise UserError("no student on real SNIPS is recorded and in the store: run `mixbook record` first")
    _, best, step = max(found, key=lambda item: item[0])
    exported = queue.artefacts.get(Export(step))
    folder = queue.records / "models" / SNIPS
    partial = folder.with_name(f".{folder.name}")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for name in (ROUNDED, TOKENIZER, TASK):
        shutil.copy2(exported / name, partial / name)
    write_json(partial / ABOUT, {"record": best.file.as_posix()})
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(partial, folder)
    return best.file
