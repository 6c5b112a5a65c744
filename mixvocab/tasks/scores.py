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

    `slot_f1`, `slot_precision` and `slot_recall` are over whole slots as conlleval counts them, and with it the
    code published for SNIPS (Goo et al. 2018, Qin et al. 2019): an I- tag that continues nothing begins a slot.
    `slot_f1_strict` is seqeval's strict IOB2, in which it begins none, so that a wrong tag may go unpunished.
    `frame_accuracy` asks for the intent and all tags of an utterance; one that did not fit into the window is
    never right.
    """
    gold, predicted = [list(row.slots) for row in rows], [list(p.slots) for p in predictions]
    pairs = list(zip(rows, predictions, strict=True))
    frames = [row.intent == p.intent and row.slots == p.slots and p.complete for row, p in pairs]
    return {
        "intent_accuracy": sum(row.intent == p.intent for row, p in pairs) / len(pairs),
        "slot_f1": float(f1_score(gold, predicted, zero_division=0)),
        "slot_precision": float(precision_score(gold, predicted, zero_division=0)),
        "slot_recall": float(recall_score(gold, predicted, zero_division=0)),
        "slot_f1_strict": float(f1_score(gold, predicted, mode="strict", scheme=IOB2, zero_division=0)),
        "frame_accuracy": sum(frames) / len(pairs),
    }
