"""A seeded grammar that writes commands like those of SNIPS: 7 intents, 39 slot types, BIO tags.

`snips_grammar.yaml` has its templates and words. Fillers of many slots come from the same lists, so the tag of a word
depends on the words around it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import yaml

from mixvocab.sources.grammar import Sizes, distinct, pick
from mixvocab.sources.rows import SnipsRow

Filler = Callable[[np.random.Generator], str]

_GRAMMAR = yaml.safe_load(Path(__file__).with_name("snips_grammar.yaml").read_text(encoding="utf-8"))
TEMPLATES: dict[str, list[str]] = _GRAMMAR["templates"]
_INNERMOST = re.compile(r"\[([^\[\]()]*)\]|\(([^\[\]()]*)\)")


def snips_splits(rng: np.random.Generator, sizes: Sizes) -> dict[str, list[SnipsRow]]:
    """Splits "train", "valid" and "test" of distinct commands; the same generator state gives the same rows."""
    intents = sorted(TEMPLATES)
    seen: set[Hashable] = set()
    return {
        split: distinct(lambda: snips_row(rng, pick(rng, intents)), count, seen, key=lambda row: row.words)
        for split, count in asdict(sizes).items()
    }


def snips_row(rng: np.random.Generator, intent: str) -> SnipsRow:
    """One command of an intent."""
    template = expand(pick(rng, TEMPLATES[intent]), rng)
    words: list[str] = []
    tags: list[str] = []
    for part in re.split(r"(\{\w+\})", template):
        slot = part[1:-1] if part.startswith("{") else None
        tokens = (FILLERS[slot](rng) if slot else part).split()
        words += tokens
        tags += [f"{'I' if i else 'B'}-{slot}" if slot else "O" for i in range(len(tokens))]
    return SnipsRow(tuple(words), tuple(tags), intent)


def expand(template: str, rng: np.random.Generator) -> str:
    """Decide every choice of a template, from the inside out; a bracket's options stand half of the time."""
    while match := _INNERMOST.search(template):
        optional, options = match.groups()
        if options is None:
            chosen = pick(rng, optional.split("|")) if rng.random() < 0.5 else ""
        else:
            chosen = pick(rng, options.split("|"))
        template = template[: match.start()] + chosen + template[match.end() :]
    return template


def _options(listed: str) -> list[str]:
    return [option.strip() for option in listed.split("|")]


WORDS = {name: _options(listed) for name, listed in _GRAMMAR["words"].items()}
_TITLES = _options(_GRAMMAR["titles"])


def _title(rng: np.random.Generator) -> str:
    """A made-up title: of an album, a track, a film, a book, a playlist or a restaurant alike."""
    return " ".join(pick(rng, WORDS[word]) if word in WORDS else word for word in pick(rng, _TITLES).split())


def _artist(rng: np.random.Generator) -> str:
    """A person, or a band whose name could be a title."""
    if rng.random() < 0.7:
        return f"{pick(rng, WORDS['NAME'])} {pick(rng, WORDS['PLACE'])}"
    return f"the {pick(rng, WORDS['ADJECTIVE'])} {pick(rng, WORDS['NOUN']).removesuffix('s')}s"


def _genre(rng: np.random.Generator) -> str:
    return pick(rng, WORDS["GENRE"])


def _owner(rng: np.random.Generator) -> str:
    return "my" if rng.random() < 0.5 else f"{pick(rng, WORDS['NAME'])} s"


def _cinema(rng: np.random.Generator) -> str:
    return f"{pick(rng, WORDS['PLACE'])} {pick(rng, ('theatre', 'cinemas', 'pictures', 'city'))}"


def _mostly(share: float, usual: Filler, other: Filler) -> Filler:
    return lambda rng: usual(rng) if rng.random() < share else other(rng)


def _one_of(options: list[str]) -> Filler:
    return lambda rng: pick(rng, options)


FILLERS: dict[str, Filler] = {
    **{slot: _one_of(WORDS.get(listed) or _options(listed)) for slot, listed in _GRAMMAR["slots"].items()},
    **dict.fromkeys(("album", "movie_name", "object_name", "track"), _title),
    "artist": _artist,
    "entity_name": _mostly(0.6, _title, _artist),
    "location_name": _cinema,
    "playlist": _mostly(0.7, _title, _genre),
    "playlist_owner": _owner,
    "restaurant_name": _mostly(0.7, _title, _artist),
}
