"""The scripts and styles of pages and widgets, put together once and kept: nothing is loaded from other servers.

Third-party scripts are fetched by npm as `package-lock.json` says; ours, in `js/` and `css/`, are bundled with what
they import. `python -m mixvocab.widgets.assets` does so ahead of time, while there is a network.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
import tempfile
from pathlib import Path

from filelock import FileLock

from mixvocab.common.errors import UserError
from mixvocab.sources.source import cache_root
from mixvocab.widgets import npm, style

HERE = Path(__file__).parent
CHECKOUT = HERE.parents[1]
STAMP = ".made-from"
# What pages and tests use as it is: inside node_modules, and its name here.
COPIES = {
    "mathjax/es5/tex-svg.js": "pages/mathjax.js",
    "requirejs/require.js": "pages/require.js",
    "@jupyter-widgets/html-manager/dist/embed-amd.js": "pages/widgets.js",
    "onnxruntime-web/dist/ort-wasm-simd-threaded.wasm": "pages/ort-wasm-simd-threaded.wasm",
    "axe-core/axe.min.js": "test/axe.js",
}
MANAGER = "@jupyter-widgets/html-manager/dist"
# Where require.js finds what a page's widgets ask for (anywidget.js, icon fonts); the address follows from this
# script's own, so that it works from any page and from disk. The widget manager speaks to MathJax 2, the page has
# MathJax 3.
PATHS = """\
(() => {
  const folder = new URL(".", document.currentScript.src).href;
  require.config({ baseUrl: folder });
  window.addEventListener("load", () => {
    if (window.MathJax && !window.MathJax.Hub) {
      window.MathJax.Hub = { Queue: (job) => window.MathJax.typesetPromise?.([job[2]]) };
    }
  });
})();
"""


def scripts() -> Path:
    """The folder of scripts, brought up to date.

    `pages/` goes beside the rendered pages; `lab/` holds a module and a style sheet for each widget in JupyterLab;
    `test/` is for tests of the pages. Raises UserError if something has to be fetched and cannot be.
    """
    folder = scripts_folder()
    if not _is_current(folder, wanted := _fingerprint()):
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock"):
            if not _is_current(folder, wanted):  # another process may have made them while this one waited
                _make(folder, wanted)
    return folder


def scripts_folder() -> Path:
    """Where the scripts are kept: in a checkout's `book/vendor`, else in the user's cache."""
    return CHECKOUT / "book" / "vendor" if (CHECKOUT / "_toc.yml").is_file() else cache_root() / "scripts"


def lab_files(kind: str) -> tuple[Path, Path]:
    """The module and the style sheet of a widget for JupyterLab. Raises UserError as `scripts` does."""
    lab = scripts() / "lab"
    return lab / f"{kind}.js", lab / f"{kind}.css"


def _is_current(folder: Path, wanted: str) -> bool:
    stamp = folder / STAMP
    return stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted


def _fingerprint() -> str:
    """Of all that the scripts are made from."""
    digest = hashlib.sha256(repr((COPIES, PATHS, style.css())).encode())
    files = [HERE / "package-lock.json", HERE / "npm.py", npm.package_folder("anywidget") / "_version.py"]
    for path in [*files, *sorted((HERE / "js").rglob("*.js")), *sorted((HERE / "css").rglob("*.css"))]:
        digest.update(f"{path.relative_to(path.parents[1]).as_posix()}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def _make(folder: Path, wanted: str) -> None:
    """Fill the folder; until all is there, what it held before stays."""
    modules = _modules(folder)
    with tempfile.TemporaryDirectory(prefix=".making-", dir=folder) as name:
        fresh = Path(name)
        _copy(modules, fresh)
        _bundle(modules, fresh)
        (folder / STAMP).unlink(missing_ok=True)
        for part in ("pages", "lab", "test"):
            shutil.rmtree(folder / part, ignore_errors=True)
            (fresh / part).rename(folder / part)
    (folder / STAMP).write_text(wanted, encoding="utf-8")


def _modules(folder: Path) -> Path:
    """node_modules, fetched again only if the lock has changed."""
    lock, stamp = (HERE / "package-lock.json").read_text(encoding="utf-8"), folder / "node_modules" / STAMP
    if not (stamp.is_file() and stamp.read_text(encoding="utf-8") == lock):
        print("fetching the pages' scripts with npm", file=sys.stderr, flush=True)  # a chapter does not show this
        npm.install(folder)
        stamp.write_text(lock, encoding="utf-8")
    return folder / "node_modules"


def _copy(modules: Path, folder: Path) -> None:
    for source, target in COPIES.items():
        (folder / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(modules / source, folder / target)
    pages = folder / "pages"
    (pages / MANAGER).mkdir(parents=True)
    for font in (modules / MANAGER).glob("*.woff2"):
        shutil.copyfile(font, pages / MANAGER / font.name)
    (pages / "widget-paths.js").write_text(PATHS, encoding="utf-8")
    shutil.copyfile(npm.package_folder("anywidget") / "nbextension" / "index.js", pages / "anywidget.js")


def _bundle(modules: Path, folder: Path) -> None:
    """Ours: the loader of every page; for each kind of element its page script, its module for JupyterLab, styles."""
    (folder / "lab").mkdir()
    npm.bundle(modules, HERE / "js" / "pages.js", folder / "pages" / "mixvocab.js")
    (folder / "pages" / "style.css").write_text(style.css(), encoding="utf-8")
    for entry in sorted((HERE / "js").glob("*/page.js")):
        npm.bundle(modules, entry, folder / "pages" / f"{entry.parent.name}.js")
    for entry in sorted((HERE / "js").glob("*/worker.js")):
        npm.bundle(modules, entry, folder / "pages" / f"{entry.parent.name}-worker.js")
    for entry in sorted((HERE / "js").glob("*/lab.js")):
        npm.bundle(modules, entry, folder / "lab" / f"{entry.parent.name}.js", "esm")
    for sheet in sorted((HERE / "css").glob("*.css")):
        joined = folder / "pages" / sheet.name
        npm.bundle(modules, sheet, joined)
        # JupyterLab has no page around a widget that would bring the colours.
        (folder / "lab" / sheet.name).write_text(style.css() + joined.read_text(encoding="utf-8"), encoding="utf-8")


if __name__ == "__main__":
    try:
        scripts()
    except UserError as error:
        sys.exit(f"{error} (the library works without them; the pages and the widgets do not)")
