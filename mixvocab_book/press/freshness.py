"""Whether a chapter has to run again: a fingerprint of all that its outputs depend on.

That is its notebook, the profile's settings, the library code it imports, the packages' versions, the data folder's
files and the committed records.
"""

from __future__ import annotations

import ast
import hashlib
import json
from pathlib import Path
from typing import Any

from mixvocab.common.errors import UserError
from mixvocab.common.files import file_sha256
from mixvocab.common.fingerprint import LIBRARY, package_fingerprint
from mixvocab.settings.profiles import load_profile
from mixvocab.sources.source import data_directory
from mixvocab_book.press import gate
from mixvocab_book.press.layout import Layout, Settings
from mixvocab_book.store.provenance import versions

# What chapters may call, as it was when this process began; the press makes no numbers.
CODE = [package_fingerprint(LIBRARY), package_fingerprint(Path(__file__).parents[1], leave_out=["press"])]


def is_current(layout: Layout, settings: Settings, name: str, key: str) -> bool:
    """Whether the executed copy is of this very state of everything, and passes the gate."""
    notebook = gate.read_notebook(layout.copy(name))
    if notebook is None or notebook["metadata"].get("mixvocab", {}).get("key") != key:
        return False
    return not gate.problems(layout.copy(name), name, settings)


def chapter_key(layout: Layout, settings: Settings, name: str) -> str:
    """The fingerprint of a chapter. Raises UserError for an unreadable notebook."""
    notebook = gate.read_notebook(layout.notebook(name))
    if notebook is None:
        raise UserError(f"notebooks/{name}.ipynb is not a notebook; restore it from version control")
    code = "\n".join(_plain_python(gate.source(cell)) for cell in gate.code_cells(notebook))
    try:
        ast.parse(code)
    except SyntaxError as error:
        raise UserError(f"notebooks/{name}.ipynb holds a syntax error: {error.msg}: {error.text}") from None
    records = layout.root / "records"
    parts = [
        [
            [cell["cell_type"], gate.source(cell), cell.get("metadata", {}).get("tags", [])]
            for cell in notebook["cells"]
        ],
        load_profile(settings.profile).model_dump(mode="json"),
        settings.seed,
        CODE,
        versions(),
        _listing(data_directory(settings.data_dir)),
        # With what is said of the model that is kept for the pages.
        [
            [path.name, file_sha256(path)]
            for each in ("*.json", "models/*/*.json")
            for path in sorted(records.glob(each))
        ],
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _plain_python(text: str) -> str:
    """Without IPython's magics, which are not Python."""
    return "\n".join("pass" if line.lstrip().startswith(("%", "!")) else line for line in text.splitlines())


def _listing(folder: Path | None) -> list[list[Any]]:
    """Names, sizes and times of the files in the data folder: a change shows without reading gigabytes."""
    if folder is None:
        return []
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    stats = [path.stat() for path in files]
    return [[f.relative_to(folder).as_posix(), s.st_size, s.st_mtime_ns] for f, s in zip(files, stats, strict=True)]
