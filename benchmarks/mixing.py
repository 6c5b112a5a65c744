"""Masked mixed-vocabulary batches per second: the word store against the Hugging Face path.

    python benchmarks/mixing.py [--data-dir DIR] [--megabytes 20] [--batches 60]

Both sides make the same batches in the same run, taking turns: the same rows of the same text, the same
chance of a student word, [CLS] and [SEP] at the ends, 15 % of the tokens masked, tensors at the end.

* **Word store**: `Mixer.batch`: draws places in the corpus, draws a vocabulary for each word, gathers the pieces,
  masks under both caps (20 a sequence, 10 of the teacher) within each token's own vocabulary.
* **Hugging Face**: its words are given as strings and its places drawn beforehand, untimed, and it gets about
  the words that fit into its rows. It draws a vocabulary for each word and segments the words of each row that
  fall to one vocabulary by `encode_batch` of that vocabulary's Rust tokenizer, on all cores: each word once, not
  under both. The words go in as lists (`is_pretokenized=True`, the documented way) or joined by spaces into text,
  which BERT's tokenizers allow and which is faster. It puts the pieces in the order of the words by numpy and
  calls `DataCollatorForLanguageModeling`, which gets the mask of special tokens ready made and returns numpy, the
  faster of its ways. The collator knows one vocabulary and no caps: it is not charged for the second [MASK] or
  the paper's caps, which it lacks.

Building the store and its two tables is timed on its own: it happens once a corpus. Expected on two
cores: 11 to 18 times the tokens a second of the faster Hugging Face way, 15 to 25 times those of the other, more
when other work keeps the cores busy; two minutes in all.
"""

from __future__ import annotations

import mixvocab  # noqa: F401  # before torch, which reads the OpenMP policy that this sets

# isort: split
import argparse
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoTokenizer, DataCollatorForLanguageModeling, PreTrainedTokenizerFast

from mixvocab.common.files import write_json
from mixvocab.sources import resolve_corpus, resolve_teacher
from mixvocab.text.learner import learn_vocabulary
from mixvocab.text.mixing import Mixer
from mixvocab.text.reading import count_words
from mixvocab.text.words import WordStore

SHAPES = ((32, 128), (24, 64))
STORE, LISTS, JOINED = "word store", "Hugging Face, lists", "Hugging Face, text"
RESULT = Path(__file__).parent / "results" / "mixing.json"
Rows = list[list[str]]
Maker = Callable[[Rows, float, int, np.random.Generator], dict[str, torch.Tensor]]


def tensors(arrays: dict[str, np.ndarray]) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def hugging_face(student: PreTrainedTokenizerFast, teacher: PreTrainedTokenizerFast, *, joined: bool) -> Maker:
    """The peer's way: rows of words -> a masked batch (see the module's text). `joined`: as text, else as lists."""
    inner = [tokenizer.backend_tokenizer for tokenizer in (teacher, student)]
    for tokenizer in inner:
        tokenizer.no_padding()
        tokenizer.no_truncation()
    collator = DataCollatorForLanguageModeling(teacher, mlm_probability=0.15, return_tensors="np")

    def make(rows: Rows, p_sv: float, length: int, rng: np.random.Generator) -> dict[str, torch.Tensor]:
        own = [rng.random(len(row)) < p_sv for row in rows]
        encoded = []
        for number, tokenizer in enumerate(inner):
            places = [np.flatnonzero(mine == number) for mine in own]
            lists = [[row[n] for n in chosen.tolist()] for row, chosen in zip(rows, places, strict=True)]
            if joined:
                codes = tokenizer.encode_batch([" ".join(words) for words in lists], add_special_tokens=False)
            else:
                codes = tokenizer.encode_batch(lists, is_pretokenized=True, add_special_tokens=False)
            encoded.append([(code.ids, chosen[code.word_ids]) for code, chosen in zip(codes, places, strict=True)])
        features, flags = [], np.zeros((len(rows), length), bool)
        for row, ((first, first_at), (second, second_at)) in enumerate(zip(*encoded, strict=True)):
            order = np.argsort(np.concatenate([first_at, second_at]), kind="stable")[: length - 2]
            ids = np.array(first + second)[order].tolist()
            flags[row, 1 : 1 + len(ids)] = order >= len(first)
            ids = [teacher.cls_token_id, *ids, teacher.sep_token_id]
            features.append({"input_ids": ids, "special_tokens_mask": [1, *[0] * (len(ids) - 2), 1]})
        batch = collator(features)
        return {"student": torch.from_numpy(flags), **{name: torch.as_tensor(batch[name]) for name in batch}}

    return make


def rows_of_words(mixer: Mixer, store: WordStore, rows: int, rng: np.random.Generator) -> Rows:
    """Words that fill `rows` rows: as many as one row of the store's own batches holds on average."""
    corpus = store.words("train")
    count = round(float(mixer.words_in_rows(200, rng).mean()))
    starts = rng.integers(len(corpus) - count, size=rows)
    return [[store.types[word] for word in corpus[start : start + count]] for start in starts.tolist()]


def measure(sides: dict[str, Callable[[], dict[str, torch.Tensor]]], batches: int) -> dict[str, dict[str, float]]:
    """Median and fastest seconds a batch, tokens a second by the median; the sides take turns, batch by batch.

    Other work on the machine slows the side with more threads more: the fastest batches tell of it least.
    """
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    tokens = dict.fromkeys(sides, 0)
    for turn in range(batches + 3):
        for name, make in sides.items():
            began = time.perf_counter()
            batch = make()
            if turn >= 3:  # the first three warm up
                seconds[name].append(time.perf_counter() - began)
                tokens[name] += int(batch["attention_mask"].sum())
    return {
        name: {
            "milliseconds_a_batch": 1000 * statistics.median(times),
            "fastest_milliseconds": 1000 * min(times),
            "tokens_a_batch": tokens[name] / batches,
            "tokens_a_second": tokens[name] / batches / statistics.median(times),
            "fastest_tokens_a_second": tokens[name] / batches / min(times),
        }
        for name, times in seconds.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data-dir", type=Path, default=None, help="default: MIXVOCAB_DATA")
    parser.add_argument("--corpus", default="auto", help="auto, data-dir, hub, embedded or a path")
    parser.add_argument("--megabytes", type=float, default=20, help="how much text to take")
    parser.add_argument("--batches", type=int, default=60, help="timed batches of each shape")
    parser.add_argument("--processes", type=int, default=1, help="to build the store with")
    chosen = parser.parse_args()

    corpus = resolve_corpus(chosen.corpus, data_dir=chosen.data_dir, megabytes=chosen.megabytes)
    documents = list(corpus.documents())
    megabytes = sum(len(text.encode()) for text in documents) / 1e6
    source = resolve_teacher("auto", data_dir=chosen.data_dir)
    teacher = AutoTokenizer.from_pretrained(source.folder, local_files_only=True)
    counts = count_words(documents, processes=chosen.processes)
    student = learn_vocabulary(counts, 5000).tokenizer()
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        store = WordStore.build(documents, Path(folder) / "store", student, teacher=teacher, processes=chosen.processes)
        built = time.perf_counter() - began
        tables = store.table(student), store.table(teacher)
        tabled = time.perf_counter() - began - built
        words = int(store.counts.sum())
        print(f"text: {corpus.source.name}, {megabytes:.1f} MB, {words:,} words, {len(store.types):,} types")
        print(
            f"store: {built:.1f} s ({megabytes / built:.1f} MB/s, {chosen.processes} processes); tables: {tabled:.1f} s"
        )
        peers = {way: hugging_face(student, teacher, joined=way == JOINED) for way in (LISTS, JOINED)}
        shapes = []
        for rows, length in SHAPES:
            shapes.append(compare(store, tables, peers, rows, length, chosen.batches))
            show(shapes[-1])
    write_json(
        RESULT,
        {
            "what": "masked mixed-vocabulary batches, tokens a second",
            "corpus": {**corpus.source.as_record(), "megabytes": megabytes, "words": words, "types": len(store.types)},
            "teacher": source.source.name,
            "store": {"seconds": built, "processes": chosen.processes, "table_seconds": tabled},
            "shapes": shapes,
            "machine": {"cores": os.cpu_count(), "system": platform.system(), "architecture": platform.machine()},
            "versions": {name: version(name) for name in ("numpy", "tokenizers", "torch", "transformers")}
            | {"python": platform.python_version()},
        },
    )


def compare(
    store: WordStore, tables: tuple[Any, Any], peers: dict[str, Maker], rows: int, length: int, batches: int
) -> dict[str, Any]:
    """Time one batch shape on both sides."""
    rng = np.random.default_rng(0)
    mixer = Mixer(store, *tables, length=length)
    texts = [rows_of_words(mixer, store, rows, rng) for _ in range(batches + 3)]

    def ours() -> dict[str, torch.Tensor]:
        batch = tensors(vars(mixer.batch(rows, rng)))
        return {**batch, "attention_mask": batch["attention"]}

    def theirs(make: Maker) -> Callable[[], dict[str, torch.Tensor]]:
        mine = iter(texts)
        return lambda: make(next(mine), 0.5, length, rng)

    sides = measure({STORE: ours} | {way: theirs(make) for way, make in peers.items()}, batches)
    return {
        "rows": rows,
        "length": length,
        "times_the_tokens_a_second": {
            way: {
                "median": sides[STORE]["tokens_a_second"] / sides[way]["tokens_a_second"],
                "fastest": sides[STORE]["fastest_tokens_a_second"] / sides[way]["fastest_tokens_a_second"],
            }
            for way in peers
        },
        "sides": sides,
    }


def show(result: dict[str, Any]) -> None:
    """Print one batch shape's table."""
    print(f"\nbatch {result['rows']} x {result['length']}")
    for name, side in result["sides"].items():
        line = (
            f"  {name:<20}{side['milliseconds_a_batch']:8.2f} ms a batch (fastest {side['fastest_milliseconds']:.2f})"
            f"{side['tokens_a_second']:14,.0f} tokens/s"
        )
        if times := result["times_the_tokens_a_second"].get(name):
            line += f"   the store: {times['median']:.1f} times ({times['fastest']:.1f} by the fastest batches)"
        print(line)


if __name__ == "__main__":
    main()
