"""English prose out of docstrings, comments and documentation: sentences kept, code and mark-up dropped.

`paragraphs` walks the lines of a text in reStructuredText, Markdown, numpydoc or Google style and yields the
paragraphs that are running English. It would rather lose a sentence than keep a table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_BULLET = re.compile(r"(?:[-*+•]|\d{1,2}[.)]|\(?[a-z]\)|#\.)\s+(?=\S)")
_DIRECTIVE = re.compile(r"\.\. ([\w:-]+?):: ?(.*)")
_FENCE = re.compile(r"(```+|~~~+|:::+)")
_UNDERLINE = re.compile(r"([=\-~^*#+\"'`.:_])\1{2,}$")
_HEADING = re.compile(r"#{1,6} +(.*)")
_FIELD = re.compile(
    r"[:@](param|parameter|arg|argument|key|keyword|return|returns|yield|yields|raise|raises|var|ivar)\b"
)
_FIELD_BODY = re.compile(r"[:@]\w+(?: [^:]*)?: +(.*)|@\w+ (?:[\w.]+ )?(.*)")
_OTHER_FIELD = re.compile(r"[:@][a-z]\w*[^`:]*:(?: |$)")
# numpydoc "name : type, optional"; Google "name (type, optional): what it is" and "name: what it is".
_TYPE_LINE = re.compile(r"[`*\w][\w.,*`'\" \[\]]* : \S")
_GOOGLE = re.compile(r"[-*]? ?[`*]{0,2}\w[\w.]*[`*]{0,2}(?: ?\([^()]*(?:\([^()]*\)[^()]*)*\))?(?: ?--?| ?:) +(?=\S)")
_TABLE = re.compile(r"\||\+[-=+]|[=-]{3,} +[=-]{3,}|.*\S {3,}\S.* {3,}\S|.* \| ")
_CODE = re.compile(r"(>>>|\.\.\. |\$ |In \[|Out\[|% |C:\\|@\w+\(|from \S+ import |import \w+$|<\w|[{}])")

_KEPT_DIRECTIVES = {
    "note", "warning", "tip", "important", "caution", "hint", "attention", "danger", "admonition", "topic",
    "versionadded", "versionchanged", "deprecated", "rubric",
}  # fmt: skip
_SKIPPED_SECTIONS = {"references", "see also", "bibliography", "license", "copyright", "table of contents"}

# A character that the mark-up cannot do without (a cheap look before the search), the mark-up, what stays of it.
_INLINE = [
    ("](", re.compile(r"!?\[([^\]\[]*)\]\([^)\s]*\)"), r"\1"),  # Markdown link
    ("]_", re.compile(r"\s*\[[\w#.*-]+\]_+"), ""),  # footnote and citation marks
    ("`", re.compile(r"[:{][a-z][\w:+-]*[:}](?=`)"), ""),  # role
    ("`", re.compile(r"`[~!]?[\w.]*?\.?(\w+)(\(\))?`(?!`)"), r"\1"),  # `~package.module.name` -> name
    ("`", re.compile(r"`+([^`<]*?)\s*<[^`>]*>`+_*"), r"\1"),  # `text <target>`
    ("`", re.compile(r"`+([^`]*)`+_{0,2}"), r"\1"),
    ("<", re.compile(r"</?[a-zA-Z][^<>]{0,200}>"), ""),
    ("*", re.compile(r"(?<![\w*])\*{1,3}(?=\S)([^*]*[^\s*])\*{1,3}(?![\w*])"), r"\1"),
    ("_", re.compile(r"(?<!\w)_{1,2}(?=[A-Za-z])([^_]*[^\s_])_{1,2}(?!\w)"), r"\1"),
    ("/", re.compile(r"<?\(?(?:https?|ftp)://[^\s>)]+[>)]?"), ""),
    ("www.", re.compile(r"\bwww\.[^\s)]+"), ""),
    ("\\", re.compile(r"\\([*_`|\\'\"<>#-])"), r"\1"),
    ("|", re.compile(r"\|(\w+)\|"), r"\1"),
    ("(", re.compile(r"\(\s*\)"), ""),
    ("[", re.compile(r"\[\s*\]"), ""),
    (" ", re.compile(r"\s+([.,;:!?)])(?=\s|$)"), r"\1"),
    ("  ", re.compile(r"\s{2,}"), " "),
]

_SENTENCE_END = re.compile(
    r"(?:(?<=[.!?])|(?<=[.!?][)\"']))(?<!e\.g\.)(?<!i\.e\.)(?<!etc\.)(?<!vs\.)(?<!cf\.)(?<![A-Z]\.)\s+(?=[A-Z\"'(])"
)
_WORD = re.compile(r"[(\"'\[]*(?:[A-Za-z]?[a-z]+|[A-Z]+s?)(?:['’/-][A-Za-z]+)*[)\]\"',.;:!?]*|\d+(?:[.,]\d+)*[)%,.;:]*")
_NOTE_TO_SELF = re.compile(r"\b(?:TODO|FIXME|XXX|noqa|pylint|mypy:|type: ignore|pragma)\b")
_FUNCTION_WORDS = frozenset(
    """
    a about after all also an and any are as at be been before being between both but by can could did
    do does each either every for from had has have how if in into is it its may might more most must
    neither no not of on one only or other our over same shall should since so some such than that the
    their them then there these they this those through to too under until up used using very was we
    were what when where whether which while who whose why will with within without would you your
    """.split()
)


def paragraphs(text: str) -> Iterator[str]:
    """The English paragraphs of a documentation text, in order, each on one line without mark-up."""
    for block in _blocks(text):
        if kept := _english(block):
            yield kept


def _blocks(text: str) -> Iterator[str]:
    """Candidate paragraphs: what is left of the lines when code, tables and headings are gone."""
    lines = _dedent(text)
    paragraph: list[str] = []  # its lines so far
    paragraph_indent = 0
    hanging = False  # the paragraph began with a bullet or a name: its next lines may stand deeper
    code_below = -1  # lines deeper than this are code or a dropped directive's body
    fence = ""
    doctest = skipped = False

    def flush() -> Iterator[str]:
        if paragraph and not skipped:
            yield " ".join(paragraph)
        paragraph.clear()

    for number, line in enumerate(lines):
        stripped = line.strip()
        indent = len(line) - len(line.lstrip())
        following = lines[number + 1] if number + 1 < len(lines) else ""
        deeper = bool(following.strip()) and len(following) - len(following.lstrip()) > indent
        if fence:
            fence = "" if stripped.startswith(fence) else fence
            continue
        if not stripped:
            yield from flush()
            doctest = False
            continue
        if code_below >= 0:
            if indent > code_below:
                continue
            code_below = -1
        if mark := _FENCE.match(stripped):
            yield from flush()
            # A ::: block holds prose (Markdown admonitions); the other two hold code.
            fence = "" if stripped.startswith(":") else mark[1]
            continue
        if _UNDERLINE.match(stripped):
            heading = paragraph[-1] if len(paragraph) == 1 else ""
            if heading:
                paragraph.clear()
                skipped = heading.lower() in _SKIPPED_SECTIONS
            yield from flush()
            continue
        if heading_mark := _HEADING.match(stripped):
            yield from flush()
            skipped = heading_mark[1].lower() in _SKIPPED_SECTIONS
            continue
        if doctest or _CODE.match(stripped) or _TABLE.match(stripped):
            yield from flush()
            doctest = doctest or stripped.startswith((">>>", "In ["))
            continue
        if stripped.startswith(".. "):
            yield from flush()
            directive = _DIRECTIVE.match(stripped)
            if not directive or directive[1] not in _KEPT_DIRECTIVES:
                code_below = indent
                continue
            stripped = directive[2].lstrip("0123456789.v ")
            if not stripped:
                continue
            indent, hanging = indent + 1, True
            paragraph, paragraph_indent = [stripped], indent
            continue
        if stripped[0] in ":@" and (_FIELD.match(stripped) or _OTHER_FIELD.match(stripped)):
            yield from flush()
            body = _FIELD_BODY.match(stripped) if _FIELD.match(stripped) else None
            if body and (body[1] or body[2]):
                paragraph, paragraph_indent, hanging = [body[1] or body[2]], indent, True
            continue
        if deeper and not paragraph and stripped.endswith(":") and stripped.count(" ") < 2:
            continue  # "Args:", "Raises:"
        bullet = _BULLET.match(stripped)
        named = _GOOGLE.match(stripped) if bullet or not paragraph or indent <= paragraph_indent else None
        if named and _NOTE_TO_SELF.match(stripped):
            named = None  # "TODO: ..." is recognised, and dropped, as a sentence
        if deeper and (_TYPE_LINE.match(stripped) or (not paragraph and not bullet and stripped[-1] not in ".:,;")):
            yield from flush()
            if not (named and " " in stripped[named.end() :] and not _TYPE_LINE.match(stripped)):
                continue
        if bullet or (named and (not paragraph or hanging or indent < paragraph_indent)):
            yield from flush()
            start = named.end() if named else bullet.end() if bullet else 0
            stripped, hanging = stripped[start:], True
        elif paragraph and indent != paragraph_indent and not (hanging and indent > paragraph_indent):
            yield from flush()
        if not paragraph:
            paragraph_indent = indent
            hanging = bool(bullet or named)
        if stripped.endswith("::"):
            paragraph.append(stripped[:-1])
            yield from flush()
            code_below = indent
            continue
        paragraph.append(stripped)
    yield from flush()


def _dedent(text: str) -> list[str]:
    """Lines with the common margin gone; the first line's own does not count, as in docstrings."""
    lines = text.expandtabs(4).splitlines()
    margin = min((len(line) - len(line.lstrip()) for line in lines[1:] if line.strip()), default=0)
    return [line.strip() if number == 0 else line[margin:].rstrip() for number, line in enumerate(lines)]


def _english(block: str) -> str:
    """The sentences of a block that are English prose, joined; empty if too little is left."""
    if len(block) < 40:
        return ""
    for needle, pattern, by in _INLINE:
        if needle in block:
            block = pattern.sub(by, block)
    kept = [sentence for sentence in _SENTENCE_END.split(block.strip()) if _is_prose(sentence)]
    joined = " ".join(kept)
    if joined.count(" ") < 7:
        return ""
    if not (joined[0].isalnum() or joined[0] in "\"'("):
        return ""
    first = joined.split(" ", 1)[0].rstrip(",;:")
    return joined[0].upper() + joined[1:] if first.isalpha() and first.islower() else joined


def _is_prose(sentence: str) -> bool:
    """A finished sentence, mostly of plain words, with the share of function words that English has."""
    if sentence[-1:] not in tuple(".!?:)\"'") or _NOTE_TO_SELF.search(sentence):
        return False
    tokens = sentence.split()
    if len(tokens) < 4:
        return False
    plain = sum(1 for token in tokens if _WORD.fullmatch(token))
    if plain < 0.8 * len(tokens):
        return False
    function = sum(1 for token in tokens if token.lower().strip("().,;:!?\"'") in _FUNCTION_WORDS)
    return function >= 0.2 * len(tokens)
