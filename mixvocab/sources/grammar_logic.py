"""Inference with quantifiers, the label computed by logic.

A sentence says that all, some, not all or no N are V. "Old users" are users and who "stops quickly" stops, so
every N and V comes wide and narrow. What one sentence says of another is decided in every possible world:
a world is the set of kinds of individuals that exist, a kind being what holds of an individual.
"""

from __future__ import annotations

from functools import cache
from itertools import product
from typing import NamedTuple

import numpy as np

from mixvocab.sources.grammar import pick
from mixvocab.sources.rows import GlueRow

QUANTIFIERS = {
    "all": ("all {n} {v}", "every one of the {n} {v}", "each and every one of the {n} {v}"),
    "some": ("some {n} {v}", "at least one of the {n} {v}", "there are {n} who {v}"),
    "no": ("no {n} {v}", "none of the {n} {v}", "there are no {n} who {v}"),
    "not all": ("not all {n} {v}", "not every one of the {n} {v}", "there are {n} who did not {b}"),
}
NOUNS = {
    False: "users workers children clients readers owners authors writers parents hosts agents editors drivers",
    True: "robots wizards dragons aliens ghosts knights mermaids giants pirates vampires elves goblins",
}
ADJECTIVES = "old new small large local remote hidden active unknown fast slow simple free young"
VERBS = "started/start stopped/stop failed/fail returned/return changed/change moved/move left/leave worked/work"
ADVERBS = "again|quickly|in the library|at home|twice|in the background|at night|together|on sunday|at the end"
LABELS = ("contradiction", "entailment", "neutral")


class Claim(NamedTuple):
    """`quantifier` N are V, of the narrow or the wide N and V."""

    quantifier: str
    narrow_noun: bool
    narrow_verb: bool


# What can hold of an individual: 0 nothing, 1 the wide sense, 2 the narrow sense too; of noun and of verb.
_KINDS = tuple(product(range(3), range(3)))
# Worlds in which there is an individual of the narrow noun: "all old users" is not said where there are none.
_WORLDS = tuple(
    tuple(kind for i, kind in enumerate(_KINDS) if world >> i & 1)
    for world in range(1 << len(_KINDS))
    if any(world >> i & 1 and kind[0] == 2 for i, kind in enumerate(_KINDS))
)
CLAIMS = tuple(Claim(*parts) for parts in product(QUANTIFIERS, (False, True), (False, True)))


def holds(claim: Claim, world: tuple[tuple[int, int], ...]) -> bool:
    """Whether the claim is true of a world."""
    verbs = [verb >= 1 + claim.narrow_verb for noun, verb in world if noun >= 1 + claim.narrow_noun]
    some, every = any(verbs), all(verbs)
    return {"all": every, "some": some, "no": not some, "not all": not every}[claim.quantifier]


@cache
def relation(premise: Claim, hypothesis: Claim) -> str:
    """entailment: true in every world where the premise is; contradiction: in none; neutral otherwise."""
    outcomes = {holds(hypothesis, world) for world in _WORLDS if holds(premise, world)}
    if len(outcomes) == 2:
        return "neutral"
    return "entailment" if True in outcomes else "contradiction"


@cache
def pairs(label: str) -> tuple[tuple[Claim, Claim], ...]:
    """All pairs of different claims in this relation."""
    return tuple((p, h) for p, h in product(CLAIMS, CLAIMS) if p != h and relation(p, h) == label)


def nli_pair(rng: np.random.Generator, label: str, *, other_domain: bool = False) -> GlueRow:
    """A premise and a hypothesis about the same things in the relation `label`, one of `LABELS`."""
    premise, hypothesis = pick(rng, pairs(label))
    noun = pick(rng, NOUNS[other_domain].split())
    adjective, verb, adverb = pick(rng, ADJECTIVES.split()), pick(rng, VERBS.split()), pick(rng, ADVERBS.split("|"))

    def say(claim: Claim) -> str:
        past, base = (f"{form} {adverb}" if claim.narrow_verb else form for form in verb.split("/"))
        subject = f"{adjective} {noun}" if claim.narrow_noun else noun
        return pick(rng, QUANTIFIERS[claim.quantifier]).format(n=subject, v=past, b=base) + " ."

    return GlueRow(say(premise), say(hypothesis), label)
