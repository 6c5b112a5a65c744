"""An exported folder and what it answers, on the device: with onnxruntime, tokenizers and numpy, without torch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from mixvocab.common.errors import UserError
from mixvocab.common.files import file_sha256
from mixvocab.tasks.encoding import Encoded, Encoder, Slot, spans, viterbi

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

FLOATS = "model.onnx"
ROUNDED = "model.w8.onnx"
INTEGERS = "model.int8.onnx"
Kind = Literal["fp32", "w8", "int8"]
"""Of numbers: 32 bits; weights in 8 bits; weights and products in 8 bits."""
GRAPHS: dict[Kind, str] = {"fp32": FLOATS, "w8": ROUNDED, "int8": INTEGERS}
TOKENIZER = "tokenizer.json"
TASK = "task.json"


@dataclass(frozen=True)
class Bundle:
    """The contents of task.json: all that predicting needs beside the tokenizer and one ONNX file."""

    task: str
    kind: str  # "joint", "classification", "regression" or "masked"
    window: int  # tokens; the graphs hold no positions beyond it
    pair: bool = False  # whether the graph reads token types
    labels: Sequence[str] = ()  # intents, or classes, in the order of the logits
    slots: Sequence[str] = ()  # IOB2 tags in the order of the logits
    sha256: Mapping[str, str] | None = None  # of the ONNX files

    @classmethod
    def load(cls, folder: Path) -> Bundle:
        """Raises UserError if `folder` was not written by `export`."""
        try:
            return cls(**json.loads((folder / TASK).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            reason = f"{folder / TASK} is missing or not that of an export"
            raise UserError(f"{reason}: name a folder that `mixvocab export` wrote") from None

    def model(self, folder: Path, numbers: Kind) -> Path:
        """The ONNX file. Raises UserError if it is missing or not the one that was exported."""
        file = folder / GRAPHS[numbers]
        if not file.is_file() or file_sha256(file) != (self.sha256 or {}).get(file.name):
            raise UserError(f"{file} is missing, or its SHA-256 is not the one in {TASK}: export the model again")
        return file


def deployed_bytes(folder: Path, numbers: Kind = "w8") -> dict[str, int]:
    """Bytes of the files that the model needs on a device, by file name."""
    return {name: (folder / name).stat().st_size for name in (GRAPHS[numbers], TOKENIZER, TASK)}


@dataclass(frozen=True)
class Answer:
    """What a model says of one text."""

    label: str | None  # the most probable intent or class; None for a regression
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
        facts = [f"score {self.score:.3f}" if self.label is None else f"{self.label} ({self.probability:.1%})"]
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
        """The model in `folder`. Raises UserError if it cannot be loaded.

        numbers: "w8", weights in 8 bits, answers alike on every machine and in a browser; "int8" is faster where the
        processor has instructions for 8-bit products, and may differ where the model is undecided; "fp32" as trained.
        """
        bundle = Bundle.load(folder)
        file = bundle.model(folder, numbers)
        return cls(bundle, Encoder.load(folder, bundle.window), open_session(file, threads))

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
    options.inter_op_num_threads = 1
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
