"""What the benchmarks share: options, text under two vocabularies, measurements in turns, results."""

from __future__ import annotations

import mixvocab  # noqa: F401  # before torch, which reads the OpenMP policy that this sets

# isort: split
import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mixvocab.common.files import write_json
from mixvocab.sources.corpus import resolve_corpus
from mixvocab.sources.teacher import resolve_teacher
from mixvocab.text.learner import learn_vocabulary
from mixvocab.text.reading import count_words
from mixvocab_book.store.provenance import provenance

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from mixvocab.text.words import WordStore

RESULTS = Path(__file__).parent / "results"
Speeds = dict[str, dict[str, Any]]


def options(about: str, **defaults: Any) -> argparse.Namespace:
    """The command line: a data folder, and an option of each default's type."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, help="default: MIXVOCAB_DATA")
    for name, default in defaults.items():
        parser.add_argument(f"--{name}", type=type(default), default=default, help=f"default: {default}")
    return parser.parse_args()


@dataclass
class Texts:
    """A corpus as a word store, with a teacher's tokenizer and one of 5,000 pieces learned from the text."""

    documents: list[str]
    folder: Path  # of the teacher
    teacher: PreTrainedTokenizerFast
    student: PreTrainedTokenizerFast
    store: WordStore
    record: dict[str, Any]  # where all this is from


@contextmanager
def texts(chosen: argparse.Namespace) -> Iterator[Texts]:
    """The text that the options ask for; its store is gone when the context ends."""
    # Here, since processes that count words import this file as well.
    from mixvocab.models.pretrained import load_tokenizer
    from mixvocab.text.words import WordStore

    corpus = resolve_corpus(data_dir=chosen.data_dir, megabytes=chosen.megabytes)
    source = resolve_teacher(data_dir=chosen.data_dir)
    documents = list(corpus.documents())
    teacher = load_tokenizer(source.folder)
    student = learn_vocabulary(count_words(documents), 5000).tokenizer()
    record = {"corpus": corpus.source.as_record(), "teacher": source.source.as_record()}
    with tempfile.TemporaryDirectory() as folder:
        store = WordStore.build(documents, Path(folder) / "store", student, teacher=teacher)
        yield Texts(documents, source.folder, teacher, student, store, record)


def timed(work: Callable[[], int]) -> Callable[[], float]:
    """The tokens a second of `work`, which returns how many tokens it has worked off."""

    def speed() -> float:
        started = time.perf_counter()
        tokens = work()
        return tokens / (time.perf_counter() - started)

    return speed


def compare(title: str, sides: Mapping[str, Callable[[], float]], rounds: int, warm_up: int = 1) -> Speeds:
    """Median tokens a second of each side, and how many times as fast the first one is, with quartiles.

    The sides take turns, and ratios are those of one turn, so that other work on the machine meets all of them.
    """
    speeds: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(-warm_up, rounds):
        for name, measure in sides.items():
            speed = measure()
            if turn >= 0:
                speeds[name].append(speed)
    first, *_ = speeds.values()
    results = {}
    print(title)
    for name, values in speeds.items():
        low, ratio, high = np.quantile(np.divide(first, values), [0.25, 0.5, 0.75]).round(3).tolist()
        median = round(float(np.median(values)))
        results[name] = {"tokens_a_second": median, "first_times": ratio, "quartiles": [low, high]}
        print(f"  {name:28}{median:12,} tokens/s   the first: {ratio:.2f} times ({low:.2f} to {high:.2f})", flush=True)
    return results


def write(script: str, **results: Any) -> None:
    """Write what a script found, with the machine, versions and how busy it was, into `results/`."""
    path = RESULTS / f"{Path(script).stem}.json"
    write_json(path, results | {"load_average": os.getloadavg()[1]} | provenance())
    print(path.relative_to(RESULTS.parent))
