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


@pytest.mark.parametrize(("workers", "tasks"), [(1, 3), (2, 3), (1, 2), (1, 5)])
def test_any_number_of_workers_and_tasks_gives_the_bytes_of_one_process(
    texts: Path, tmp_path: Path, workers: int, tasks: int
) -> None:
    files, read = trove.TextFiles(texts), str(tmp_path / "read")
    pipeline = [files, trove.ReadWords(read)]
    log = str(tmp_path / "log")
    executor = LocalPipelineExecutor(pipeline, tasks, workers, logging_dir=log, start_method="fork")
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


def test_words_are_kept_as_they_were_read_and_runs_are_not_mixed(texts: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "a.txt").write_text("\x07 \x07")
    read = str(tmp_path / "read")
    for number, folder in enumerate((tmp_path / "empty", texts)):
        pipeline = [trove.TextFiles(folder), trove.ReadWords(read, lowercase=False)]
        LocalPipelineExecutor(pipeline, 1, 1, logging_dir=str(tmp_path / f"log{number}"), start_method="fork").run()
    kept = trove.store(read, tmp_path / "store")
    assert not kept.lowercase
    assert "CAFÉ" in kept.types
    assert "" not in kept.types
    pipeline = [trove.TextFiles(texts), trove.ReadWords(read)]
    LocalPipelineExecutor(pipeline, 3, 1, logging_dir=str(tmp_path / "log2"), start_method="fork").run()
    assert trove.store(read, tmp_path / "again").lowercase
    LocalPipelineExecutor(pipeline, 1, 1, logging_dir=str(tmp_path / "log3"), start_method="fork").run()
    with pytest.raises(UserError, match="runs that differ: remove it"):
        trove.learn(read, 300)


def test_nothing_to_read_and_nothing_read_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is or has no text file"):
        trove.TextFiles(tmp_path)
    with pytest.raises(UserError, match="holds no words: run the pipeline again"):
        trove.learn(str(tmp_path), 300)
