"""Milliseconds a single query takes: the students beside BERT-base and others, in ONNX Runtime and in PyTorch.

    python benchmarks/latency.py [--data-dir DIR] [--rounds 10]

All models take turns, length by length, in one run; see `mixvocab.edge.runtime`. Weights are random, of the right
shapes. Every BERT, MobileBERT too, has the joint heads of SNIPS and is built by `mixvocab.edge` and run by ONNX Runtime
with the same options, so a ratio between two of them is one of size and of number format, not of care. The eager
student and StackProp run in PyTorch.

A busy machine makes long runs longer than short ones, since these fit between two interruptions: the ratio of the
fastest queries is the fairer one there, and both are written.
"""

from __future__ import annotations

import gc
import os
from dataclasses import asdict

from common import options, write

from mixvocab.edge import runtime
from mixvocab.sources.corpus import resolve_corpus
from mixvocab.tasks.encoding import Encoder
from mixvocab.text.learner import learn_vocabulary
from mixvocab.text.reading import count_words
from mixvocab_book.steps import peers

LENGTHS = (8, 16, 32, 128)
STUDENT = f"{peers.STUDENT}, int8"


def main() -> None:
    chosen = options(__doc__, rounds=10)
    corpus = resolve_corpus(data_dir=chosen.data_dir, megabytes=4)
    encoder = Encoder(learn_vocabulary(count_words(corpus.documents()), 5000).backend(), 512)
    measured: list[runtime.Latency] = []
    for threads in sorted({1, os.cpu_count() or 1}):
        models = dict(peers.contestants(threads, encoder))
        measured += runtime.measure(models, encoder, LENGTHS, chosen.rounds, threads=threads)
        del models  # the large ones hold a gigabyte
        gc.collect()
    students = {(query.threads, query.length): query for query in measured if query.name == STUDENT}
    rows = []
    print(f"{'model':28}{'threads':>8}{'tokens':>7}{'p50 ms':>9}{'p95 ms':>9}{'times the student (by fastest)':>32}")
    for query in measured:
        student = students[query.threads, query.length]
        times, by_fastest = query.p50 / student.p50, query.fastest / student.fastest
        rows.append(asdict(query) | {"times_by_median": times, "times_by_fastest": by_fastest})
        setting = f"{query.name:28}{query.threads:8}{query.length:7}"
        print(f"{setting}{query.p50:9.3f}{query.p95:9.3f}{times:20.1f} ({by_fastest:.1f})")
    write(
        __file__, what=f"milliseconds a query, batch 1, warm; times of {STUDENT}", vnni=runtime.vnni(), latencies=rows
    )


if __name__ == "__main__":
    main()
