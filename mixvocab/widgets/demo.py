"""The model in the page: what is published for it, and the answers that stand there before it is loaded.

A page runs the graph of 8-bit weights that `mixvocab predict` runs, cuts text by the same vocabulary and reads the same
task.json. Products are in floats: in 8 bits, a browser and Python would differ where the model is undecided.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mixvocab.common.errors import UserError
from mixvocab.edge.runtime import Predictor, graph_file, softmax
from mixvocab.sources.source import Source
from mixvocab.text.wordpiece import Vocabulary
from mixvocab.widgets.element import element, html_table
from mixvocab.widgets.vocabularies import pack

MASK = "[MASK]"
GUESSES = 5  # pieces shown for a masked place
_WHERE = "<p>Answers of Python. In the rendered book, the model itself runs at this place and answers as you type.</p>"


@dataclass(frozen=True)
class Demo:
    """A model for the pages."""

    name: str  # "snips" or "masked": under which it is published, and how it is shown
    value: dict[str, Any]  # JSON: task, vocabulary, examples with their answers, and what there is to say about it
    model: bytes  # the ONNX file in 8 bits

    def html(self) -> str:
        """The place of the live model; where no script runs, a table of the examples and their answers."""
        rows = [(example["text"], _in_words(example["answer"])) for example in self.value["examples"]]
        return element("demo", {"task": self.name}, html_table(("text", "answer"), rows) + _WHERE)


def demo(
    folder: Path,
    examples: Sequence[str],
    *,
    origin: str,
    parameters: int,
    profile: str,
    sources: Sequence[Source],
    scores: Mapping[str, str],
) -> Demo:
    """What pages need of an exported folder of the kind "joint" or "masked".

    `examples`, from `origin`, are answered here, so that a page has something to show before its model is loaded.
    `profile`, `sources`, `scores`: of the run that trained the model, as readers should see them. Raises UserError for
    a model of another kind, and for an example without a [MASK] for a masked language model.
    """
    predictor = Predictor.load(folder)
    bundle = predictor.bundle
    if bundle.kind not in _ANSWERS:
        raise UserError(f"{folder}: a {bundle.kind} model; pages show {' and '.join(_ANSWERS)} ones, name one of these")
    name, answer = _ANSWERS[bundle.kind]
    model = graph_file(folder, bundle, "w8").read_bytes()
    # What is synthetic has that word in its name.
    learned = "; ".join(f"{source.name} (real)" if source.real else source.name for source in sources)
    measured = ", ".join(f"{what} {value}" for what, value in scores.items())
    about = f"{parameters:,} parameters in 8 bits. Trained at profile {profile} on {learned}. Measured: {measured}."
    value = {
        "task": vars(bundle),
        "tokenizer": pack(Vocabulary.of(predictor.encoder.tokenizer), name),
        "bytes": len(model),
        "examples": [{"text": text, "answer": answer(predictor, text)} for text in examples],
        "origin": origin,
        "about": about,
    }
    return Demo(name, value, model)


def understood(predictor: Predictor, text: str) -> dict[str, Any]:
    """Intents by falling probability and slots of an utterance, as `js/demo/answers.js` has them."""
    answer = predictor.predict(text)
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
        return "; ".join(", ".join(guess["piece"] for guess in mask) for mask in answer["masks"])
    return ", ".join([answer["intents"][0]["name"], *(f"{slot['name']}: {slot['text']}" for slot in answer["slots"])])
