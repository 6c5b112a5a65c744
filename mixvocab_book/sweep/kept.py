"""The finished student that lies in the repository for the pages: the best recorded one on real SNIPS, in 8 bits.

`records/models/snips/` holds what a device gets, the graph with 8-bit weights alone, and the name of its record.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mixvocab.common.errors import UserError
from mixvocab.common.files import write_json
from mixvocab.distill.methods import methods
from mixvocab.edge.bundle import ROUNDED, TASK, TOKENIZER
from mixvocab.sources.source import Source
from mixvocab_book.store import records

ABOUT = "about.json"
ORDERS = (
    "play some jazz from the nineties",
    "book a table for four at an italian restaurant in boston tonight",
    "will it rain in paris tomorrow morning",
    "add this song to my workout playlist",
    "give the last book that i read four stars",
)
"""Orders made up for the pages: no row of SNIPS."""


@dataclass(frozen=True)
class Kept:
    """A kept model with the record of its training."""

    folder: Path
    record: dict[str, Any]

    @property
    def sources(self) -> list[Source]:
        """What it learned from."""
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
    folder = committed and committed / "models" / "snips"
    if folder is None or not folder.is_dir():
        return None
    name = json.loads((folder / ABOUT).read_text(encoding="utf-8"))["record"]
    if not (folder.parents[1] / name).is_file():
        raise UserError(f"records/models/snips is of {name}, which is not there: `mixbook record --keep` renews it")
    return Kept(folder, records.read(folder.parents[1] / name))


def keep_best(committed: Path, models: Path) -> Path:
    """Put the recorded student with the most whole frames right on development data in its place; returns its record.

    `models` holds what was exported, a folder for each record. Raises UserError if there is none.
    """
    found = []
    for path in sorted(committed.glob("snips-*.json")):
        record = records.read(path)
        real = all(source["real"] for source in record["sources"])
        if record["params"]["method"] in methods() and real and (models / path.stem).is_dir():
            found.append((record["metrics"]["dev"]["frame_accuracy"], path))
    if not found:
        raise UserError("no student recorded on real SNIPS has been exported here: run `mixbook record` first")
    _, best = max(found, key=lambda item: item[0])
    place = committed / "models" / "snips"
    set_aside(models / best.stem, place, {"record": best.name})
    return best


def set_aside(exported: Path, folder: Path, about: dict[str, str] | None = None) -> None:
    """Of an exported model what a page needs, whole or not at all, and what is to be said `about` it."""
    partial = folder.with_name(f".{folder.name}")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for name in (ROUNDED, TOKENIZER, TASK):
        shutil.copy2(exported / name, partial / name)
    if about:
        write_json(partial / ABOUT, about)
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(partial, folder)
