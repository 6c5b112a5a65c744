"""Text that is on the reader's machine already: English prose and source code among the installed Python files.

Prose are the docstrings, other documentation strings and block comments of the standard library and of every installed
package but this one, and the packages' documentation files: sentences kept, code and mark-up dropped; it would rather
lose a sentence than keep a table. Code is the standard library without its prose: text that an English vocabulary fits
badly, from which a vocabulary of low overlap is learned. What comes out depends on what is installed, so its digest is
part of every record that used it. Files are read as text, never imported; `installed.yaml` has the patterns.
"""

from __future__ import annotations

import hashlib
import inspect
import os
import re
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import yaml

from mixvocab.common.progress import progress

_LARGEST = 3_000_000  # bytes; larger sources are tables written by programs
RULES = Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8")
_DATA = yaml.safe_load(RULES)
ABOUT: dict[str, dict[str, str]] = _DATA["texts"]  # name, location and licence by kind
_PATTERNS = {name: re.compile(pattern) for name, pattern in _DATA["patterns"].items()}
_INLINE = [(needle, re.compile(pattern), kept) for needle, pattern, kept in _DATA["inline"]]
_FUNCTION_WORDS = frozenset(_DATA["function_words"].split())


def prose() -> Iterator[str]:
    """English documents, one a file; no paragraph occurs twice, and names and numbers make no other paragraph of it."""
    paths = _files("stdlib", "purelib", "platlib")
    seen: set[str] = set()
    with progress("reading the installed documentation, files", len(paths)) as bar:
        for path in paths:
            kept = []
            for paragraph in file_prose(path):
                words = [word for word in paragraph.split()[1:] if word.isalpha() and word.islower()]
                if (key := " ".join(words)) not in seen:
                    seen.add(key)
                    kept.append(paragraph)
            if kept:
                yield "\n".join(kept)
            bar.advance()


def code() -> Iterator[str]:
    """Documents of code, one a file of the standard library."""
    modules = (path for path in _files("stdlib") if path.suffix == ".py")
    return filter(None, ("\n".join(code_lines(_read(path))) for path in modules))


def code_lines(source: str) -> list[str]:
    """The lines of a Python source that hold code, without comments, long strings and the white space around them."""
    code = _PATTERNS["lexemes"].sub(lambda match: "" if match["comments"] or match["long"] else match[0], source)
    return [stripped for line in code.split("\n") if (stripped := line.strip())]


def file_prose(path: Path) -> list[str]:
    """The English paragraphs of one file: of Python's strings and comments, or of a documentation text."""
    text = _read(path)
    if path.suffix == ".py":
        return [paragraph for part in _documentation(text) for paragraph in paragraphs(part)]
    return list(paragraphs(text.partition("\n\n")[2] if path.name == "METADATA" else text))


def paragraphs(text: str) -> Iterator[str]:
    """The English paragraphs of a documentation text, in order, each on one line without mark-up."""
    for block in _blocks(text):
        for needle, pattern, kept in _INLINE:
            if needle in block:
                block = pattern.sub(kept, block)
        prose = " ".join(filter(_is_prose, _PATTERNS["sentence_end"].split(block.strip())))
        first, _, rest = prose.partition(" ")
        if prose.count(" ") >= 7 and (prose[0].isalnum() or prose[0] in "\"'("):
            yield f"{first.capitalize()} {rest}" if first.isalpha() and first.islower() else prose


def _files(*roots: str) -> list[Path]:
    """Files that hold prose or code, below folders of `sysconfig`.

    In the order of the digests of their names there: the same on every machine, any stretch of it a fair sample.
    """
    paths: dict[str, Path] = {}
    for root in {sysconfig.get_paths()[name]: None for name in roots}:
        for folder, folders_below, names in os.walk(root):
            folders_below[:] = [name for name in folders_below if not _PATTERNS["skipped_folders"].match(name)]
            for path in (Path(folder, name) for name in names):
                wanted = _PATTERNS["read_files"].match(path.name) and not _PATTERNS["skipped_files"].search(path.name)
                if wanted and path.stat().st_size <= _LARGEST:
                    paths.setdefault(path.relative_to(root).as_posix(), path)
    return [paths[name] for name in sorted(paths, key=lambda name: hashlib.sha256(name.encode()).digest())]


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _documentation(source: str) -> Iterator[str]:
    """Long string literals and blocks of comments that stand on lines of their own, in order."""
    for match in _PATTERNS["lexemes"].finditer(source):
        if match["comments"]:
            if not source[source.rfind("\n", 0, match.start()) + 1 : match.start()].strip():
                yield re.sub(r"(?m)^[ \t]*#[#:!]*", "", match["comments"])
        elif match["long"] and not _PATTERNS["no_text"].search(source, max(0, match.start() - 3), match.start()):
            yield match["long"][3:-3]


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
        skipped = fence or fenced or code >= 0 or not stripped or _PATTERNS["noise"].match(stripped)
        opening = None if skipped else _PATTERNS["opening"].match(stripped)
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
    plain = sum(1 for word in words if _PATTERNS["word"].fullmatch(word))
    function = sum(1 for word in words if word.lower().strip("().,;:!?\"'") in _FUNCTION_WORDS)
    return (
        sentence[-1:] in tuple(".!?:)\"'")
        and not _PATTERNS["note_to_self"].search(sentence)
        and len(words) >= 4
        and plain >= 0.8 * len(words)
        and function >= 0.2 * len(words)
    )
