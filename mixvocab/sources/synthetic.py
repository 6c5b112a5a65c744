"""Synthetic tasks: seeded grammars whose labels follow by rule, so that a reader who knows the rules makes no mistake.

Commands like those of SNIPS, in which fillers of many slots come from the same lists, so that the tag of a word depends
on the words around it; and examples like those of the paper's three GLUE tasks, in which the words alone say something,
as they do in the real ones, and structure says the rest. The words are in `synthetic.yaml`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache, partial
from itertools import combinations, product
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import yaml

from mixvocab.common.errors import UserError
from mixvocab.common.files import text_sha256
from mixvocab.sources.rows import GlueRow, Sizes, SnipsRow
from mixvocab.sources.source import Source

T = TypeVar("T")
Row = TypeVar("Row", SnipsRow, GlueRow)
SEED = 0
MOST_MISSES = 5_000  # repetitions in a row after which a grammar is held for exhausted
GRAMMARS = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
_SYMBOL = re.compile(r"\b[A-Z_]+\b")
_CHOICE = re.compile(r"\[([^\[\]()]*)\]|\(([^\[\]()]*)\)")  # an innermost one


@cache
def options(listed: str) -> list[str]:
    """What stands between the bars."""
    return [option.strip() for option in listed.split("|")]


@dataclass(frozen=True)
class Grammar:
    """Rules by name, as `synthetic.yaml` explains them, and the generator that all draws come from."""

    rules: Mapping[str, str | list[Any]]
    rng: np.random.Generator

    def draw(self, name: str) -> str:
        """One of the rule's options, names of rules in it replaced by draws from left to right."""
        rule = self.rules[name]
        if isinstance(rule, str):
            option = self.pick(options(rule))
        else:
            share, usual, other = rule
            option = usual if self.rng.random() < share else other
        return _SYMBOL.sub(lambda symbol: self.draw(symbol[0]), option)

    def pick(self, choices: Sequence[T]) -> T:
        return choices[int(self.rng.integers(len(choices)))]

    def choose(self, template: str) -> str:
        """Decide every choice of a template, from the inside out; a square bracket's stands half of the time."""
        while match := _CHOICE.search(template):
            optional, needed = match.groups()
            kept = needed is not None or self.rng.random() < 0.5
            chosen = self.pick((optional if needed is None else needed).split("|")) if kept else ""
            template = template[: match.start()] + chosen + template[match.end() :]
        return template


def command(grammar: Grammar) -> SnipsRow:
    """SNIPS: a command with its intent and a tag for each word."""
    templates = GRAMMARS["commands"]["templates"]
    intent = grammar.pick(sorted(templates))
    words: list[str] = []
    tags: list[str] = []
    for part in re.split(r"(\{\w+\})", grammar.choose(grammar.pick(templates[intent]))):
        slot = part[1:-1] if part.startswith("{") else None
        tokens = (grammar.draw(slot) if slot else part).split()
        words += tokens
        tags += [f"{'I' if i else 'B'}-{slot}" if slot else "O" for i in range(len(tokens))]
    return SnipsRow(tuple(words), tuple(tags), intent)


def sentiment(grammar: Grammar) -> GlueRow:
    """SST-2: negation turns a clause over; after "but", and beside "although", the other clause decides."""

    def clause(positive: bool) -> str:
        negated = grammar.rng.random() < 0.25
        adjective = grammar.draw("GOOD" if positive != negated else "BAD")
        return f"the {grammar.draw('ASPECT')} {grammar.draw('NEGATION' if negated else 'ASSERTION')} {adjective}"

    positive = grammar.pick((False, True))
    say, contrast, support = clause(positive), clause(not positive), clause(positive)
    sentence = grammar.draw("SENTENCE").format(say=say, contrast=contrast, support=support)
    return GlueRow(f"{grammar.draw('OPENING')} {sentence}".strip(), None, str(int(positive)))


def paraphrase(grammar: Grammar) -> GlueRow:
    """MRPC: an event told in two ways; or one text tells more, or a detail is another, or who did it to whom."""

    def draw_event() -> dict[str, str]:
        people = options(GRAMMARS["paraphrase"]["PERSON"])
        agent, patient = (people[i] for i in grammar.rng.choice(len(people), 2, replace=False))
        return {"agent": agent, "verb": grammar.draw("VERB"), "patient": patient} | {
            name: grammar.draw(name.upper()) for name in ("place", "time")
        }

    def tell(event: dict[str, str]) -> str:
        past, participle = event["verb"].split("/")
        deed = grammar.draw("DEED").format(past=past, participle=participle, **event)
        return grammar.draw("ORDER").format(deed=deed, **event)

    event, same = draw_event(), grammar.pick((False, True))
    difference = "" if same else grammar.draw("DIFFERENCE")
    other = event | {"agent": event["patient"], "patient": event["agent"]} if difference == "roles" else event
    while difference == "detail" and (other == event or other["agent"] == other["patient"]):
        detail = grammar.pick(list(event))
        other = event | {detail: draw_event()[detail]}
    texts = [tell(event)] * 2
    while texts[1] == texts[0]:
        texts[1] = tell(other)
    if difference == "more":
        reason = grammar.draw("REASON")
        longer = 0 if grammar.pick((False, True)) else 1
        texts[longer] = texts[longer].removesuffix(".") + f", {reason} ."
    return GlueRow(texts[0], texts[1], str(int(same)))


class Claim(NamedTuple):
    """`quantifier` N are V. "Old users" are users and who "stops quickly" stops: N and V come wide and narrow."""

    quantifier: str
    narrow_noun: bool
    narrow_verb: bool

    def holds(self, world: tuple[tuple[int, int], ...]) -> bool:
        """Whether it is true of a world, which is the set of kinds of individuals that exist."""
        verbs = [verb >= 1 + self.narrow_verb for noun, verb in world if noun >= 1 + self.narrow_noun]
        some, every = any(verbs), all(verbs)
        return {"all": every, "some": some, "no": not some, "not all": not every}[self.quantifier]


# Of an individual, noun and verb each hold in: 0 no sense, 1 the wide one, 2 the narrow one too.
_KINDS = tuple(product(range(3), range(3)))
# Worlds in which there is an individual of the narrow noun: "all old users" is not said where there are none.
_WORLDS = [
    world
    for size in range(1, len(_KINDS) + 1)
    for world in combinations(_KINDS, size)
    if any(noun == 2 for noun, _ in world)
]
CLAIMS = tuple(Claim(*parts) for parts in product(("all", "some", "no", "not all"), (False, True), (False, True)))


@cache
def relation(premise: Claim, hypothesis: Claim) -> str:
    """entailment: true in every world where the premise is; contradiction: in none; neutral otherwise."""
    outcomes = {hypothesis.holds(world) for world in _WORLDS if premise.holds(world)}
    if len(outcomes) == 2:
        return "neutral"
    return "entailment" if True in outcomes else "contradiction"


@cache
def _pairs(label: str) -> list[tuple[Claim, Claim]]:
    """All pairs of different claims in this relation."""
    return [(p, h) for p, h in product(CLAIMS, CLAIMS) if p != h and relation(p, h) == label]


def inference(grammar: Grammar, *, noun: str = "NOUN") -> GlueRow:
    """MNLI: two claims about the same things, their label computed by logic; `noun` is the rule for the things."""
    label = grammar.pick(("contradiction", "entailment", "neutral"))
    premise, hypothesis = grammar.pick(_pairs(label))
    things, adjective, verb, adverb = (grammar.draw(name) for name in (noun, "ADJECTIVE", "VERB", "ADVERB"))

    def say(claim: Claim) -> str:
        past, base = (f"{form} {adverb}" if claim.narrow_verb else form for form in verb.split("/"))
        subject = f"{adjective} {things}" if claim.narrow_noun else things
        return grammar.draw(claim.quantifier).format(n=subject, v=past, b=base) + " ."

    return GlueRow(say(premise), say(hypothesis), label)


def snips(sizes: Sizes) -> tuple[Source, dict[str, list[SnipsRow]]]:
    """Splits of distinct commands, always the same."""
    write = partial(command, Grammar(GRAMMARS["commands"]["rules"], np.random.default_rng(SEED)))
    planned = {split: (write, count) for split, count in asdict(sizes).items()}
    return _written("snips", "synthetic SNIPS-like commands", planned, lambda row: row.words)


def glue(task: str, sizes: Sizes) -> tuple[Source, dict[str, list[GlueRow]]]:
    """Splits of distinct rows, always the same, for a task by GLUE's own name.

    MNLI's mismatched sets "mm" and "test-mm" speak of things that the other splits do not mention. Raises UserError if
    there is no grammar for the task.
    """
    writers = {"SST-2": sentiment, "MRPC": paraphrase, "MNLI": inference}
    if task not in writers:
        raise UserError(f"task {task}: no synthetic set; put GLUE's own files into glue/{task}/ of your data folder")
    grammar = Grammar(GRAMMARS[writers[task].__name__], np.random.default_rng(SEED))
    write, new = partial(writers[task], grammar), partial(inference, grammar, noun="NEW_NOUN")
    planned = {"train": (write, sizes.train), "dev": (write, sizes.valid), "test": (write, sizes.test)}
    if task == "MNLI":
        matched = {"train": planned["train"], "m": planned["dev"], "mm": (new, sizes.valid)}
        planned = matched | {"test-m": planned["test"], "test-mm": (new, sizes.test)}
    return _written("glue", f"synthetic {task}-like set", planned, lambda row: row)


def _written(
    kind: str,
    name: str,
    planned: Mapping[str, tuple[Callable[[], Row], int]],
    key: Callable[[Row], Hashable],
) -> tuple[Source, dict[str, list[Row]]]:
    """Rows of each split, by writer and number, whose keys occur nowhere else; and their provenance."""
    distinct: dict[Hashable, Row] = {}
    splits = {}
    for split, (write, count) in planned.items():
        before, misses = len(distinct), 0
        while len(distinct) < before + count:
            row, known = write(), len(distinct)
            distinct.setdefault(key(row), row)
            misses = misses + 1 if len(distinct) == known else 0
            if misses > MOST_MISSES:
                raise UserError(f"{name}: its grammar has no {count:,} new rows for {split}; ask for fewer rows")
        splits[split] = list(distinct.values())[before:]
    cells = ([" ".join(c) if isinstance(c, tuple) else str(c) for c in row] for row in distinct.values())
    sha256 = text_sha256(*map("\t".join, cells))
    return Source(kind, name, "embedded", "this project's grammar", "Apache-2.0", sha256, False), splits
