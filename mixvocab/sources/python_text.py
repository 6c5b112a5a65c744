"""A Python source as text, never imported: its documentation, or its code without that."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator

# Comments and strings; one pattern is a hundred times faster than Python's own tokenizer and survives broken sources.
_LEXEMES = re.compile(
    r"""(?P<comment>\#[^\n]*)
      |(?P<long>\"{3}[^"\\]*(?:(?:\\.|"(?!""))[^"\\]*)*\"{3}|'{3}[^'\\]*(?:(?:\\.|'(?!''))[^'\\]*)*'{3})
      |"[^"\\\n]*(?:\\.[^"\\\n]*)*"|'[^'\\\n]*(?:\\.[^'\\\n]*)*'""",
    re.VERBOSE | re.DOTALL,
)
_SHORTEST = 60  # characters of a string in triple quotes that may hold prose


def code_lines(source: str) -> list[str]:
    """The lines that hold code, without comments, long strings and the white space around them."""
    code = _LEXEMES.sub(lambda match: "" if match["comment"] or match["long"] else match[0], source)
    return [stripped for line in code.split("\n") if (stripped := line.strip())]


def documentation(source: str) -> Iterator[str]:
    """Long string literals and blocks of comments that stand on lines of their own, in order."""
    block: list[str] = []
    block_end = -1
    for match in _LEXEMES.finditer(source):
        start, end = match.span()
        if match["comment"]:
            if source[source.rfind("\n", 0, start) + 1 : start].strip():
                continue
            if block and source[block_end:start].strip(" \t") != "\n":
                yield "\n".join(block)
                block = []
            block.append(match["comment"].lstrip("#:!"))
            block_end = end
        elif match["long"] and end - start > _SHORTEST:
            prefix = re.search(r"[a-zA-Z]*$", source[max(0, start - 2) : start])
            letters = prefix[0].lower() if prefix else ""
            if set(letters) & set("bft"):
                continue
            if block:
                yield "\n".join(block)
                block = []
            yield _value(match["long"], raw="r" in letters)
    if block:
        yield "\n".join(block)


def _value(literal: str, *, raw: bool) -> str:
    if not raw and "\\" in literal:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes in other people's docstrings
            try:
                return str(ast.literal_eval(literal))
            except (SyntaxError, ValueError):
                pass
    return literal[3:-3]
