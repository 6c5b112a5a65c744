"""Seeded grammars for GLUE-like tasks in which the label follows by a rule.

Adjectives, negation and contrast decide sentiment, what is told and roles decide paraphrase, quantifiers decide
inference, the head noun decides agreement. A reader who knows the rules makes no mistake. In the three tasks of the
paper (SST-2, MRPC, MNLI) the words alone say something, as they do in the real ones, and structure says the rest. Other
tasks have the same labels as the real ones but not always such texts: QQP's are MRPC's, and those of QNLI, RTE and WNLI
are MNLI's. Most words are frequent in the documentation of programs, which is what students read where no other text
is at hand: one whose every word is new to it could only learn the words.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import partial
from typing import NamedTuple

import numpy as np

from mixvocab.sources.grammar import Sizes, distinct, pick
from mixvocab.sources.grammar_logic import LABELS, nli_pair
from mixvocab.sources.rows import GlueRow

ASPECTS = tuple(
    "interface|documentation|design|parser|default|output|error message|code|syntax|library|tool|editor|layout|search|"
    "debugger|tutorial|new version|menu|display|test|example|build|language|first release".split("|")
)
GOOD = tuple(
    "good great useful simple fast clear correct safe complete stable efficient easy modern nice beautiful clean "
    "consistent convenient helpful readable robust perfect friendly flexible precise".split(" ")
)
BAD = tuple(
    "bad wrong broken slow unsafe incomplete difficult hard confusing weak inefficient unstable verbose weird complex "
    "expensive inconsistent ambiguous incorrect useless ugly poor terrible dangerous annoying".split(" ")
)
NEGATIONS = ("is not", "is hardly", "is never", "is anything but", "is far from")
ASSERTIONS = ("is", "is very", "is quite", "is truly", "is always", "remains", "feels")
OPENINGS = ("", "", "", "to be honest , ", "in the end , ", "critics agree that ", "i think ", "this time , ")


def sentiment(rng: np.random.Generator) -> GlueRow:
    """SST-2: negation turns a clause over; after "but", and beside "although", the other clause decides."""
    positive = bool(rng.integers(2))
    say = _clause(rng, positive)
    contrast = _clause(rng, not positive)
    support = _clause(rng, positive)
    sentence = pick(
        rng,
        (
            *(f"{say} .", f"{say} , and {support} .") * 2,
            f"{contrast} , but {say} .",
            f"although {contrast} , {say} .",
            f"{say} , although {contrast} .",
        ),
    )
    return GlueRow(pick(rng, OPENINGS) + sentence, None, str(int(positive)))


def _clause(rng: np.random.Generator, positive: bool) -> str:
    negated = rng.random() < 0.25
    adjective = pick(rng, GOOD if positive != negated else BAD)
    return f"the {pick(rng, ASPECTS)} {pick(rng, NEGATIONS if negated else ASSERTIONS)} {adjective}"


PEOPLE = tuple(
    "client server user owner author reader writer manager agent parent child host caller worker driver builder editor "
    "handler pilot painter singer farmer waiter engineer".split(" ")
)
VERBS = tuple(  # past tense, participle, base
    tuple(forms.split("/"))
    for forms in (
        "called/called/call followed/followed/follow ignored/ignored/ignore replaced/replaced/replace "
        "checked/checked/check moved/moved/move passed/passed/pass found/found/find stopped/stopped/stop "
        "tested/tested/test copied/copied/copy changed/changed/change saw/seen/see chose/chosen/choose "
        "helped/helped/help visited/visited/visit warned/warned/warn paid/paid/pay hired/hired/hire"
    ).split(" ")
)
PLACES = tuple("in the library|at the station|near the window|in the market|at home|in the park".split("|"))
TIMES = tuple("on monday|last week|in may|after lunch|before the test|at the end|in the winter|yesterday".split("|"))


class Event(NamedTuple):
    """Who did what to whom, where and when."""

    agent: str
    verb: tuple[str, ...]
    patient: str
    place: str
    time: str

    def swapped(self) -> Event:
        """The same words with the roles exchanged."""
        return self._replace(agent=self.patient, patient=self.agent)


def _event(rng: np.random.Generator) -> Event:
    agent, patient = (PEOPLE[i] for i in rng.choice(len(PEOPLE), 2, replace=False))
    return Event(agent, VERBS[int(rng.integers(len(VERBS)))], patient, pick(rng, PLACES), pick(rng, TIMES))


def tell(event: Event, rng: np.random.Generator) -> str:
    """One of six ways to say the event; voice and order of the adjuncts are drawn apart from its content."""
    past, participle, _ = event.verb
    core = (
        f"the {event.agent} {past} the {event.patient}",
        f"the {event.patient} was {participle} by the {event.agent}",
        f"it was the {event.agent} who {past} the {event.patient}",
        f"it was the {event.patient} who was {participle} by the {event.agent}",
        f"it was the {event.patient} that the {event.agent} {past}",
        f"the one who {past} the {event.patient} was the {event.agent}",
    )[int(rng.integers(6))]
    return _placed(core, event, rng)


def _placed(core: str, event: Event, rng: np.random.Generator) -> str:
    if rng.integers(2):
        return f"{event.time} , {core} {event.place} ."
    return f"{core} {event.place} {event.time} ."


REASONS = tuple(
    "because it was late|for the second time|and nobody knew why|without a word|as the manual says|to save time|"
    "although it was not allowed|and left".split("|")
)
DIFFERENCES = ("more", "more", "more", "detail", "detail", "roles")


def paraphrase(rng: np.random.Generator) -> GlueRow:
    """MRPC: an event told in two ways; or one text tells more, or a detail is another, or who did it to whom."""
    event, same = _event(rng), bool(rng.integers(2))
    difference = "" if same else pick(rng, DIFFERENCES)
    other = event.swapped() if difference == "roles" else event
    while difference == "detail" and (other == event or other.agent == other.patient):
        field = pick(rng, Event._fields)
        other = event._replace(**{field: getattr(_event(rng), field)})
    first = second = tell(event, rng)
    while second == first:
        second = tell(other, rng)
    if difference == "more":
        longer = f" , {pick(rng, REASONS)} ."
        if rng.integers(2):
            first = first.removesuffix(" .") + longer
        else:
            second = second.removesuffix(" .") + longer
    return GlueRow(first, second, str(int(same)))


def similarity(rng: np.random.Generator) -> GlueRow:
    """STS-B: 5 points less 2.5 for exchanged roles, 1.5 for another deed, 0.5 each for another place or time."""
    first = second = _event(rng)
    other = _event(rng)
    score = 5.0
    if rng.integers(2):
        second, score = second.swapped(), score - 2.5
    for field, cost in (("verb", 1.5), ("place", 0.5), ("time", 0.5)):
        if rng.random() < 0.4 and getattr(other, field) != getattr(first, field):
            second, score = second._replace(**{field: getattr(other, field)}), score - cost
    return GlueRow(tell(first, rng), tell(second, rng), score)


def inference(rng: np.random.Generator, *, other_domain: bool = False) -> GlueRow:
    """MNLI: entailment, contradiction or neutral, equally often."""
    return nli_pair(rng, pick(rng, LABELS), other_domain=other_domain)


def entailment(rng: np.random.Generator, labels: tuple[str, str]) -> GlueRow:
    """QNLI, RTE, WNLI: whether the first sentence entails the second; `labels`: for no and for yes."""
    entailed = int(rng.integers(2))
    pair = nli_pair(rng, "entailment" if entailed else pick(rng, ("contradiction", "neutral")))
    return pair._replace(label=labels[entailed])


_THINGS = tuple(
    "key/keys picture/pictures letter/letters cabinet/cabinets label/labels bottle/bottles report/reports "
    "bridge/bridges door/doors window/windows painting/paintings road/roads box/boxes book/books".split(" ")
)
_STATES = tuple("old rusty new broken expensive famous ready clean dusty heavy green lost missing useful".split(" "))
_LINKS = ("to", "near", "behind", "with", "from", "beside")


def agreement(rng: np.random.Generator) -> GlueRow:
    """CoLA: the verb agrees with the head of the subject, not with the nouns between them."""
    numbers = rng.integers(2, size=3)
    nouns = [pick(rng, _THINGS).split("/")[int(number)] for number in numbers]
    subject = f"the {nouns[0]} {pick(rng, _LINKS)} the {nouns[1]}"
    if rng.integers(2):
        subject += f" {pick(rng, _LINKS)} the {nouns[2]}"
    acceptable = bool(rng.integers(2))
    plural = bool(numbers[0]) == acceptable
    verb = pick(rng, (("is", "are"), ("was", "were"), ("seems", "seem"), ("looks", "look")))[int(plural)]
    return GlueRow(f"{subject} {verb} {pick(rng, _STATES)} .", None, str(int(acceptable)))


_ENTAILMENT = partial(entailment, labels=("not_entailment", "entailment"))
WRITERS: dict[str, Callable[[np.random.Generator], GlueRow]] = {
    "CoLA": agreement,
    "SST-2": sentiment,
    "MRPC": paraphrase,
    "QQP": paraphrase,
    "STS-B": similarity,
    "MNLI": inference,
    "QNLI": _ENTAILMENT,
    "RTE": _ENTAILMENT,
    "WNLI": partial(entailment, labels=("0", "1")),
}


def glue_splits(task: str, rng: np.random.Generator, sizes: Sizes) -> dict[str, list[GlueRow]]:
    """Splits of distinct rows for a task by GLUE's own name; the same generator state gives the same rows.

    MNLI's mismatched sets "mm" and "test-mm" speak of things that the other splits do not mention.
    """
    counts = {"train": sizes.train, "dev": sizes.valid, "test": sizes.test}
    write = WRITERS[task]
    seen: set[Hashable] = set()
    if task != "MNLI":
        return {split: distinct(partial(write, rng), count, seen) for split, count in counts.items()}
    counts = {"train": sizes.train, "m": sizes.valid, "mm": sizes.valid, "test-m": sizes.test, "test-mm": sizes.test}
    return {
        split: distinct(partial(inference, rng, other_domain="mm" in split), count, seen)
        for split, count in counts.items()
    }
