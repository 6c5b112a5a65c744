"""Synthetic tasks: seeded grammars whose labels follow by rule, so that a reader who knows the rules makes no mistake.

Commands like those of SNIPS, in which fillers of many slots come from the same lists, so that the tag of a word depends
on the words around it; and reviews like those of SST-2, in which the words alone say something, as they do in the real
ones, and structure says the rest. The words are in `synthetic.yaml`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeVar

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


def snips(sizes: Sizes) -> tuple[Source, dict[str, list[SnipsRow]]]:
    """Splits of distinct commands, always the same."""
    write = partial(command, Grammar(GRAMMARS["commands"]["rules"], np.random.default_rng(SEED)))
    return _written("snips", "synthetic SNIPS-like commands", write, asdict(sizes), lambda row: row.words)


def glue(task: str, sizes: Sizes) -> tuple[Source, dict[str, list[GlueRow]]]:
    """Splits of distinct reviews, always the same. Raises UserError for any of GLUE's tasks but SST-2."""
    if task != "SST-2":
        raise UserError(f"task {task}: no synthetic set; put GLUE's own files into glue/{task}/ of your data folder")
    write = partial(sentiment, Grammar(GRAMMARS["sentiment"], np.random.default_rng(SEED)))
    counts = {"train": sizes.train, "dev": sizes.valid, "test": sizes.test}
    return _written("glue", "synthetic SST-2-like set", write, counts, lambda row: row)


def _written(
    kind: str, name: str, write: Callable[[], Row], counts: Mapping[str, int], key: Callable[[Row], Hashable]
) -> tuple[Source, dict[str, list[Row]]]:
    """So many rows of each split, whose keys occur nowhere else; and their provenance."""
    distinct: dict[Hashable, Row] = {}
    splits = {}
    for split, count in counts.items():
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
