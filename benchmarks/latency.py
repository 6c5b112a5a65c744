"""Milliseconds a single query takes: the students beside BERT-base and others, in ONNX Runtime and in PyTorch.

    python benchmarks/latency.py [--data-dir DIR] [--rounds 10] [--quick]

All models take turns, length by length, in one run; see `mixvocab.edge.latency`. Weights are random, of the right
shapes. Every BERT has the joint heads of SNIPS and is built by `mixvocab.edge.graph` and run by ONNX Runtime with the
same options, so a ratio between two of them is one of size and of number format, not of care. MobileBERT comes from
PyTorch's exporter; the eager student and StackProp run in PyTorch.

A busy machine makes long runs longer than short ones, since these fit between two interruptions: the ratio of the
fastest queries is the fairer one there, and both are written.
"""

from __future__ import annotations

import argparse
import gc
import os
import platform
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mixvocab.common.files import write_json
from mixvocab.edge import latency, peers
from mixvocab.sources import resolve_corpus
from mixvocab.tasks.encoding import Encoder
from mixvocab.text.learner import learn_vocabulary
from mixvocab.text.reading import count_words

LENGTHS = (8, 16, 32, 128)
RESULT = Path(__file__).parent / "results" / "latency.json"
STUDENT = f"{peers.STUDENT}, int8"
BASE = f"{peers.BASE}, fp32"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data-dir", type=Path, default=None, help="default: MIXVOCAB_DATA")
    parser.add_argument("--rounds", type=int, default=10, help="turns of each model at each length")
    parser.add_argument("--corpus", default="auto", help="what the 5,000 pieces come from: auto, embedded, a path ...")
    parser.add_argument("--quick", action="store_true", help="one thread, 16 and 128 tokens, no large models")
    chosen = parser.parse_args()

    corpus = resolve_corpus(chosen.corpus, data_dir=chosen.data_dir, megabytes=4)
    encoder = Encoder(learn_vocabulary(count_words(corpus.documents()), 5000).backend(), 512)
    found: list[latency.Latency] = []
    for threads in (1,) if chosen.quick else sorted({1, os.cpu_count() or 1}):
        models = list(peers.contestants(threads, encoder, large=not chosen.quick))
        found += latency.measure(models, (16, 128) if chosen.quick else LENGTHS, chosen.rounds)
        del models  # the large ones hold a gigabyte
        gc.collect()
    show(found)
    if chosen.quick:
        return
    write_json(
        RESULT,
        {
            "what": "milliseconds a query, batch 1, warm; ratios of the L-6 H-96 student in 8 bits",
            "ratios": ratios(found),
            "latencies": [asdict(one) for one in found],
            "rounds": chosen.rounds,
            "machine": {
                "cores": os.cpu_count(),
                "system": platform.system(),
                "architecture": platform.machine(),
                "vnni": latency.vnni(),
            },
            "versions": {name: version(name) for name in ("numpy", "onnxruntime", "tokenizers", "torch")}
            | {"python": platform.python_version()},
        },
    )


def ratios(found: list[latency.Latency]) -> list[dict[str, Any]]:
    """How many times as long as the student's a query of the others takes, by median and by fastest query."""
    table = {(one.name, one.threads, one.length): one for one in found}
    return [
        {
            "slower": name,
            "threads": threads,
            "length": length,
            "times_by_median": one.p50 / table[STUDENT, threads, length].p50,
            "times_by_fastest": one.fastest / table[STUDENT, threads, length].fastest,
        }
        for (name, threads, length), one in table.items()
        if name in (BASE, f"{peers.BASE}, int8", peers.EAGER)
    ]


def show(found: list[latency.Latency]) -> None:
    print(f"{'model':28}{'threads':>8}{'tokens':>7}{'p50 ms':>9}{'p95 ms':>9}{'fastest':>9}{'p50 from text':>15}")
    for one in found:
        times = f"{one.p50:9.3f}{one.p95:9.3f}{one.fastest:9.3f}{one.text_p50:15.3f}"
        print(f"{one.name:28}{one.threads:8}{one.length:7}{times}")
    for ratio in ratios(found):
        print(
            f"{ratio['slower']}, {ratio['threads']} thread(s), {ratio['length']} tokens: "
            f"{ratio['times_by_median']:.0f} x the student by median, {ratio['times_by_fastest']:.0f} x by fastest"
        )


if __name__ == "__main__":
    main()
