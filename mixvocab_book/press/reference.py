"""The reference of the library, from its docstrings: which modules a page lists, and docstrings as Sphinx reads them.

Docstrings here are plain text with `code` in single back quotes, as people write it; Sphinx reads reStructuredText.
"""

from __future__ import annotations

import pkgutil
import re
from importlib.util import find_spec
from typing import Any

from sphinx.application import Sphinx

MARK = re.compile(r"<!-- modules: ([\w.]+) -->")
_OBJECT = re.compile(r"<[^<>]*>")
_CODE = re.compile(r"(`+)(.+?)\1", re.DOTALL)
# What means something to reStructuredText and nothing in a sentence: * and | beside a word, the _ that ends one.
_SPECIAL = re.compile(r"([*|](?!\s)|(?<=\S)[*|]|\\|_(?!\w))")


def expand(_: Sphinx, __: str, source: list[str]) -> None:
    """Put sections in the place of a page's mark `<!-- modules: package -->` (Sphinx's event `source-read`)."""
    source[0] = MARK.sub(lambda mark: "\n".join(_section(name) for name in modules(mark[1])), source[0])


def modules(package: str) -> list[str]:
    """The public modules that lie directly in a package, in order of the alphabet; not its packages."""
    spec = find_spec(package)
    found = pkgutil.iter_modules(spec.submodule_search_locations if spec else [])
    return sorted(f"{package}.{one.name}" for one in found if not one.ispkg and not one.name.startswith("_"))


def _section(module: str) -> str:
    directive = f".. automodule:: {module}\n   :members:\n   :no-value:\n"
    return f"## {module.partition('.')[2]}\n\n```{{eval-rst}}\n{directive}```\n"


def as_restructured_text(_: Sphinx, __: str, ___: str, ____: Any, _____: Any, lines: list[str]) -> None:
    """Rewrite a docstring's lines in place (Sphinx's event `autodoc-process-docstring`)."""
    text = "\n".join(lines)
    parts = _CODE.split(text)  # text, quotes, code, text, ...
    rewritten = [_SPECIAL.sub(r"\\\1", parts[0])]
    for code, after in zip(parts[2::3], parts[3::3], strict=True):
        # A letter that follows the code at once is set apart by an escaped space, which is not printed.
        rewritten += [
            f"``{' '.join(code.split())}``",
            "\\ " if after[:1].isalnum() else "",
            _SPECIAL.sub(r"\\\1", after),
        ]
    lines[:] = "".join(rewritten).split("\n")


def readable_signature(_: Sphinx, __: str, ___: str, ____: Any, _____: Any, given: str, returned: str) -> Any:
    """A signature in which defaults that have no text of their own, `<factory>` for one, are "..." (Sphinx's event).

    Sphinx could not read it else, and would print what it could not read.
    """
    text = given or ""
    while _OBJECT.search(text):  # one may hold another
        text = _OBJECT.sub("...", text)
    return (text, returned) if text != (given or "") else None
