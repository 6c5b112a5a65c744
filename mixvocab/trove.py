"""Text too large for one machine, read by datatrove (extra `scale`): locally, by Slurm or Ray, from disk, S3 or a hub.

Workers read documents into words; one machine then learns the vocabulary and keeps the text from what they wrote, with
the bytes that it would have made by reading everything itself:

    from datatrove.executor import LocalPipelineExecutor
    from mixvocab.trove import ReadWords, TextFiles, learn, store

    texts = TextFiles("my_text")
    steps = [texts, ReadWords("read")]
    LocalPipelineExecutor(steps, tasks=len(texts.files), workers=2, logging_dir="logs", start_method="fork").run()
    learn("read", 5000).save("vocabulary")
    store("read", "words")

Any reader of datatrove may stand in place of `TextFiles`, and its filters between the two. A task that was done is not
done again: the executor keeps account of them in its logging folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from datatrove.data import Document
from datatrove.io import get_datafolder
from datatrove.pipeline.base import PipelineStep

from mixvocab.common.errors import UserError
from mixvocab.sources.corpus import read_documents, text_files
from mixvocab.text.learner import learn_vocabulary
from mixvocab.text.reading import Reading, count_readings, read_chunks
from mixvocab.text.wordpiece import Vocabulary
from mixvocab.text.words import WordStore


class TextFiles(PipelineStep):
    """Documents of the text files in a folder, as `resolve_corpus` reads them; each task takes some files in a row."""

    name, type = "Text files", "mixvocab"

    def __init__(self, folder: Path | str) -> None:
        super().__init__()
        self.files = text_files(Path(folder))
        if not self.files:
            raise UserError(f"corpus: {folder} is or has no text file")

    def run(self, data: Any, rank: int = 0, world_size: int = 1) -> Iterator[Document]:
        """Those of the task `rank`."""
        yield from data or ()
        first, last = (len(self.files) * number // world_size for number in (rank, rank + 1))
        for file in self.files[first:last]:
            for number, text in enumerate(read_documents(file)):
                yield Document(text, f"{file.name}-{number}")


class ReadWords(PipelineStep):
    """Reads documents into numbered words, and writes these to a folder, some megabytes of text a file.

    `lowercase` and `stretches` are as for `read_chunks`: as student and teacher read.
    """

    name, type = "Words", "mixvocab"

    def __init__(self, folder: str, *, lowercase: bool = True, stretches: bool = False) -> None:
        super().__init__()
        self.folder, self.how = get_datafolder(folder), {"lowercase": lowercase, "stretches": stretches}

    def run(self, data: Any, rank: int = 0, world_size: int = 1) -> Iterator[Document]:
        """Write what the task reads, in the place of what an earlier run of it has written; hands no documents on."""
        for name in self.folder.list_files(glob_pattern=f"{rank}-*.npz"):
            self.folder.rm(name)
        texts = (document.text for document in data or ())
        for number, (words, rows, hashes) in enumerate(read_chunks(texts, **self.how)):
            if words:
                with self.folder.open(f"{rank}-{number}.npz", "wb") as file:
                    np.savez(
                        file,
                        words=np.frombuffer("\n".join(words).encode(), np.uint8),  # no word has white space in it
                        text=np.concatenate(rows),
                        sizes=np.array([len(row) for row in rows]),
                        hashes=np.array(hashes, np.uint64),
                        run=np.array([world_size, *self.how.values()]),
                    )
        yield from ()


@dataclass
class Read:
    """What the tasks of one run have written to a folder, in their order.

    Raises UserError where that is nothing, or of runs that differ.
    """

    folder: str

    def __post_init__(self) -> None:
        self.place = get_datafolder(self.folder)
        names = self.place.list_files(glob_pattern="*.npz")
        self.names = sorted(names, key=lambda name: [int(part) for part in name.removesuffix(".npz").split("-")])
        runs = {tuple(kept["run"].tolist()) for kept in self._files()}
        if len(runs) != 1:
            found = "holds runs that differ: remove it and run" if runs else "holds no words: run"
            raise UserError(f"{self.folder} {found} the pipeline again")
        ((_, lowercase, stretches),) = runs
        self.how = {"lowercase": bool(lowercase), "stretches": bool(stretches)}

    def _files(self) -> Iterator[Any]:
        for name in self.names:
            with self.place.open(name, "rb") as file, np.load(file, allow_pickle=False) as kept:
                yield kept

    def __iter__(self) -> Iterator[Reading]:
        for kept in self._files():
            rows = np.split(kept["text"], np.cumsum(kept["sizes"])[:-1])
            yield kept["words"].tobytes().decode().split("\n"), rows, kept["hashes"].tolist()


def learn(folder: str, size: int) -> Vocabulary:
    """The vocabulary of `size` pieces of the text that was read."""
    read = Read(folder)
    return learn_vocabulary(count_readings(read), size, lowercase=read.how["lowercase"])


def store(folder: str, out: Path | str, *, heldout: float = 0.01) -> WordStore:
    """The WordStore of the text that was read, with the share `heldout` of it kept for evaluation."""
    read = Read(folder)
    return WordStore.write(read, out, heldout=heldout, **read.how)
