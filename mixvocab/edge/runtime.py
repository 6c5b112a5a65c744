"""Prediction from an exported folder, with onnxruntime, tokenizers and numpy: neither torch nor transformers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime

from mixvocab.common.errors import UserError
from mixvocab.edge.bundle import Bundle, Kind
from mixvocab.tasks.decoding import Slot, spans, viterbi
from mixvocab.tasks.encoding import Encoded, Encoder


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
        """Of the label."""
        return None if self.label is None else self.probabilities[self.label]


@dataclass
class Predictor:
    """An exported model, ready to answer."""

    bundle: Bundle
    encoder: Encoder
    session: onnxruntime.InferenceSession

    @classmethod
    def load(cls, folder: Path, *, numbers: Kind = "w8", threads: int = 1) -> Predictor:
        """The model in `folder`. Raises UserError if it cannot be loaded.

        numbers: "w8", weights in 8 bits, answers alike on every machine and in a browser; "int8" is faster where the
        processor has instructions for 8-bit products, and may differ where the model is undecided; "fp32" as trained.
        """
        bundle = Bundle.load(folder)
        file = bundle.model(folder, numbers)
        encoder = Encoder.load(folder, bundle.window)
        try:
            return cls(bundle, encoder, open_session(file, threads))
        except Exception as error:  # the runtime has no common class of errors
            raise UserError(f"{file}: ONNX Runtime cannot load it ({error}); export the model again") from None

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
        complete = len(tags) == len(words)
        tags += ["O"] * (len(words) - len(tags))
        return Answer(label, probabilities, None, spans(tags, words), tuple(tags), complete)

    def logits(self, encoded: Encoded) -> list[np.ndarray]:
        """The model's outputs for one text, without a batch dimension."""
        feed = {"input_ids": encoded.ids[None], "attention_mask": np.ones_like(encoded.ids[None])}
        if self.bundle.pair:
            feed["token_type_ids"] = encoded.types[None]
        return [output[0] for output in self.session.run(None, feed)]


def open_session(model: Path | bytes, threads: int = 1) -> onnxruntime.InferenceSession:
    """A session for single queries on `threads` threads.

    Threads do not spin while they wait: a device has other work, and so has a busy laptop. Sums of 8-bit products are
    exact: x86 processors without VNNI instructions would by default add them in 16 bits, which overflow.
    """
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
