"""The promises of the project's own files: the lock, environment.yml, the chapters, what may not be written."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tomllib
from pathlib import Path

import install
import lock as lock_tool
import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
BLOCKS = lock_tool.split_blocks("\n".join(line for line in LOCK.splitlines() if not line.startswith("#")))


def tracked(*patterns: str) -> list[Path]:
    """Files that git keeps, or all that match where the sources came without git."""
    listing = subprocess.run(["git", "ls-files", "--", *patterns], cwd=ROOT, capture_output=True, text=True)
    if listing.returncode == 0 and listing.stdout:
        return [path for name in listing.stdout.splitlines() if (path := ROOT / name).is_file()]
    pytest.skip("this copy of the sources is no git checkout")


def names(lines: list[str]) -> set[str]:
    return {re.split(r"[=<>\[; ]", line, maxsplit=1)[0].lower() for line in lines}


# --- the lock ---------------------------------------------------------------------------------------------


def test_every_package_is_exact_and_all_but_torch_have_hashes() -> None:
    for line, block in BLOCKS.items():
        assert re.match(r"[a-z0-9-]+==[^ *]+( ; .+)?$", line), line
        assert ("--hash=sha256:" in block) != line.startswith("torch=="), line


def test_the_lock_holds_what_was_asked_for_and_no_cuda_library() -> None:
    asked = [line.split("#")[0].strip() for line in (ROOT / "requirements.in").read_text().splitlines()]
    assert {line for line in asked if line} <= {line.split(" ;")[0] for line in BLOCKS}
    assert not [line for line in BLOCKS if lock_tool.CUDA.match(line)]


def test_the_packages_of_the_library_and_its_extras_are_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = project["dependencies"] + [
        line for extra, lines in project["optional-dependencies"].items() if extra != "gpu" for line in lines
    ]
    assert names(wanted) - {"mixvocab"} <= names(list(BLOCKS))


def test_environment_yml_agrees_with_the_lock() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    items = next(item["pip"] for item in environment["dependencies"] if isinstance(item, dict))
    assert {item for item in items if not item.startswith(lock_tool.UNUSED)} == set(BLOCKS)


# --- the installer ----------------------------------------------------------------------------------------


def test_the_lock_is_split_into_uv_torch_and_the_rest() -> None:
    uv, torch, rest = install.split_lock(LOCK)
    assert uv.startswith("uv==")
    assert uv.count("--hash=") >= 10
    assert re.fullmatch(r"torch==[\d.]+", torch)
    assert rest.count("--hash=") == LOCK.count("--hash=")
    assert not re.search(r"^torch==", rest, re.MULTILINE)


def test_pip_settings_reach_uv_and_the_environment_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in install.SETTINGS.values():
        monkeypatch.delenv(name, raising=False)
    listing = "\n".join(
        [
            "global.find-links='/wheels'",
            ":env:.find-links='/mine\\n/yours'",
            "install.extra-index-url='file:///a file:///b'",
            "list.format='columns'",
        ]
    )
    found = install.uv_environment(install.parse_pip_settings(listing), torch_index="file:///torch")
    assert found["UV_FIND_LINKS"] == "/mine,/yours"
    assert found["UV_INDEX"] == "file:///torch file:///a file:///b"
    assert "list" not in found
    monkeypatch.setenv("UV_FIND_LINKS", "/own")
    assert "UV_FIND_LINKS" not in install.uv_environment(install.parse_pip_settings(listing), "")


def run_make(*arguments: str) -> subprocess.CompletedProcess[str]:
    """`make` as from a shell: these tests run below `make test`, whose flags would come along."""
    env = {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MAKELEVEL", "MFLAGS"}}
    return subprocess.run(["make", *arguments], cwd=ROOT, capture_output=True, text=True, env=env)


def test_a_python_too_old_gets_one_line(tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    done = run_make("setup", f"PYTHON={old}")
    assert done.returncode != 0
    assert done.stdout == ""
    (line, make_line) = done.stderr.splitlines()
    assert line.startswith("Python 3.11 or later is needed")
    assert "make" in make_line


def test_make_alone_lists_every_command() -> None:
    done = run_make()
    assert done.returncode == 0
    for command in ("book", "test", "lab", "clean", "lock", "format", "setup"):
        assert f"make {command} " in done.stdout


# --- all files --------------------------------------------------------------------------------------------


def test_no_file_names_a_registry_or_a_folder_of_one_machine() -> None:
    # Spelled in halves, so that this file passes its own test.
    forbidden = ["pypi" + ".org", "pythonhosted" + ".org", "npmjs" + ".org", "download.pytorch" + ".org"]
    forbidden += ["/home/" + "[a-z]", "/" + "root/", "/" + "opt/", "/" + "work/"]
    pattern = re.compile("|".join(part if "[" in part else re.escape(part) for part in forbidden))
    texts = [path for path in tracked() if path.suffix not in {".png", ".woff2", ".npy", ".bib"}]
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in texts
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if pattern.search(line)
    ]
    assert not found, "\n".join(found)


def test_no_source_file_is_longer_than_400_lines() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in tracked("*.py", "*.js", "*.css")}
    assert not {path.name: length for path, length in lengths.items() if length > 400}


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("[0-9]*.ipynb")), ids=lambda path: path.stem)
def test_chapters_are_committed_clean_and_take_parameters(path: Path) -> None:
    notebook = json.loads(path.read_text(encoding="utf-8"))
    cells = notebook["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
    assert all("id" in cell for cell in cells)
    assert "papermill" not in notebook["metadata"]
    (parameters,) = [cell for cell in code if "parameters" in cell["metadata"].get("tags", [])]
    lines = [line for line in "".join(parameters["source"]).splitlines() if line and not line.startswith("#")]
    for line in lines:
        assert re.match(r"\w+: [\w\[\], |]+ = .+  # \S", line), f"no type or no comment: {line}"
