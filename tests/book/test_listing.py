"""Code of the library in chapters: short enough for a page, and the same code."""

from __future__ import annotations

import ast
import inspect
import io
import json
import tokenize
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from mixvocab_book.show.listing import WIDTH, fitted

CHAPTERS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))


def listed() -> Iterator[tuple[str, str]]:
    """What chapters list, as it is written there, and its source."""
    for chapter in CHAPTERS:
        cells = json.loads(chapter.read_text(encoding="utf-8"))["cells"]
        code = [ast.parse("".join(cell["source"])) for cell in cells if cell["cell_type"] == "code"]
        calls = [call for cell in code for call in ast.walk(cell) if isinstance(call, ast.Call)]
        named = [name for call in calls if ast.unparse(call.func) == "listing" for name in call.args]
        names: dict[str, object] = {}
        for line in (line for cell in code for line in cell.body if isinstance(line, ast.Import | ast.ImportFrom)):
            if named:
                exec(ast.unparse(line), names)
        for name in map(ast.unparse, named):
            yield name, dedent(inspect.getsource(eval(name, names)))


def comments(source: str) -> list[str]:
    """Their words; one may have become two lines, or moved above its code."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return " ".join(token.string.lstrip("# ") for token in tokens if token.type == tokenize.COMMENT).split()


def meaning(source: str) -> str:
    """The code as Python understands it, of docstrings the words."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and (text := ast.get_docstring(node)):
            node.body[0] = ast.Expr(ast.Constant(" ".join(text.split())))
    return ast.dump(tree)


def same(source: str) -> bool:
    shown = fitted(source)
    return meaning(shown) == meaning(source) and comments(shown) == comments(source)


def test_what_chapters_list_fits_and_is_the_librarys_code() -> None:
    found = dict(listed())
    assert len(found) >= 13
    shown = {name: fitted(source) for name, source in found.items()}
    assert [line for code in shown.values() for line in code.splitlines() if len(line) > WIDTH] == []
    assert [name for name, source in found.items() if not same(source)] == []


@pytest.mark.parametrize(
    ("long", "short"),
    [
        ("ready = [make(one, other) for one, other in zip(ones, others)]", 1),
        ("ready = [make_of_both(one, other) for one, other in zip(the_first_of_all, the_second_of_all)]", 4),
        ("if first_of_all(here, there) or second_of_all(here, there) or third(here, there): pass", 3),
        ("one, other = first_of_all_functions(here, there), second_of_all_functions(here, there)", 3),
        ("value = first_of_all_functions(here) if this is None else second_of_all_functions(here)", 5),
        ('raise ValueError(f"a # is no comment {here, there}, and a long text is cut between words, as this")', 4),
    ],
)
def test_a_long_line_is_broken_where_a_reader_would(long: str, short: int) -> None:
    assert len(fitted(long).splitlines()) == short
    assert same(long)


def test_docstrings_are_filled_and_what_is_indented_in_them_stays() -> None:
    told = "a word " * 20
    code = (
        f'def f():\n    """First {told}\n\n        x = y\n\n    {told}\n    and on.\n    """\n    return 1  # {told}\n'
    )
    lines = fitted(code).splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert "        x = y" in lines
    assert lines[-1] == "    return 1"
    assert same(code)
