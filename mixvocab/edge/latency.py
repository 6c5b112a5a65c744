"""Milliseconds a single query takes: many models in turns, so that noise from elsewhere meets all of them alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from mixvocab.common.errors import UserError
from mixvocab.edge.bundle import Kind
from mixvocab.edge.runtime import Predictor, inputs
from mixvocab.tasks.encoding import Encoder

TURN = 0.025  # seconds of queries that a model gets at a time, at least one query
MOST = 20  # queries a turn


@dataclass(frozen=True)
class Contestant:
    """A model that is ready to be asked."""

    name: str
    threads: int
    encoder: Encoder  # turns text into ids; what tokenisation costs
    run: Callable[[Mapping[str, np.ndarray]], Any]  # one forward pass
    pair: bool = False  # whether it reads token types
    before: Callable[[], None] = lambda: None  # called, untimed, before each of its turns


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
    text_p95: float
    queries: int  # that were timed


def vnni(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool | None:
    """Whether the processor adds 8-bit products in 32 bits at once (x86 with VNNI instructions); None: not known.

    Without them 8 bits gain little over 32, so times of 8-bit models from two machines are told apart by this.
    """
    try:
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    flags = next((line.partition(":")[2].split() for line in lines if line.startswith("flags")), None)
    return None if flags is None else any(flag in flags for flag in ("avx512_vnni", "avx_vnni"))


def measure(contestants: Sequence[Contestant], lengths: Sequence[int], rounds: int, seed: int = 0) -> list[Latency]:
    """Time every model at every length, `rounds` turns each.

    Each turn asks new random texts. A model that answers within a few milliseconds gets several queries a turn, and
    one before them that is not counted: the model before it has emptied the processor's caches.
    """
    latencies = []
    for length in lengths:
        texts = {id(model.encoder): _Texts(model.encoder, length, seed) for model in contestants}
        times: list[list[tuple[float, float]]] = [[] for _ in contestants]
        counts = [_per_turn(model, texts[id(model.encoder)]) for model in contestants]
        for _ in range(rounds):
            for model, count, taken in zip(contestants, counts, times, strict=True):
                model.before()
                if count > 1:
                    _query(model, texts[id(model.encoder)].draw())
                taken += [_query(model, texts[id(model.encoder)].draw()) for _ in range(count)]
        for model, taken in zip(contestants, times, strict=True):
            runs, with_text = 1000 * np.array(taken).T
            p50, p95 = np.percentile(runs, (50, 95)).tolist()
            text_p50, text_p95 = np.percentile(with_text, (50, 95)).tolist()
            fastest = float(runs.min())
            latencies.append(
                Latency(model.name, model.threads, length, p50, p95, fastest, text_p50, text_p95, queries=len(taken))
            )
    return latencies


def exported(folder: Path, *, numbers: Kind, threads: int) -> Contestant:
    """An exported folder as a contestant. Raises UserError if it cannot be loaded."""
    predictor = Predictor.load(folder, numbers=numbers, threads=threads)
    return of_session(f"{folder.name}, {numbers}", predictor.session, predictor.encoder, threads)


def of_session(name: str, session: onnxruntime.InferenceSession, encoder: Encoder, threads: int) -> Contestant:
    """An ONNX Runtime session as a contestant."""
    pair = any(value.name == "token_type_ids" for value in session.get_inputs())
    return Contestant(name, threads, encoder, lambda feed: session.run(None, feed), pair)


class _Texts:
    """Random texts of exactly `length` tokens: words that the tokenizer keeps whole."""

    def __init__(self, encoder: Encoder, length: int, seed: int) -> None:
        self.length, self.rng = length, np.random.default_rng(seed)
        words = sorted(piece for piece in encoder.tokenizer.get_vocab() if piece.isascii() and piece.isalpha())
        if length < 3 or length > encoder.length or not words:
            raise UserError(f"{length} tokens: this model takes 3 to {encoder.length}")
        self.words = [word for word in words if len(encoder.texts(word).ids) == 3]

    def draw(self) -> str:
        return " ".join(self.rng.choice(self.words, self.length - 2))


def _query(model: Contestant, text: str) -> tuple[float, float]:
    """Seconds from ids to logits, and from text to logits."""
    started = time.perf_counter()
    feed = inputs([model.encoder.texts(text)], pair=model.pair)
    encoded = time.perf_counter()
    model.run(feed)
    ended = time.perf_counter()
    return ended - encoded, ended - started


def _per_turn(model: Contestant, texts: _Texts) -> int:
    """How many queries fit into a turn; asking for it also warms the model up."""
    model.before()
    taken = min(_query(model, texts.draw())[1] for _ in range(3))
    return int(np.clip(TURN / taken, 1, MOST))
