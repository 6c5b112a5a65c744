"""Render the book: executed chapters and prose pages through Jupyter Book, with execution off.

What the renderer reads is put together in a folder of its own. When nothing in it has changed since the pages were
made, they stay as they are.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from importlib import metadata
from itertools import chain
from pathlib import Path

from mixvocab.common.errors import UserError
from mixvocab.common.fingerprint import LIBRARY
from mixvocab.widgets.assets import scripts
from mixvocab_book.press.book import Book
from mixvocab_book.press.pages import chapter_page, shown_by, status_html
from mixvocab_book.show.cited import with_records
from mixvocab_book.show.page_data import provided_files

STAMP = ".made-from"
BOOK = Path(__file__).parents[1]
LEFT_OUT = {"_build", "chapters", "vendor"}
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
    marks = [("status.md", "status", status_html(chapters))]
    marks += [("intro.md", tag, shown_by(tag, chapters.values())) for tag in ("headline", "budgets")]
    for page, mark, html in marks:
        files[f"book/{page}"] = files[f"book/{page}"].replace(f"<!-- {mark} -->".encode(), html.encode())
    return with_records(files, book.root)


def _contents(path: Path, root: Path) -> dict[str, bytes]:
    paths = sorted(path.rglob("*")) if path.is_dir() else [path]
    return {file.relative_to(root).as_posix(): file.read_bytes() for file in paths if file.is_file()}


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
