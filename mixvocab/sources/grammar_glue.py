"""Seeded grammars for GLUE-like tasks in which the label follows by a rule.

Adjectives, negation and contrast decide sentiment, what is told and roles decide paraphrase, quantifiers decide
inference, the head noun decides agreement. A reader who knows the rules makes no mistake. In the three tasks of the
paper (SST-2, MRPC, MNLI) the words alone say something, as they do in the real ones, and structure says the rest. In
the others the words alone say little. Most words are frequent in the documentation of programs, which is what students
read where no other text is at hand: one whose every word is new to it could only learn the words.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from mixvocab.errors import UserError
from mixvocab.sources.glue import Layout
from mixvocab.sources.grammar import pick
from mixvocab.sources.grammar_logic import nli_pair
from mixvocab.sources.rows import GlueRow

Writer = Callable[[np.random.Generator], GlueRow]

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
    told = event.swapped() if difference == "roles" else event
    while difference == "detail" and (told == event or told.agent == told.patient):
        field = pick(rng, Event._fields)
        told = event._replace(**{field: getattr(_event(rng), field)})
    first = second = tell(event, rng)
    while second == first:
        second = tell(told, rng)
    if difference == "more":
        longer = f" , {pick(rng, REASONS)} ."
        if rng.integers(2):
            first = first.removesuffix(" .") + longer
        else:
            second = second.removesuffix(" .") + longer
    return GlueRow(first, second, str(int(same)))


def _ask(event: Event, rng: np.random.Generator, *, agent: bool) -> str:
    past, participle, base = event.verb
    options = (
        (f"who {past} the {event.patient}", f"by whom was the {event.patient} {participle}")
        if agent
        else (f"whom did the {event.agent} {base}", f"who was {participle} by the {event.agent}")
    )
    return f"{pick(rng, options)} {event.place} {event.time} ?"


def duplicate_question(rng: np.random.Generator) -> GlueRow:
    """QQP: two questions with the same answer, or with the person named moved to the other role."""
    event, same, agent = _event(rng), bool(rng.integers(2)), bool(rng.integers(2))
    first = second = _ask(event, rng, agent=agent)
    while second == first:
        second = _ask(event, rng, agent=agent) if same else _ask(event.swapped(), rng, agent=not agent)
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


def answer(rng: np.random.Generator) -> GlueRow:
    """QNLI: whether the sentence answers the question, or tells of the same two people the other way round."""
    event, answered, agent = _event(rng), bool(rng.integers(2)), bool(rng.integers(2))
    told = tell(event if answered else event.swapped(), rng)
    return GlueRow(_ask(event, rng, agent=agent), told, "entailment" if answered else "not_entailment")


def relative(rng: np.random.Generator) -> GlueRow:
    """RTE: a relative clause between subject and verb, and a hypothesis about who did which of the two deeds."""
    people = [PEOPLE[i] for i in rng.choice(len(PEOPLE), 3, replace=False)]
    deeds = [VERBS[i] for i in rng.choice(len(VERBS), 2, replace=False)]
    place, time = pick(rng, PLACES), pick(rng, TIMES)
    head, inner, last = people
    by_head = bool(rng.integers(2))  # "who thanked the nurse" against "whom the nurse thanked"
    clause = f"who {deeds[0][0]} the {inner}" if by_head else f"whom the {inner} {deeds[0][0]}"
    premise = _placed(
        f"the {head} , {clause} , {deeds[1][0]} the {last}", Event(head, deeds[1], last, place, time), rng
    )
    facts = [(head, 0, inner) if by_head else (inner, 0, head), (head, 1, last)]
    entailed = bool(rng.integers(2))
    if entailed:
        claim = facts[int(rng.integers(2))]
    else:
        wrong = [(a, d, p) for a in people for p in people for d in (0, 1) if a != p and (a, d, p) not in facts]
        claim = wrong[int(rng.integers(len(wrong)))]
    who, deed, whom = claim
    label = "entailment" if entailed else "not_entailment"
    return GlueRow(premise, f"the {who} {deeds[deed][0]} the {whom} .", label)


_SCHEMAS = (  # what did not work, why if the first thing is the cause, why if the second is
    ("the {0} does not fit into the {1}", "big", "small", "trophy piano sofa lamp statue", "box van room drawer bag"),
    (
        "the {0} could not lift the {1}",
        "weak",
        "heavy",
        "boy crane horse dancer robot",
        "anvil crate barrel stone safe",
    ),
    (
        "the {0} could not see over the {1}",
        "short",
        "tall",
        "child farmer singer dog girl",
        "wall fence hedge crowd hill",
    ),
    ("the {0} could not catch the {1}", "slow", "fast", "cat guard hunter goalkeeper bear", "bird thief hare ball fox"),
    ("the {0} does not bend the {1}", "gentle", "stiff", "wind hammer smith wave child", "bar pole branch spoon rod"),
    (
        "the {0} did not convince the {1}",
        "vague",
        "stubborn",
        "report lawyer speech letter plan",
        "jury mayor crowd king",
    ),
)


def pronoun(rng: np.random.Generator) -> GlueRow:
    """WNLI: what "it" stands for follows from which of the two could be the cause."""
    frame, first_cause, second_cause, firsts, seconds = _SCHEMAS[int(rng.integers(len(_SCHEMAS)))]
    things = (pick(rng, firsts.split()), pick(rng, seconds.split()))
    cause, guess = int(rng.integers(2)), int(rng.integers(2))
    degree = pick(rng, ("too", "so", "far too", "much too"))
    why = f"{degree} {(first_cause, second_cause)[cause]}"
    opening = pick(rng, OPENINGS)
    text = f"{opening}{frame.format(*things)} because it is {why} ."
    return GlueRow(text, f"the {things[guess]} is {why} .", str(int(cause == guess)))


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


WRITERS: dict[str, Writer] = {
    "CoLA": agreement,
    "SST-2": sentiment,
    "MRPC": paraphrase,
    "QQP": duplicate_question,
    "STS-B": similarity,
    "QNLI": answer,
    "RTE": relative,
    "WNLI": pronoun,
}


def splits(
    layout: Layout, rng: np.random.Generator, *, train: int = 8_000, dev: int = 1_000, test: int = 1_000
) -> dict[str, list[GlueRow]]:
    """Splits of distinct rows for one task; the same generator state gives the same rows.

    MNLI's mismatched set "mm" speaks of things that neither "train" nor "m" mention.
    """
    seen: set[GlueRow] = set()
    if layout.folder == "MNLI":
        sizes = {"train": train, "m": dev, "mm": dev, "test-m": test, "test-mm": test}
        return {
            name: _distinct(partial(nli_pair, other_domain="mm" in name), size, rng, seen)
            for name, size in sizes.items()
        }
    sizes = {"train": train, "dev": dev, "test": test}
    return {name: _distinct(WRITERS[layout.folder], size, rng, seen) for name, size in sizes.items()}


def _distinct(write: Writer, size: int, rng: np.random.Generator, seen: set[GlueRow]) -> list[GlueRow]:
    rows: list[GlueRow] = []
    misses = 0  # in a row
    while len(rows) < size:
        row = write(rng)
        if row not in seen:
            seen.add(row)
            rows.append(row)
            misses = 0
        elif (misses := misses + 1) > 5_000:
            raise UserError(f"synthetic data: {size:,} distinct rows are more than this grammar has; ask for fewer")
    return rows
