"""Milliseconds a single query takes: many models in turns, so that noise from elsewhere meets all of them alike."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mixvocab.common.errors import UserError
from mixvocab.tasks.encoding import Encoded, Encoder

TURN = 0.025  # seconds of queries that a model gets at a time, at least one query

Model = Callable[[Encoded], Any]
"""One forward pass over one text."""


@dataclass(frozen=True)
class Latency:
    """Milliseconds a query of one model at one length, warm."""

    name: str
    threads: int
    length: int  # tokens, [CLS] and [SEP] included
    p50: float  # from ids to logits
    p95: float
    fastest: float  # what other work on the machine disturbs least
    text_p50: float  # from text to logits


def vnni(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool | None:
    """Whether the processor adds 8-bit products in 32 bits at once (x86 with VNNI instructions); None: not known.

    Without them 8 bits gain little over 32, so times of 8-bit models from two machines are told apart by this.
    """
    flags = re.search("^flags.*", cpuinfo.read_text(encoding="utf-8"), re.MULTILINE) if cpuinfo.is_file() else None
    return None if flags is None else "_vnni" in flags[0]


def measure(
    models: Mapping[str, Model], encoder: Encoder, lengths: Sequence[int], rounds: int, *, threads: int, seed: int = 0
) -> list[Latency]:
    """Time every model by name at every length, `rounds` turns each, with new random texts that `encoder` cuts.

    A quick model gets several queries a turn, and the first of them is not counted: the model before it has emptied the
    processor's caches. `threads` is what the models run on. Raises UserError for a length beyond the encoder's window.
    """
    if max(lengths) > encoder.length:
        raise UserError(f"{max(lengths)} tokens a query: the model's window is {encoder.length}, name a shorter length")
    pieces = sorted(piece for piece in encoder.tokenizer.get_vocab() if piece.isascii() and piece.isalpha())
    words = [piece for piece in pieces if len(encoder.texts(piece).ids) == 3]  # a token each
    latencies = []
    for length in lengths:
        rng = np.random.default_rng(seed)
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in models}  # seconds from ids, and from text
        for turn in range(-1, rounds):
            for name, model in models.items():
                queries: list[tuple[float, float]] = []
                begun = time.perf_counter()
                while not queries or time.perf_counter() - begun < TURN:
                    text = " ".join(rng.choice(words, length - 2))
                    started = time.perf_counter()
                    encoded = encoder.texts(text)
                    ready = time.perf_counter()
                    model(encoded)
                    ended = time.perf_counter()
                    queries.append((ended - ready, ended - started))
                if turn >= 0:  # the one before warms up
                    times[name] += queries[1:] or queries
        for name, counted in times.items():
            runs, from_text = 1000 * np.array(counted).T
            p50, p95, fastest = np.percentile(runs, (50, 95, 0)).tolist()
            latencies.append(Latency(name, threads, length, p50, p95, fastest, float(np.median(from_text))))
    return latencies
