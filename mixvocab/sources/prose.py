"""English prose out of docstrings, comments and documentation: sentences kept, code and mark-up dropped.

The patterns are in `prose.yaml`. It would rather lose a sentence than keep a table.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import yaml

_DATA = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
_NOISE, _OPENING, _SENTENCE_END, _WORD, _NOTE_TO_SELF = (
    re.compile(_DATA[name]) for name in ("noise", "opening", "sentence_end", "word", "note_to_self")
)
_INLINE = [(needle, re.compile(pattern), kept) for needle, pattern, kept in _DATA["inline"]]
_FUNCTION_WORDS = frozenset(_DATA["function_words"].split())


def paragraphs(text: str) -> Iterator[str]:
    """The English paragraphs of a documentation text, in order, each on one line without mark-up."""
    for block in _blocks(text):
        for needle, pattern, kept in _INLINE:
            if needle in block:
                block = pattern.sub(kept, block)
        prose = " ".join(filter(_is_prose, _SENTENCE_END.split(block.strip())))
        first, _, rest = prose.partition(" ")
        if prose.count(" ") >= 7 and (prose[0].isalnum() or prose[0] in "\"'("):
            yield f"{first.capitalize()} {rest}" if first.isalpha() and first.islower() else prose


def _blocks(text: str) -> Iterator[str]:
    """Candidate paragraphs: what is left of the lines when code, tables and headings are gone."""
    block: list[str] = []
    indent, hanging = 0, False  # of the block; what hangs from a bullet or a name may stand deeper
    code = -1  # lines deeper than this are code
    fenced = False
    for line in [*inspect.cleandoc(text).splitlines(), ""]:
        stripped, depth = line.strip(), len(line) - len(line.lstrip())
        if stripped and depth <= code:
            code = -1
        fence = stripped.startswith(("```", "~~~"))
        skipped = fence or fenced or code >= 0 or not stripped or _NOISE.match(stripped)
        opening = None if skipped else _OPENING.match(stripped)
        if block and (skipped or opening or depth < indent or (depth > indent and not hanging)):
            yield " ".join(block)
            block = []
        fenced ^= fence
        if code < 0 and (stripped.endswith("::") or (skipped and stripped.startswith(".."))):
            code = depth
        if skipped:
            continue
        if not block:
            indent, hanging = depth, opening is not None
        text = stripped[opening.end() :] if opening else stripped
        block.append(text.removesuffix(":") if text.endswith("::") else text)


def _is_prose(sentence: str) -> bool:
    """A finished sentence, mostly of plain words, with the share of function words that English has."""
    words = sentence.split()
    plain = sum(1 for word in words if _WORD.fullmatch(word))
    function = sum(1 for word in words if word.lower().strip("().,;:!?\"'") in _FUNCTION_WORDS)
    return (
        sentence[-1:] in tuple(".!?:)\"'")
        and not _NOTE_TO_SELF.search(sentence)
        and len(words) >= 4
        and plain >= 0.8 * len(words)
        and function >= 0.2 * len(words)
    )
