"""Render the book: executed chapters become pages, and go with the prose through Jupyter Book, with execution off.

What the renderer reads is put together in a folder of its own. When nothing in it has changed since the pages were
made, they stay as they are.
"""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import os
import re
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterable, Mapping
from importlib import metadata
from itertools import chain
from pathlib import Path
from typing import Any

from mixvocab.common.errors import UserError
from mixvocab.common.fingerprint import LIBRARY
from mixvocab.common.progress import duration
from mixvocab.widgets.assets import scripts
from mixvocab.widgets.element import LIVE, html_table
from mixvocab_book.press import gate
from mixvocab_book.press.book import Book
from mixvocab_book.show.cited import with_records
from mixvocab_book.show.page_data import PAGE_DATA, provided_files
from mixvocab_book.show.scorecard import scorecard_html
from mixvocab_book.store.provenance import BANNER

STAMP = ".made-from"
WIDGET = "application/vnd.jupyter.widget-view+json"
HINT = Path(__file__).with_name("hint.md").read_text(encoding="utf-8")
BOOK = Path(__file__).parents[1]
LEFT_OUT = {"_build", "chapters", "vendor"}
# An embedded picture in a page's HTML, or in a notebook's JSON.
_PICTURE = re.compile(rb'src=(\\?")data:image/png;base64,([\w+/=]+)\\?"')
RENDERERS = ("jupyter-book", "sphinx", "myst-nb", "sphinx-book-theme")


def render(book: Book) -> bool:
    """Bring the pages in `book.html` up to date; returns whether anything was to be done.

    Every chapter must have been executed. Raises UserError with the renderer's first complaints if there are any:
    warnings count as errors.
    """
    files = source_files(book)
    key = _key(files)
    stamp = book.html / STAMP
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == key:
        return False
    print("rendering the pages", flush=True)
    # From nothing, since Sphinx does not see when a style or this library has changed.
    shutil.rmtree(book.work, ignore_errors=True)
    for name, content in files.items():
        path = book.work / "source" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    pages = _jupyter_book(book.work)
    shutil.copyfile(book.root / "book" / "start.html", pages / "index.html")
    (pages / STAMP).write_text(key, encoding="utf-8")
    # Readers of the old pages never see a mixture.
    old = book.work / "old"
    if book.html.exists():
        book.html.rename(old)
    pages.rename(book.html)
    shutil.rmtree(old, ignore_errors=True)
    return True


def source_files(book: Book) -> dict[str, bytes]:
    """What the renderer reads, by path: settings, prose, executed chapters, and what lies beside the pages.

    Raises UserError if the pages' scripts cannot be fetched.
    """
    files = {name: (book.root / name).read_bytes() for name in ("_config.yml", "_toc.yml")}
    vendored = scripts() / "pages"
    for folder in (path for path in (book.root / "book").iterdir() if path.name not in LEFT_OUT):
        files |= _contents(folder, book.root)
    files |= {f"book/scripts/{name}": content for name, content in _contents(vendored, vendored).items()}
    chapters = {name: json.loads(book.copy(name).read_text(encoding="utf-8")) for name in book.chapters()}
    for name, notebook in chapters.items():
        files[f"notebooks/{name}.ipynb"] = json.dumps(chapter_page(name, notebook), ensure_ascii=False).encode()
    provided = provided_files(chapters.values())
    sizes = {name: len(content) for name, content in sorted(provided.items())}
    files["book/published/published.json"] = json.dumps(sizes, indent=1).encode()
    files |= {f"book/published/{name}": content for name, content in provided.items()}
    marks = [("status.md", "status", status_html(chapters)), ("scorecard.md", "scorecard", scorecard_html())]
    marks += [("intro.md", tag, shown_by(tag, chapters.values())) for tag in ("headline", "shape", "budgets")]
    for page, mark, html in marks:
        files[f"book/{page}"] = files[f"book/{page}"].replace(f"<!-- {mark} -->".encode(), html.encode())
    return with_pictures(with_records(files, book.root))


def with_pictures(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """A book's source files by path, embedded pictures in files of their own.

    A page is then a fifth as heavy, and its reader loads one of the two themes' pictures, and none below a live chart.
    """
    pictures: dict[str, bytes] = {}

    def moved(picture: re.Match[bytes]) -> bytes:
        quote, content = picture[1], base64.b64decode(picture[2])
        name = f"{hashlib.sha256(content).hexdigest()[:16]}.png"
        pictures[f"book/published/pictures/{name}"] = content
        width, height = struct.unpack(">II", content[16:24])  # of the PNG's header: room that is kept for it
        told = {"loading": "lazy", "width": width, "height": height, "src": f"../_static/pictures/{name}"}
        return b" ".join(f"{key}=".encode() + quote + f"{value}".encode() + quote for key, value in told.items())

    pages = {name: _PICTURE.sub(moved, text) for name, text in files.items() if name.endswith((".md", ".ipynb"))}
    return {**files, **pages, **pictures}


def chapter_page(name: str, notebook: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of the executed chapter `name` for its page, with the commands that open it below its title.

    The cell that papermill injected is left out (the banner says what ran), and so are data for checks and for the
    pages' scripts. A widget that has a form for pages without a kernel appears in that form.
    """
    cells = [copy.deepcopy(cell) for cell in notebook["cells"] if "injected-parameters" not in _tags(cell)]
    shows_widget = False
    for cell in cells:
        outputs = [output for output in cell.get("outputs", []) if PAGE_DATA not in output.get("data", {})]
        for data in (output["data"] for output in outputs if "data" in output):
            data.pop(BANNER, None)
            if LIVE in "".join(data.get("text/html", "")):
                data.pop(WIDGET, None)
            shows_widget |= WIDGET in data
        if cell["cell_type"] == "code":
            cell["outputs"] = outputs
    cells.insert(1, {"cell_type": "markdown", "id": "hint", "metadata": {}, "source": HINT.format(name=name)})
    kept = {"kernelspec", "language_info"} | ({"widgets"} if shows_widget else set())  # widgets: megabytes of states
    metadata = {key: value for key, value in notebook["metadata"].items() if key in kept}
    return {**notebook, "cells": cells, "metadata": metadata}


def shown_by(tag: str, notebooks: Iterable[Mapping[str, Any]]) -> str:
    """The HTML that the book's cell with that tag shows; "" if there is none."""
    cells = (cell for notebook in notebooks for cell in notebook["cells"] if tag in _tags(cell))
    outputs = (output.get("data", {}) for cell in cells for output in cell["outputs"])
    return "".join(line for data in outputs for line in data.get("text/html", ""))


def status_html(notebooks: Mapping[str, Mapping[str, Any]]) -> str:
    """Tables of what ran, when, how long and from what, and on which hardware with which versions."""
    rows = []
    environments: dict[str, list[str]] = {}
    for name, notebook in notebooks.items():
        facts, run = gate.banner(notebook), notebook["metadata"]["mixvocab"]
        commit = (facts["git"]["commit"] or "unknown")[:10] + (" + local changes" if facts["git"]["dirty"] else "")
        seeds = ", ".join(map(str, facts["seeds"]))
        sources = [f"{s['kind']}: {s['name']} ({'real' if s['real'] else 'synthetic'})" for s in facts["sources"]]
        rows.append(
            [name, run["finished"], duration(run["seconds"]), facts["profile"], seeds, "; ".join(sources), commit]
        )
        machine = "{cores} cores of {cpu}, {memory_gb} GB, GPU: {gpu}, {system}".format_map(facts["hardware"])
        versions = ", ".join(map(" ".join, facts["versions"].items()))
        environments.setdefault(f"{machine}; {versions}", []).append(name)
    runs = html_table(["Chapter", "Finished", "Runtime", "Profile", "Seeds", "Read", "Commit"], rows)
    machines = [[", ".join(names), environment] for environment, names in environments.items()]
    return runs + html_table(["Chapters", "Ran on"], machines)


def _contents(path: Path, root: Path) -> dict[str, bytes]:
    paths = sorted(path.rglob("*")) if path.is_dir() else [path]
    return {file.relative_to(root).as_posix(): file.read_bytes() for file in paths if file.is_file()}


def _tags(cell: Mapping[str, Any]) -> list[str]:
    tags: list[str] = cell["metadata"].get("tags", [])
    return tags


def _key(files: dict[str, bytes]) -> str:
    """A fingerprint of the files, of the renderer, and of the code that the reference describes."""
    digest = hashlib.sha256(repr([metadata.version(package) for package in RENDERERS]).encode())
    for file in sorted(chain(LIBRARY.rglob("*.py"), BOOK.rglob("*.py"))):
        digest.update(file.read_bytes())
    for name, content in sorted(files.items()):
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def _jupyter_book(work: Path) -> Path:  # the folder with the pages
    # A process of its own: Sphinx leaves state behind, and this one may render again.
    program = "import sys; from jupyter_book.cli.main import main; sys.exit(main())"
    options = ["build", str(work / "source"), "--path-output", str(work), "--warningiserror", "--keep-going"]
    environment = os.environ | {"PYTHONUTF8": "1", "PYTHONWARNINGS": "ignore"}
    done = subprocess.run([sys.executable, "-c", program, *options], env=environment, capture_output=True, text=True)
    if done.returncode:
        log = work / "render.log"
        log.write_text(done.stdout + done.stderr, encoding="utf-8")
        lines = [line for line in (done.stderr + done.stdout).splitlines() if "WARNING" in line or "ERROR" in line]
        first = " | ".join(line.replace(f"{work / 'source'}/", "").strip() for line in lines[:3])
        raise UserError(f"the book does not render: {first} (all of it: {log})")
    return work / "_build" / "html"
