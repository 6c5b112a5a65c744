"""Scores of intents and slots. A label that training never saw cannot be predicted, and so counts as an error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from seqeval.metrics import f1_score, precision_score, recall_score
from seqeval.scheme import IOB2

from mixvocab.sources.rows import SnipsRow


@dataclass(frozen=True)
class Prediction:
    """What a model says of one utterance."""

    intent: str
    slots: tuple[str, ...]  # a tag for every word; "O" for words that did not fit into the window
    complete: bool = True  # whether all words fitted


def joint_scores(rows: Sequence[SnipsRow], predictions: Sequence[Prediction]) -> dict[str, float]:
    """Scores in 0..1 of predictions in the order of their rows.

    `slot_f1`, `slot_precision` and `slot_recall` are seqeval's over whole slots, strict IOB2: an I- tag without
    its B- begins nothing. `slot_f1_conll` is the older convention, in which it does. `frame_accuracy` asks for
    the intent and all tags of an utterance; one that did not fit into the window is never right.
    """
    gold, found = [list(row.slots) for row in rows], [list(p.slots) for p in predictions]
    pairs = list(zip(rows, predictions, strict=True))
    frames = [row.intent == p.intent and row.slots == p.slots and p.complete for row, p in pairs]
    strict = {"mode": "strict", "scheme": IOB2, "zero_division": 0}
    return {
        "intent_accuracy": sum(row.intent == p.intent for row, p in pairs) / len(pairs),
        "slot_f1": float(f1_score(gold, found, **strict)),
        "slot_precision": float(precision_score(gold, found, **strict)),
        "slot_recall": float(recall_score(gold, found, **strict)),
        "slot_f1_conll": float(f1_score(gold, found, zero_division=0)),
        "frame_accuracy": sum(frames) / len(pairs),
    }
