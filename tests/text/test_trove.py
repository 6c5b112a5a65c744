"""Text read by datatrove's tasks gives the bytes of text read by one process, whoever works at them."""

from __future__ import annotations

import lzma
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("datatrove")
from datatrove.executor import LocalPipelineExecutor

from mixvocab import trove
from mixvocab.common.errors import UserError
from mixvocab.sources.corpus import resolve_corpus
from mixvocab.text.learner import learn_vocabulary
from mixvocab.text.reading import count_words
from mixvocab.text.words import WordStore

WORDS = "the old house number stands by a river and nobody lives there naïve CAFÉ 東京 don't".split()


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three files, one of them packed, one with a document a line."""
    folder, rng = tmp_path_factory.mktemp("texts"), np.random.default_rng(0)
    documents = [" ".join(rng.choice(WORDS, 12)) + f" {i} {i:x}" for i in range(240)]
    (folder / "a.txt").write_text("\n\n".join(documents[:80]), encoding="utf-8")
    (folder / "b.txt.xz").write_bytes(lzma.compress("\n\n".join(documents[80:160]).encode()))
    (folder / "c.txt").write_text("\n".join(documents[160:]), encoding="utf-8")
    return folder


@pytest.mark.parametrize("workers", [1, 2])
def test_any_number_of_workers_gives_the_bytes_of_one_process(texts: Path, tmp_path: Path, workers: int) -> None:
    files, read = trove.TextFiles(texts), str(tmp_path / "read")
    pipeline = [files, trove.ReadWords(read)]
    log = str(tmp_path / "log")
    executor = LocalPipelineExecutor(pipeline, len(files.files), workers, logging_dir=log, start_method="fork")
    executor.run()
    executor.run()  # all is done already
    corpus = resolve_corpus(str(texts))
    alone = learn_vocabulary(count_words(corpus.documents()), 300)
    vocabulary = trove.learn(read, 300)
    assert vocabulary == alone
    trove.store(read, tmp_path / "store", heldout=0.1)
    WordStore.build(corpus.documents(), tmp_path / "alone", alone.tokenizer(), heldout=0.1)
    names = sorted(path.name for path in (tmp_path / "alone").iterdir())
    assert names == sorted(path.name for path in (tmp_path / "store").iterdir())
    for name in names:
        assert (tmp_path / "alone" / name).read_bytes() == (tmp_path / "store" / name).read_bytes(), name


def test_nothing_to_read_and_nothing_read_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is or has no text file"):
        trove.TextFiles(tmp_path)
    with pytest.raises(UserError, match="run the pipeline first"):
        trove.learn(str(tmp_path), 300)
