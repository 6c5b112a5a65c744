"""The library without the book: what `pip install .` brings, and that every room of it imports with that alone."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BOOKS = (
    "anywidget datasets ipython ipywidgets jupyter-book jupyterlab matplotlib notebook papermill scikit-learn scipy "
    "seaborn sphinx wordfreq"
).split()
TASKS = ("datasets", "scikit-learn", "scipy")  # scoring on tasks has an extra of its own, which is no part of the book
SOURCES = ("mixvocab", "mixvocab_book", "pyproject.toml", "README.md", "LICENSE")


def run(*command: str, cwd: Path, path: Path | None = None) -> str:
    environment = {"PYTHONPATH": str(path)} if path else None
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the wheel of this checkout installs, and nothing else."""
    work = tmp_path_factory.mktemp("wheel")
    (work / "checkout").mkdir()
    for name in SOURCES:  # a build leaves files behind
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, work / "checkout" / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(ROOT / name, work / "checkout" / name)
    pip = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")
    run(*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(work), "./checkout", cwd=work)
    (wheel,) = work.glob("mixvocab-*.whl")
    run(*pip, "install", "--no-deps", "--no-index", "--target", str(work / "installed"), str(wheel), cwd=work)
    return work / "installed"


def required(names: list[str]) -> set[str]:
    """The packages that these requirements bring, extras left out, as they are installed here."""
    known: set[str] = set()
    waiting = list(names)
    while waiting:
        requirement = waiting.pop()
        name = re.split(r"[\s<>=!~;\[(]", requirement, maxsplit=1)[0].lower().replace("_", "-")
        if name in known or "extra ==" in requirement:
            continue
        known.add(name)
        try:
            waiting += metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue  # of another platform
    return known


def test_the_wheel_brings_no_jupyter_no_sphinx_and_no_plotting(installed: Path) -> None:
    (wheel,) = metadata.distributions(path=[str(installed)])
    brought = required(wheel.requires or [])
    assert {"torch", "transformers", "tokenizers"} <= brought
    assert brought.isdisjoint(BOOKS)
    extra = {requirement for requirement in wheel.requires or [] if 'extra == "book"' in requirement}
    assert any(requirement.startswith("jupyter-book") for requirement in extra)


def test_the_wheel_has_all_that_the_packages_read(installed: Path) -> None:
    files = [path for package in SOURCES[:2] for path in (ROOT / package).rglob("*") if path.is_file()]
    names = [path.relative_to(ROOT) for path in files if "__pycache__" not in path.parts]
    assert not [str(name) for name in names if not (installed / name).is_file()]


def test_every_room_imports_without_the_books_packages(installed: Path, tmp_path: Path) -> None:
    modules = [
        ".".join(path.relative_to(installed).with_suffix("").parts)
        for path in sorted((installed / "mixvocab").rglob("*.py"))
        if "widgets" not in path.parts and path.name != "__init__.py"
    ]
    names = {"ipython": "IPython", "jupyter-book": "jupyter_book"}
    blocked = [names.get(name, name) for name in BOOKS if name not in TASKS]
    script = (
        "import sys\nfrom importlib import import_module\n"
        "class Missing:\n"
        f"    def find_spec(self, name, *_):\n        if name.split('.')[0] in {blocked!r}: raise ImportError(name)\n"
        f"sys.meta_path.insert(0, Missing())\nfor name in {modules!r}: import_module(name)\n"
        "import mixvocab\nprint(mixvocab.__file__)"
    )
    assert run(sys.executable, "-c", script, cwd=tmp_path, path=installed).startswith(str(installed))


def test_the_command_of_the_wheel_answers(installed: Path, tmp_path: Path) -> None:
    said = run(sys.executable, str(installed / "bin" / "mixvocab"), "--help", cwd=tmp_path, path=installed)
    assert "distill" in said
