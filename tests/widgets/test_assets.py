"""The pages' scripts: fetched by lock, bundled, put into place whole; a failure said in a line."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from mixvocab.common.errors import UserError
from mixvocab.widgets import assets

WIDGETS = Path(assets.__file__).parent


@pytest.fixture
def folder(tmp_path, monkeypatch, scripts):
    """A place for scripts that holds what npm has fetched and nothing else yet."""
    folder = tmp_path / "scripts"
    folder.mkdir()
    (folder / "node_modules").symlink_to(scripts / "node_modules", target_is_directory=True)
    monkeypatch.setattr(assets, "scripts_folder", lambda: folder)
    return folder


@pytest.fixture
def sources(tmp_path, monkeypatch):
    """A copy of our scripts and styles that a test may change."""
    shutil.copytree(WIDGETS, tmp_path / "widgets")
    monkeypatch.setattr(assets, "HERE", tmp_path / "widgets")
    monkeypatch.setattr(assets, "LOCK", tmp_path / "widgets" / "package-lock.json")
    return tmp_path / "widgets"


def test_every_script_of_ours_has_its_place_and_is_bundled_again_when_it_changes(folder, sources):
    assets.scripts()
    pages = {path.name for path in (folder / "pages").iterdir()}
    assert {"mixvocab.js", "style.css", "mathjax.js", "anywidget.js", "ort-wasm-simd-threaded.wasm"} <= pages
    kinds = {path.name for path in (WIDGETS / "js").iterdir() if (path / "page.js").is_file()}
    assert {f"{kind}.js" for kind in kinds} | {f"{kind}.css" for kind in kinds} <= pages  # the loader asks for both
    lab = {path.name for path in (folder / "lab").iterdir()}
    assert lab == {f"{path.name}.js" for path in (WIDGETS / "js").iterdir() if (path / "lab.js").is_file()}
    assert not list(folder.glob(".making-*"))

    made = (folder / "pages" / "chart.css").stat().st_mtime_ns
    assets.scripts()
    assert (folder / "pages" / "chart.css").stat().st_mtime_ns == made
    (sources / "css" / "chart.css").write_text(".first { color: red; }")
    assets.scripts()
    assert (folder / "pages" / "chart.css").read_text().strip() == ".first{color:red}"


def test_a_failure_keeps_what_was_there(folder, sources, monkeypatch):
    assets.scripts()
    before = (folder / "pages" / "chart.css").read_bytes()
    (sources / "css" / "chart.css").write_text("  color: red;\n}\n.next { color: blue; }\n")
    with pytest.raises(RuntimeError, match=r"css-syntax-error.*css/chart\.css"):  # only a warning to esbuild
        assets.scripts()
    (sources / "package-lock.json").write_text("another")
    failed = subprocess.CompletedProcess([], 1, "", "npm error network\nnpm error offline\nmore")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(UserError, match="npm error network npm error offline; check npm's registry setting"):
        assets.scripts()
    assert (folder / "pages" / "chart.css").read_bytes() == before


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
