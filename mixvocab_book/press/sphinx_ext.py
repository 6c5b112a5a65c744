"""A small Sphinx extension: a reference from docstrings in plain text, and pages that work from disk, sealed."""

from __future__ import annotations

import base64
import hashlib
import pkgutil
import re
from html import unescape
from importlib import import_module
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

MODULES = re.compile(r"<!-- modules: ([\w.]+) -->")
SECTION = "## {title}\n\n```{{eval-rst}}\n.. automodule:: {module}\n   :members:\n   :no-value:\n```\n"
# In a docstring, code between back quotes; else what means something to reStructuredText and nothing in a sentence:
# * and | beside a word, the _ that ends one.
_MARKUP = re.compile(r"(`+)(?P<code>.+?)\1(?=(?P<letter>\w?))|[*|](?!\s)|(?<=\S)[*|]|\\|_(?!\w)", re.DOTALL)
_REPAIRS = {
    # Browsers refuse to preload fonts for a page opened from disk; the style sheet loads them anyway.
    r'\s*<link rel="preload" as="font"[^>]*>': "",
    # Icons come from Font Awesome's font; its script, half of what a first visit loads, would draw them once more.
    r'\s*<script src="[^"]*/fontawesome/[^"]*\.js[^"]*"></script>': "",
    # Names that hide from a screen reader what stands on the button: "Search", "Show code cell source".
    r'(<button class="btn search-button-field[^>]*?|<summary) aria-label="[^"]*"': r"\1",
    # The bibliography's entries have a role of their own, which no list may have for its items.
    r'(<div) role="list"( class="citation-list")': r"\1\2",
}
# Sphinx gives MathJax, two megabytes, to every page that lists one with formulas: to the first page of the book.
_MATHJAX = re.compile(r'\s*<script[^>]*src="[^"]*/mathjax\.js[^"]*"[^>]*></script>')
# What stands in a page around its text, the theme's, may run as it was rendered; what text and outputs bring may not.
_TEXT = re.compile(r"<article\b.*</article>", re.DOTALL)
_SCRIPT = re.compile(r"<script\b(?![^>]*\bsrc=)[^>]*>(.*?)</script>", re.DOTALL)
_HANDLER = re.compile(r'<[^>]*\son\w+="([^"]*)"')
# Widgets that a kernel had made check their state with functions compiled from text; the book's own do without.
_KERNEL_WIDGET = "application/vnd.jupyter.widget-view+json"
# Styles are free: formulas, icons and charts bring their own as they are drawn, in ways that no hash can foresee.
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-hashes'{more}; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; object-src 'none'; form-action 'self'; base-uri 'none'"
)


def modules(package: str) -> list[str]:
    """The modules that lie directly in a package, in order of the alphabet; not its packages."""
    found = pkgutil.iter_modules(import_module(package).__path__, f"{package}.")
    return sorted(module.name for module in found if not module.ispkg)


def expand(_: Sphinx, __: str, source: list[str]) -> None:
    """Put a section for each module in the place of a page's mark `<!-- modules: package -->`."""

    def sections(mark: re.Match[str]) -> str:
        return "\n".join(SECTION.format(title=name.partition(".")[2], module=name) for name in modules(mark[1]))

    source[0] = MODULES.sub(sections, source[0])


def as_restructured_text(_: Sphinx, __: str, ___: str, ____: Any, _____: Any, lines: list[str]) -> None:
    """Rewrite a docstring's lines, plain text with `code` in single back quotes, for Sphinx."""

    def marked_up(match: re.Match[str]) -> str:
        if not match["code"]:
            return f"\\{match[0]}"
        # A letter that follows the code at once is set apart by an escaped space, which is not printed.
        return f"``{' '.join(match['code'].split())}``" + ("\\ " if match["letter"] else "")

    lines[:] = _MARKUP.sub(marked_up, "\n".join(lines)).split("\n")


def readable_signature(_: Sphinx, __: str, ___: str, ____: Any, _____: Any, given: str, returned: str) -> Any:
    """Write "..." for objects that have no text of their own, `<factory>` for one, which Sphinx cannot read."""
    return given and re.sub("<[^<>]*>", "...", given), returned


def content_security_policy(page: str) -> str:
    """What browsers are to allow a finished page: files from beside it and, by hash, the theme's inline scripts."""
    around = _TEXT.sub("", page)
    inline = _SCRIPT.findall(around) + [unescape(handler) for handler in _HANDLER.findall(around)]
    digests = (base64.b64encode(hashlib.sha256(code.encode()).digest()).decode() for code in inline)
    more = [f" 'sha256-{digest}'" for digest in dict.fromkeys(digests)]
    return _POLICY.format(more="".join(more + [" 'unsafe-eval' blob:"] * (_KERNEL_WIDGET in page)))


def finish_pages(app: Sphinx, error: Exception | None) -> None:
    """Take out of finished pages what fails without a server, misleads or is unused, and seal them."""
    for path in Path(app.outdir).rglob("*.html") if error is None else ():
        text = path.read_text(encoding="utf-8")
        for pattern, replacement in _REPAIRS.items():
            text = re.sub(pattern, replacement, text)
        if 'class="math' not in text:
            text = _MATHJAX.sub("", text)
        sealed = f'<meta http-equiv="Content-Security-Policy" content="{content_security_policy(text)}" />'
        text = text.replace('<meta charset="utf-8" />', f'<meta charset="utf-8" />\n    {sealed}', 1)
        path.write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("source-read", expand)
    # Before napoleon, which turns sections such as "Args:" into fields.
    app.connect("autodoc-process-docstring", as_restructured_text, priority=100)
    app.connect("autodoc-process-signature", readable_signature)
    app.connect("build-finished", finish_pages, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
