"""The model in the page: what is published for it, and the answers that stand there before it is loaded.

A page runs the graph of 8-bit weights that `mixvocab predict` runs, cuts text by the same vocabulary and reads the same
task.json. Products are in floats: in 8 bits, a browser and Python would differ where the model is undecided.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mixvocab.common.errors import UserError
from mixvocab.edge.bundle import ROUNDED, TASK, TOKENIZER
from mixvocab.edge.runtime import Predictor, softmax
from mixvocab.sources.source import Source
from mixvocab.widgets.element import element, fallback_table
from mixvocab.widgets.vocabularies import pack, unpack

MASK = "[MASK]"
GUESSES = 5  # pieces shown for a masked place
_WHERE = "<p>Answers of Python. In the rendered book, the model itself runs at this place and answers as you type.</p>"


@dataclass(frozen=True)
class Examples:
    """Texts that a reader can choose."""

    texts: Sequence[str]  # of a masked language model, each with a [MASK]
    origin: str  # where they come from, and whether that is real


@dataclass(frozen=True)
class Demo:
    """A model for the pages."""

    name: str  # "snips" or "masked": under which it is published, and how it is shown
    value: dict[str, Any]  # JSON: task, vocabulary, examples with their answers, and what there is to say about it
    model: bytes  # the ONNX file in 8 bits

    def html(self) -> str:
        """The place of the live model; where no script runs, a table of the examples and their answers."""
        rows = [(example["text"], _in_words(example["answer"])) for example in self.value["examples"]]
        return element("demo", {"task": self.name}, fallback_table(("text", "answer"), rows) + _WHERE)


def demo(
    folder: Path,
    examples: Examples,
    *,
    parameters: int,
    profile: str,
    sources: Sequence[Source],
    scores: Mapping[str, str],
) -> Demo:
    """What pages need of an exported folder of the kind "joint" or "masked".

    Args:
        folder: written by `mixvocab.edge.export.export`.
        examples: are answered here, so that a page has something to show before its model is loaded.
        parameters: of the model.
        profile: of the run that trained it.
        sources: what it learned from.
        scores: what was measured of it, by name, as readers should see it.

    Raises UserError if the model is of another kind, or an example leaves it nothing to answer.
    """
    predictor = Predictor.load(folder)
    bundle = predictor.bundle
    if bundle.kind not in _ANSWERS:
        raise UserError(f"{folder}: a model of kind {bundle.kind}; pages show intents with slots, or masked words")
    name, answer = _ANSWERS[bundle.kind]
    model = bundle.model(folder, "w8").read_bytes()
    # What is synthetic has that word in its name.
    learned = "; ".join(f"{source.name} (real)" if source.real else source.name for source in sources)
    measured = ", ".join(f"{what} {value}" for what, value in scores.items())
    about = f"{parameters:,} parameters in 8 bits. Trained at profile {profile} on {learned}. Measured: {measured}."
    value = {
        "task": json.loads(bundle.text()),
        "tokenizer": pack(predictor.encoder.tokenizer, name),
        "bytes": len(model),
        "examples": [{"text": text, "answer": answer(predictor, text)} for text in examples.texts],
        "origin": examples.origin,
        "scores": dict(scores),
        "about": about,
        "real": all(source.real for source in sources),
    }
    return Demo(name, value, model)


def unpublish(value: Mapping[str, Any], model: bytes, folder: Path) -> Predictor:
    """What a page runs, in Python: write it to `folder` as an export would, and load it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ROUNDED).write_bytes(model)
    (folder / TASK).write_text(json.dumps(value["task"]), encoding="utf-8")
    (folder / TOKENIZER).write_text(unpack(value["tokenizer"]).to_str(), encoding="utf-8")
    return Predictor.load(folder)


def understood(predictor: Predictor, text: str) -> dict[str, Any]:
    """Intents by falling probability and slots of an utterance, as `js/demo/answers.js` has them."""
    answer = predictor.predict(text)[0]
    intents = [{"name": name, "probability": chance} for name, chance in answer.probabilities.items()]
    return {
        "words": text.split(),
        "intents": sorted(intents, key=lambda intent: -intent["probability"]),
        "slots": [vars(slot) for slot in answer.slots],
        "tags": list(answer.tags),
        "complete": answer.complete,
    }


def guessed(predictor: Predictor, text: str) -> dict[str, Any]:
    """The likeliest pieces for every [MASK] of a text, as `js/demo/answers.js` has them.

    Raises UserError if there is no [MASK] in the window.
    """
    tokenizer = predictor.encoder.tokenizer
    encoded = predictor.encoder.texts(text)
    places = np.flatnonzero(encoded.ids == tokenizer.token_to_id(MASK))
    if not len(places):
        raise UserError(f"no {MASK} in {text!r}: there is nothing to guess")
    masks = []
    for scores in predictor.logits(encoded)[0][places]:
        chances = softmax(scores)
        best = np.argsort(-chances, kind="stable")[:GUESSES]
        masks.append([{"piece": tokenizer.id_to_token(i), "probability": float(chances[i])} for i in best.tolist()])
    whole = len(tokenizer.encode(text, add_special_tokens=False).ids) + 2
    return {"masks": masks, "complete": len(encoded.ids) == whole}


_ANSWERS = {"joint": ("snips", understood), "masked": ("masked", guessed)}


def _in_words(answer: Mapping[str, Any]) -> str:
    if "masks" in answer:
        return "; ".join(
            ", ".join(f"{guess['piece']} ({guess['probability']:.0%})" for guess in mask) for mask in answer["masks"]
        )
    best = answer["intents"][0]
    slots = ", ".join(f"{slot['name']}: {slot['text']}" for slot in answer["slots"])
    return f"{best['name']} ({best['probability']:.0%}); {slots or 'no slots'}"
