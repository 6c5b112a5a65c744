"""The gate before the page: whether an executed chapter may be shown, and whether it has to run again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mixvocab.common.errors import UserError
from mixvocab.common.files import file_sha256
from mixvocab.common.fingerprint import LIBRARY, package_fingerprint
from mixvocab.settings.profiles import load_profile
from mixvocab.sources.source import data_directory
from mixvocab_book.press.book import Book
from mixvocab_book.store.provenance import BANNER, versions

# What chapters may call, as it was when this process began; the press makes no numbers.
CODE = [package_fingerprint(LIBRARY), package_fingerprint(Path(__file__).parents[1], leave_out=["press"])]


def read_notebook(path: Path) -> dict[str, Any] | None:
    """The notebook's JSON, or None if the file is missing or no notebook."""
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return notebook if isinstance(notebook, dict) and isinstance(notebook.get("cells"), list) else None


def banner(notebook: Mapping[str, Any]) -> dict[str, Any]:
    """What the chapter's banner says of its run; empty if it shows none."""
    outputs = (output for cell in notebook["cells"] for output in cell.get("outputs", []))
    return next((output["data"][BANNER] for output in outputs if BANNER in output.get("data", {})), {})


def problem(book: Book, path: Path, chapter: str) -> str:
    """What keeps `path`, as the chapter's copy in this book, from the page; "" if nothing does."""
    notebook = read_notebook(path)
    if notebook is None:
        return "there is no readable executed copy"
    if not (facts := banner(notebook)):
        return "it shows no banner"
    data_dir = data_directory(book.data_dir) is not None
    wanted = {"chapter": chapter, "profile": book.profile, "seed": book.seed, "data_dir": data_dir}
    shown = facts | {"seed": facts["seeds"][0]}
    differences = {key: value for key, value in wanted.items() if shown[key] != value}
    return "; ".join(f"its banner says {key} {shown[key]!r} instead of {value!r}" for key, value in differences.items())


def is_current(book: Book, name: str) -> bool:
    """Whether the chapter's executed copy was made from this very state of everything."""
    notebook = read_notebook(book.copy(name))
    key = chapter_key(book, name)
    return notebook is not None and notebook["metadata"].get("mixvocab", {}).get("key") == key


def runs_alone(book: Book, name: str) -> bool:
    """Whether the chapter measures time, and asks in its notebook's metadata for nothing to run beside it."""
    notebook = read_notebook(book.notebook(name))
    return notebook is not None and bool(notebook["metadata"].get("alone"))


def chapter_key(book: Book, name: str) -> str:
    """A fingerprint of all that a chapter's outputs depend on.

    That is its notebook, the profile's settings, the code it may call, the packages' versions, the data folder's files
    (names, sizes and times, since reading gigabytes takes long) and the committed records.

    Raises UserError for an unreadable notebook, an unknown profile or a data folder that is not there.
    """
    notebook = read_notebook(book.notebook(name))
    if notebook is None:
        raise UserError(f"notebooks/{name}.ipynb is missing or no notebook; restore it from version control")
    folder = data_directory(book.data_dir)
    data = [(path, path.stat()) for path in sorted(folder.rglob("*")) if path.is_file()] if folder else []
    records, live = book.root / "records", book.root / "records" / "live"
    parts = [
        [[cell["cell_type"], "".join(cell["source"]), cell["metadata"].get("tags")] for cell in notebook["cells"]],
        load_profile(book.profile).model_dump(mode="json"),
        book.seed,
        CODE,
        versions(),
        [[str(path), stat.st_size, stat.st_mtime_ns] for path, stat in data],
        [file_sha256(path) for path in sorted(records.rglob("*.json")) if live not in path.parents],
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
