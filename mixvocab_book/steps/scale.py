"""The step of chapter 10: how long text takes to be read here, by its size and by the number of processes."""

from __future__ import annotations

import json
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from mixvocab.common.files import write_json
from mixvocab.common.progress import progress
from mixvocab.common.store import Ref, Step, Store
from mixvocab.distill.data import VocabularyStep
from mixvocab.sources.corpus import Corpus
from mixvocab.text.reading import count_words
from mixvocab.text.words import WordStore


@dataclass(frozen=True)
class ReadingTime:
    """Seconds that so much text takes, read by so many processes."""

    megabytes: float  # 10^6 bytes of UTF-8
    processes: int
    counting: float  # its words
    keeping: float  # it, as a WordStore


@dataclass(frozen=True)
class ReadingTimes(Step[list[ReadingTime]]):
    """Reads each of the texts with each number of processes, on this machine."""

    name, room = "reading-times", "text"

    texts: tuple[Ref[Corpus], ...]
    processes: tuple[int, ...]
    vocabulary: VocabularyStep
    machine: str

    def make(self, folder: Path, store: Store) -> None:
        student, times = store.get(self.vocabulary).tokenizer(), []
        with progress("reading text", len(self.texts) * len(self.processes)) as bar:
            for text in self.texts:
                documents = [*text.value.documents()]  # what is timed is reading, not the disk
                size = sum(len(document.encode()) for document in documents) / 1e6
                for processes in self.processes:
                    began = time.perf_counter()
                    count_words(documents, processes=processes)
                    counted = time.perf_counter()
                    with tempfile.TemporaryDirectory(dir=folder) as place:
                        WordStore.build(documents, Path(place) / "store", student, processes=processes)
                        kept = time.perf_counter()
                    times.append(ReadingTime(size, processes, counted - began, kept - counted))
                    bar.advance()
        write_json(folder / "times.json", [asdict(measured) for measured in times])

    def load(self, folder: Path, store: Store) -> list[ReadingTime]:
        return [ReadingTime(**row) for row in json.loads((folder / "times.json").read_text(encoding="utf-8"))]
