"""Where a number comes from: the records behind a table or a figure, named below it, each with a link to its file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from html import escape
from itertools import chain
from pathlib import Path
from typing import Any

from mixvocab_book.store.records import file_of

# From a chapter's folder, in a page or in a notebook's JSON.
_LINK = re.compile(rb'<a href=\\?"\.\./(records/(?:\w[\w.-]*/)*\w[\w.-]*\.json)\\?">(.*?)</a>')


def cited(behind: Iterable[Any]) -> str:
    """HTML that names records by file and commit; "" where there are none.

    `behind`: records, or what holds some as `records`: entries, rows of a sweep, rows beside the paper. Links lead
    from a chapter to the repository's folder; rendered pages get copies (`with_records`).
    """
    commits: dict[str, dict[str, str]] = {}
    for record in chain.from_iterable([item] if isinstance(item, dict) else item.records for item in behind):
        name = escape(file_of(record["name"], record["profile"], record["seed"]).as_posix())
        commit = f"{record['git']['commit'] or 'unknown'}"[:10] + " + local changes" * bool(record["git"]["dirty"])
        link = f'<a href="../records/{"live/" * record["live"]}{name}">{name}</a>'
        commits.setdefault(escape(commit), {})[name] = link
    lines = "".join(f"<li>{', '.join(links.values())} at commit {commit}</li>" for commit, links in commits.items())
    return f'<details class="mv-records"><summary>Records</summary><ul>{lines}</ul></details>' if lines else ""


def with_records(files: Mapping[str, bytes], root: Path) -> dict[str, bytes]:
    """A book's source files by path, and copies of the records below `root` that they link to.

    Links lead to the copies; of a record that is not there the name is left.
    """
    copies: dict[str, bytes] = {}

    def relinked(link: re.Match[bytes]) -> bytes:
        name = link[1].decode()
        if not (root / name).is_file():
            return link[2]
        copies[f"book/published/{name}"] = (root / name).read_bytes()
        return link[0].replace(b"../", b"../_static/", 1)

    pages = {name: _LINK.sub(relinked, text) for name, text in files.items() if name.endswith((".md", ".ipynb"))}
    return {**files, **pages, **copies}
