"""Code of the library, shown where a chapter speaks of it, in lines as short as a page has room for."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable
from itertools import pairwise
from textwrap import dedent, wrap
from typing import Any

from IPython.display import Markdown, display

WIDTH = 78  # characters a line, as in the chapters' own code; the library has up to 120
_STRING = re.compile(r"f?(?:\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*')")
# Where a line within brackets may go on in the next one: what there is first of these.
_BREAKS = [re.compile(one) for one in (r" (?=for )", r"(?<=,) ", r" (?=if |else )", r" (?=and |or )", r" (?=\| )")]
_VALUE = re.compile(r"\s*(?:return |[\w., ()]+ [+|]?= )")  # what a value follows that may stand in brackets


def listing(*objects: Callable[..., Any]) -> None:
    """Display the source of classes and functions of the installed library, in colours, as `fitted` writes it."""
    source = "\n".join(fitted(dedent(inspect.getsource(each))) for each in objects)
    display(Markdown(f"```python\n{source}```"))


def fitted(source: str) -> str:
    """The same code in lines that fit: docstrings and comments filled anew, lines of code broken within brackets."""
    documented = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None:
            documented[node.body[0].lineno - 1] = node.body[0].end_lineno
    lines = source.splitlines()
    shown: list[str] = []
    number = depth = 0
    while number < len(lines):
        if end := documented.get(number):
            shown += _filled(lines[number:end])
        else:
            shown += _broken(lines[number], inside=depth > 0)
            depth += sum((char in "([{") - (char in ")]}") for char in _bare(lines[number]))
        number = end or number + 1
    return "\n".join(shown) + "\n"


def _filled(lines: list[str]) -> list[str]:
    """A docstring; what is indented in it, as formulas and arguments are, keeps its lines."""
    indent = _indent(lines[0])
    filled: list[str] = []
    paragraph: list[str] = []
    for line in [*lines, ""]:
        if line and line.strip() != '"""' and _indent(line) == indent:
            paragraph.append(line.strip())
            continue
        filled += wrap(" ".join(paragraph), WIDTH, initial_indent=indent, subsequent_indent=indent)
        filled += wrap(line, WIDTH, subsequent_indent=f"{_indent(line)}    ") or [""]
        paragraph = []
    return filled[:-1]


def _broken(line: str, *, inside: bool) -> list[str]:
    """A line of code, `inside` brackets or not, as lines that fit."""
    if len(line) <= WIDTH:
        return [line]
    indent, bare = _indent(line), _bare(line)
    code, comment = line[: len(bare)].rstrip(), line[len(bare) :].lstrip("# ")
    if not comment:
        return min(_ways(code, indent, inside=inside), key=len, default=[line])
    lines = _broken(code, inside=inside) if code else []
    if lines and len(f"{lines[-1]}  # {comment}") <= WIDTH:
        return [*lines[:-1], f"{lines[-1]}  # {comment}"]
    return wrap(comment, WIDTH, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# ") + lines


def _ways(code: str, indent: str, *, inside: bool) -> list[list[str]]:
    """The ways to break a line; of those with the fewest lines the first is the best."""
    pairs, flat = _brackets(_bare(code))
    deeper, ways = f"{indent}    ", []
    if inside and (places := next(filter(None, ([m.start() for m in each.finditer(flat)] for each in _BREAKS)), [])):
        parts = [code[start:end].strip() for start, end in pairwise([0, *places, len(code)])]
        return [[line for part in parts for line in _broken(indent + part, inside=True)]]
    if inside and (text := _STRING.fullmatch(code.strip())):
        place = max(m.end() for m in re.finditer(r" (?![^{}]*\})", code) if m.end() < WIDTH)  # between words
        rest = f"{indent}{'f' * text[0].startswith('f')}{code[-1]}{code[place:]}"
        return [[code[:place] + code[-1], *_broken(rest, inside=True)]]
    if value := _VALUE.match(code):
        ways.append([f"{value[0]}(", *_broken(deeper + code[value.end() :], inside=True), f"{indent})"])
    if not value or not re.search(", | if ", flat[value.end() :]):  # of more than one part the whole is put in brackets
        for start, end in pairs:
            body = _broken(deeper + code[start + 1 : end], inside=True)
            ways.insert(0, [code[: start + 1], *body, indent + code[end:]])
    return [way for way in ways if all(len(line) <= WIDTH for line in way)]


def _brackets(bare: str) -> tuple[list[tuple[int, int]], str]:
    """Where the outermost brackets with something in them begin and end; the line with that blotted out."""
    pairs, flat = [], ""
    opened: list[int] = []
    for place, char in enumerate(bare):
        if char in ")]}" and opened:
            start = opened.pop()
            pairs += [(start, place)] if not opened and place > start + 1 else []
        flat += "x" if opened else char
        if char in "([{":
            opened.append(place)
    return pairs, flat


def _bare(line: str) -> str:
    """A line without its comment, and with nothing in its strings that could be taken for code."""
    return _STRING.sub(lambda found: "s" * len(found[0]), line).partition("#")[0]


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]
