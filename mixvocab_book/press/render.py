"""Render the book: executed chapters and prose pages through Jupyter Book, with execution off.

What the renderer reads is put together in a folder of its own. When nothing in it has changed since the pages were
made, they stay as they are.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from mixvocab.common.errors import UserError
from mixvocab.widgets.assets import scripts
from mixvocab_book.press import gate
from mixvocab_book.press.layout import Layout
from mixvocab_book.press.pages import chapter_page, headline
from mixvocab_book.press.status import status_html, status_rows
from mixvocab_book.show.page_data import provided_files

STAMP = ".made-from"
TOP = ("_config.yml", "_toc.yml")
LEFT_OUT = {"_build", "chapters", "vendor"}
START = '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<link rel="icon" href="data:,">\n'
# What a page's head says of it to browsers and to whoever makes a card of its address.
_TOLD = re.compile(r'<title>.*?</title>|<meta (?:name|property)="(?:description|og:|twitter:)[^>]*>', re.DOTALL)
RENDERERS = ("jupyter-book", "sphinx", "myst-nb", "sphinx-book-theme")


def render(layout: Layout) -> bool:
    """Bring the pages in `layout.html` up to date; returns whether anything was to be done.

    Raises UserError with the renderer's first complaints if there are any: warnings count as errors.
    """
    files = source_files(layout)
    key = _key(files)
    stamp = layout.html / STAMP
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == key and (layout.html / "index.html").is_file():
        return False
    check_version()
    # From nothing, since Sphinx does not see when a style or this library has changed.
    shutil.rmtree(layout.work, ignore_errors=True)
    source = layout.work / "source"
    _write_tree(source, files)
    print(f"rendering {sum(name.endswith(('.md', '.ipynb')) for name in files)} pages", flush=True)
    _swap(_jupyter_book(source, layout.work / "out"), layout.html, key)
    return True


def source_files(layout: Layout) -> dict[str, bytes]:
    """What the renderer reads, by path: settings, prose, executed chapters, and what lies beside the pages.

    Raises UserError if the pages' scripts cannot be fetched.
    """
    files = {name: (layout.root / name).read_bytes() for name in TOP}
    book = layout.root / "book"
    for path in sorted(book.rglob("*")):
        relative = path.relative_to(book)
        if path.is_file() and relative.parts[0] not in LEFT_OUT and not path.name.startswith("."):
            files[f"book/{relative.as_posix()}"] = path.read_bytes()
    notebooks = {name: gate.read_notebook(layout.copy(name)) for name in layout.chapters()}
    for name, notebook in notebooks.items():
        if notebook is not None:
            files[f"notebooks/{name}.ipynb"] = json.dumps(chapter_page(name, notebook), ensure_ascii=False).encode()
    executed = [notebook for notebook in notebooks.values() if notebook is not None]
    _fill(files, "book/status.md", "<!-- status -->", status_html(status_rows(notebooks)))
    _fill(files, "book/intro.md", "<!-- headline -->", headline(executed))
    provided = provided_files(executed)
    sizes = {name: len(content) for name, content in sorted(provided.items())}
    files["book/published/published.json"] = json.dumps(sizes, indent=1).encode()
    files |= {f"book/published/{name}": content for name, content in provided.items()}
    pages = scripts() / "pages"
    return files | {
        f"book/scripts/{path.relative_to(pages).as_posix()}": path.read_bytes()
        for path in sorted(pages.rglob("*"))
        if path.is_file()
    }


def _fill(files: dict[str, bytes], page: str, mark: str, html: str) -> None:
    """Put generated HTML in the place of its mark, if there is such a page."""
    if page in files:
        files[page] = files[page].replace(mark.encode(), html.encode())


def check_version() -> None:
    """Raises UserError unless Jupyter Book is of major version 1: the next one reads other settings."""
    version = metadata.version("jupyter-book")
    if version.split(".")[0] != "1":
        raise UserError(f"jupyter-book {version} cannot render this book; install version 1: make setup")


def _key(files: dict[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(f"{name}\0{len(files[name])}\0".encode() + files[name])
    for package in RENDERERS:
        digest.update(f"{package} {metadata.version(package)}\0".encode())
    for module in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(module.read_bytes())
    return digest.hexdigest()


def _write_tree(folder: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _jupyter_book(source: Path, out: Path) -> Path:
    """Run Jupyter Book and return the folder with the pages."""
    # A process of its own: Sphinx leaves state behind, and this one may render again.
    program = "import sys; from jupyter_book.cli.main import main; sys.exit(main())"
    options = ["build", str(source), "--path-output", str(out), "--warningiserror", "--keep-going"]
    command = [sys.executable, "-c", program, *options]
    environment = os.environ | {"PYTHONUTF8": "1", "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        log = out.parent / "render.log"
        log.write_text(done.stdout + done.stderr, encoding="utf-8")
        said = [
            line for line in (done.stderr + done.stdout).splitlines() if "WARNING" in line or "ERROR" in line.upper()
        ]
        first = " | ".join(line.replace(f"{source}/", "").strip() for line in said[:3]) or "no message"
        raise UserError(f"the book does not render: {first} (all of it: {log})")
    return out / "_build" / "html"


def _swap(new: Path, html: Path, key: str) -> None:
    """Put the new pages into place; readers of the old ones never see a mixture."""
    html.parent.mkdir(parents=True, exist_ok=True)
    fresh, old = (html.with_name(f".{html.name}.{word}") for word in ("new", "old"))
    for folder in (fresh, old):
        shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(new, fresh, ignore=shutil.ignore_patterns(".buildinfo*", ".doctrees"))
    _complete_start_page(fresh)
    (fresh / STAMP).write_text(key, encoding="utf-8")
    if html.exists():
        html.rename(old)
    fresh.rename(html)
    shutil.rmtree(old, ignore_errors=True)


def _complete_start_page(html: Path) -> None:
    """The renderer's start page is a bare redirection: it gets what the first page says of itself.

    It is also told to have no icon, for which browsers would ask.
    """
    start = html / "index.html"
    redirection = start.read_text(encoding="utf-8")
    target = redirection.partition("url=")[2].partition('"')[0]
    told = _TOLD.findall((html / target).read_text(encoding="utf-8"))
    lines = [tag.replace('content="' + "../" * target.count("/"), 'content="') for tag in told]
    start.write_text(START + "\n".join([*lines, redirection]), encoding="utf-8")
