"""The pages' scripts: fetched by lock, put into place whole, and a failure of npm said in a line."""

import json
import subprocess
from pathlib import Path

import pytest
import sample

from mixvocab.book import assets
from mixvocab.errors import UserError


@pytest.fixture
def book(tmp_path):
    """A folder `book` whose scripts have not been fetched."""
    for name in ("package.json", "package-lock.json"):
        (tmp_path / name).write_bytes((sample.ROOT / "book" / name).read_bytes())
    return tmp_path


def npm(returncode: int, calls: list, message: str = ""):
    """A stand-in for `npm ci` that writes what is looked for."""

    def run(command, cwd, **_):
        calls.append(command)
        modules = Path(cwd) / "node_modules"
        for name in (*assets.FILES, f"{assets.MANAGER}/icons.woff2"):
            (modules / name).parent.mkdir(parents=True, exist_ok=True)
            (modules / name).write_text(name)
        return subprocess.CompletedProcess(command, returncode, "", message)

    return run


def test_fetched_once_and_again_when_the_lock_changes(book, monkeypatch):
    calls = []
    monkeypatch.setattr(assets.subprocess, "run", npm(0, calls))
    folder = assets.vendor(book)
    assert assets.vendor(book) == folder
    assert len(calls) == 1
    assert calls[0][2:4] == ["ci", "--ignore-scripts"]
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    fixed = {"mathjax.js", "require.js", "widgets.js", "widget-paths.js", "anywidget.js", assets.STAMP}
    assert names == fixed | {f"{assets.MANAGER}/icons.woff2"}
    (book / "package-lock.json").write_text("{}")
    assets.vendor(book)
    assert len(calls) == 2


def test_failure_is_one_line_and_leaves_nothing(book, monkeypatch):
    monkeypatch.setattr(assets.subprocess, "run", npm(1, [], "npm error network\nnpm error offline\nmore"))
    with pytest.raises(UserError, match="npm error network npm error offline; check npm's registry setting"):
        assets.vendor(book)
    assert sorted(path.name for path in book.iterdir()) == ["package-lock.json", "package.json"]


def test_lock_is_exact_and_names_no_registry():
    lock = json.loads((sample.ROOT / "book" / "package-lock.json").read_text())
    wanted = json.loads((sample.ROOT / "book" / "package.json").read_text())["dependencies"]
    packages = {name.removeprefix("node_modules/"): facts for name, facts in lock["packages"].items() if name}
    assert {name: packages[name]["version"] for name in wanted} == wanted
    assert all("resolved" not in facts for facts in packages.values())
    assert all(facts["integrity"].startswith("sha512-") for facts in packages.values())
