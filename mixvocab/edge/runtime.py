"""An exported folder on the device, where there is no torch: what it answers, and in how many milliseconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from mixvocab.common.errors import UserError
from mixvocab.common.files import file_sha256
from mixvocab.tasks.encoding import TASK, TOKENIZER, Bundle, Encoded, Encoder, Slot, spans, viterbi

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

FLOATS = "model.onnx"
ROUNDED = "model.w8.onnx"
INTEGERS = "model.int8.onnx"
Kind = Literal["fp32", "w8", "int8"]
"""Of numbers: 32 bits; weights in 8 bits, with answers alike on all machines and in a browser; products in 8 bits, too,
faster where the processor has instructions for them, with answers that may differ where the model is undecided."""
GRAPHS: dict[Kind, str] = {"fp32": FLOATS, "w8": ROUNDED, "int8": INTEGERS}
CPUINFO = Path("/proc/cpuinfo")  # of Linux
TURN = 0.025  # seconds of queries that a model gets at a time when it is timed, at least one query
Model = Callable[[Encoded], Any]
"""One forward pass over one text."""


def graph_file(folder: Path, bundle: Bundle, numbers: Kind) -> Path:
    """The ONNX file in an exported folder. Raises UserError if it is missing or not the one that was exported."""
    file = folder / GRAPHS[numbers]
    if not file.is_file() or file_sha256(file) != (bundle.sha256 or {}).get(file.name):
        raise UserError(f"{file} is missing, or its SHA-256 is not the one in {TASK}: export the model again")
    return file


def deployed_bytes(folder: Path, numbers: Kind = "w8") -> dict[str, int]:
    """Bytes of the files that the model needs on a device, by file name."""
    return {name: (folder / name).stat().st_size for name in (GRAPHS[numbers], TOKENIZER, TASK)}


@dataclass(frozen=True)
class Answer:
    """What a model says of one text."""

    label: str | None  # the most probable intent or class; None for a regression, and where there is no text
    probabilities: dict[str, float]  # of every label, in the model's order
    score: float | None = None  # of a regression
    slots: tuple[Slot, ...] = ()
    tags: tuple[str, ...] = ()  # a tag for every word, IOB2 together; "O" beyond the window
    complete: bool = True  # whether all words fitted into the window

    @property
    def probability(self) -> float | None:
        return None if self.label is None else self.probabilities[self.label]

    def __str__(self) -> str:
        """Lines of two spaces and a fact."""
        facts = [f"score {self.score:.3f}"] if self.score is not None else []
        facts += [f"{self.label} ({self.probability:.1%})"] if self.label is not None else []
        facts += [f"{slot.name}: {slot.text}" for slot in self.slots]
        if not self.complete:
            facts.append("(longer than the window: the last words were not read)")
        return "\n".join(f"  {fact}" for fact in facts)


@dataclass
class Predictor:
    """An exported model, ready to answer."""

    bundle: Bundle
    encoder: Encoder
    session: InferenceSession

    @classmethod
    def load(cls, folder: Path, *, numbers: Kind = "w8", threads: int = 1) -> Predictor:
        """The model in `folder`. Raises UserError if it cannot be loaded."""
        bundle = Bundle.load(folder)
        file, encoder = (
            graph_file(folder, bundle, numbers),
            Encoder.load(folder, bundle.window, masks=bundle.kind == "masked"),
        )
        try:
            return cls(bundle, encoder, open_session(file, threads))
        except Exception as error:  # the runtime has no common class of errors
            reason = " ".join(str(error).split())
            remedy = "install a newer one (pip install -U onnxruntime), or export the model again"
            raise UserError(f"{file}: ONNX Runtime cannot load it ({reason}): {remedy}") from None

    def predict(self, text: str, second: str | None = None) -> Answer:
        """What the model says of a text, or of a pair.

        One at a time: 8-bit products round by the range of all they are given, so that neighbours in a batch could
        change its answer. Raises UserError for an empty text, an unwanted second one, and a model without a task.
        """
        if not text.strip() or (second is not None and not second.strip()):
            raise UserError("an empty text: give at least one word")
        if self.bundle.kind == "masked":
            raise UserError("a masked language model has no task to answer: export a fine-tuned model")
        if second is not None and not self.bundle.pair:
            raise UserError(f"a pair of texts, but {self.bundle.task} has single ones: give one text")
        words, joint = text.split(), self.bundle.kind == "joint"
        encoded = self.encoder.words(words) if joint else self.encoder.texts(text, second)
        logits = self.logits(encoded)
        if self.bundle.kind == "regression":
            return Answer(None, {}, score=float(logits[0][0]))
        probabilities = dict(zip(self.bundle.labels, softmax(logits[0]).tolist(), strict=True))
        label = max(probabilities, key=lambda name: probabilities[name])
        if not joint:
            return Answer(label, probabilities)
        tags = [self.bundle.slots[tag] for tag in viterbi(logits[1][encoded.first], self.bundle.slots)]
        unread = len(words) - len(tags)
        tags += ["O"] * unread
        return Answer(label, probabilities, None, spans(tags, words), tuple(tags), complete=unread == 0)

    def logits(self, encoded: Encoded) -> list[np.ndarray]:
        """The model's outputs for one text, without a batch dimension."""
        feed = {"input_ids": encoded.ids[None], "attention_mask": np.ones_like(encoded.ids[None])}
        if self.bundle.pair:
            feed["token_type_ids"] = encoded.types[None]
        return [output[0] for output in self.session.run(None, feed)]


def open_session(model: Path | bytes, threads: int = 1) -> InferenceSession:
    """A session for single queries on `threads` threads.

    Threads do not spin while they wait: a device has other work, and so has a busy laptop. Sums of 8-bit products are
    exact: x86 processors without VNNI instructions would by default add them in 16 bits, which overflow.
    """
    import onnxruntime  # commands name its extra where it is missing

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4  # errors arrive as exceptions
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.set_denormal_as_zero", "1")
    options.add_session_config_entry("session.x64quantprecision", "1")
    source = model if isinstance(model, bytes) else str(model)
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities (C,)."""
    powers = np.exp(logits - logits.max())
    return powers / powers.sum()


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


def vnni() -> bool | None:
    """Whether the processor has instructions for 8-bit products (x86); without them they gain little. None: unknown."""
    lines = CPUINFO.read_text(encoding="utf-8").splitlines() if CPUINFO.is_file() else []
    flags = [line for line in lines if line.startswith("flags")]  # other processors than x86 have no such line
    return any("_vnni" in line for line in flags) if flags else None


def measure(
    models: Mapping[str, Model], encoder: Encoder, lengths: Sequence[int], rounds: int, *, threads: int, seed: int = 0
) -> list[Latency]:
    """Time every model by name at every length, `rounds` turns each, with new random texts that `encoder` cuts.

    Models take turns, so that noise from elsewhere meets all of them alike. A quick one gets several queries a turn;
    the first is not counted, since the model before has emptied the processor's caches. `threads` is what the models
    run on. Raises UserError for a length beyond the encoder's window.
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
