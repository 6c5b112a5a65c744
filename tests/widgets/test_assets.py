"""The pages' scripts: fetched by lock, bundled, put into place whole; a failure said in a line."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from mixvocab.common.errors import UserError
from mixvocab.widgets import assets, npm

WIDGETS = Path(assets.__file__).parent


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A place for scripts that holds none yet."""
    monkeypatch.setattr(assets, "scripts_folder", lambda: tmp_path / "scripts")
    return tmp_path / "scripts"


def stand_in(calls: list, returncode: int = 0, message: str = ""):
    """For npm, which writes what is looked for, and esbuild, which copies."""

    def run(command, cwd, **_):
        calls.append(Path(command[1]).name)
        if calls[-1] == "npm-cli.js":
            for name in (*assets.COPIES, f"{assets.MANAGER}/icons.woff2"):
                (Path(cwd) / "node_modules" / name).parent.mkdir(parents=True, exist_ok=True)
                (Path(cwd) / "node_modules" / name).write_text(name)
        else:
            target = next(option.partition("=")[2] for option in command if option.startswith("--outfile="))
            Path(target).write_text(Path(command[2]).read_text())
        return subprocess.CompletedProcess(command, returncode, "", message)

    return run


def test_fetched_once_bundled_again_when_ours_change(folder, monkeypatch):
    calls: list[str] = []
    monkeypatch.setattr(npm.subprocess, "run", stand_in(calls))
    assert assets.scripts() == folder
    first = len(calls)
    assert calls.count("npm-cli.js") == 1
    assets.scripts()
    assert len(calls) == first
    monkeypatch.setattr(assets.style, "css", lambda: ":root{}")
    assets.scripts()
    assert calls.count("npm-cli.js") == 1
    assert calls.count("esbuild") == 2 * (first - 1)
    assert (folder / "pages" / "style.css").read_text() == ":root{}"


def test_every_script_of_ours_has_its_place(folder, monkeypatch):
    monkeypatch.setattr(npm.subprocess, "run", stand_in([]))
    assets.scripts()
    pages = {path.name for path in (folder / "pages").iterdir()}
    lab = {path.name for path in (folder / "lab").iterdir()}
    assert {"mixvocab.js", "style.css", "mathjax.js", "anywidget.js", "ort-wasm-simd-threaded.wasm"} <= pages
    kinds = {path.name for path in (WIDGETS / "js").iterdir() if (path / "page.js").is_file()}
    assert {f"{kind}.js" for kind in kinds} <= pages
    assert {f"{kind}.css" for kind in kinds} <= pages  # the loader asks for it
    assert {f"{p.name}.js" for p in (WIDGETS / "js").iterdir() if (p / "lab.js").is_file()} <= lab
    assert not list(folder.glob(".making-*"))


def test_failure_is_one_line_and_keeps_what_was_there(folder, monkeypatch):
    monkeypatch.setattr(npm.subprocess, "run", stand_in([]))
    assets.scripts()
    before = (folder / "pages" / "mixvocab.js").read_bytes()
    (folder / "node_modules" / assets.STAMP).write_text("of another lock")
    (folder / assets.STAMP).unlink()
    monkeypatch.setattr(npm.subprocess, "run", stand_in([], 1, "npm error network\nnpm error offline\nmore"))
    with pytest.raises(UserError, match="npm error network npm error offline; check npm's registry setting"):
        assets.scripts()
    assert (folder / "pages" / "mixvocab.js").read_bytes() == before


def test_a_broken_style_sheet_is_an_error(scripts, tmp_path):
    sheet, target = tmp_path / "broken.css", tmp_path / "bundled.css"
    sheet.write_text("  color: red;\n}\n.next { color: blue; }\n")
    with pytest.raises(RuntimeError, match=r"broken\.css cannot be bundled"):
        npm.bundle(scripts / "node_modules", sheet, target)
    sheet.write_text(".first { color: red; }\n.next { color: blue; }\n")
    npm.bundle(scripts / "node_modules", sheet, target)
    assert ".first{" in target.read_text()


def test_lock_is_exact_and_names_no_registry():
    lock = json.loads((WIDGETS / "package-lock.json").read_text())
    manifest = json.loads((WIDGETS / "package.json").read_text())
    wanted = manifest["dependencies"] | manifest["devDependencies"]
    packages = {name.removeprefix("node_modules/"): facts for name, facts in lock["packages"].items() if name}
    assert {name: packages[name]["version"] for name in wanted} == wanted
    assert all("resolved" not in facts for facts in packages.values())
    assert all(facts["integrity"].startswith("sha512-") for facts in packages.values())


def test_our_scripts_name_no_server():
    for path in [*(WIDGETS / "js").rglob("*.js"), *(WIDGETS / "css").rglob("*.css")]:
        found = re.findall(r"https?://(?!localhost|127\.0\.0\.1|www\.w3\.org)[^\s\"'`)]+", path.read_text())
        assert not found, path.name
