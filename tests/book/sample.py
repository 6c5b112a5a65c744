"""A book of one small chapter, with everything in it that the pipeline has to handle."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

TOC = """\
format: jb-book
root: book/intro
parts:
  - caption: Chapters
    numbered: true
    chapters:
      - file: notebooks/01_sample
  - caption: Back matter
    chapters:
      - file: book/scorecard
      - file: book/status
      - file: book/bibliography
"""

INTRO = """\
# A small book

It cites {cite}`zhao2021extremely` and states that $E = mc^2$.

$$p(y \\mid x) = \\frac{e^{s_y}}{\\sum_{k} e^{s_k}}$$
"""

CELLS: list[tuple[str, str, list[str]]] = [
    ("markdown", "# Hippopotamus\n\nAbout $p_{SV}$, see {cite}`devlin2019bert`.\n\n## Run", []),
    (
        "code",
        'profile: str = "laptop"  # smoke | laptop | gpu | paper\nseed: int = 0  # the first seed\n'
        "p_sv: float | None = None  # None: the profile's",
        ["parameters"],
    ),
    (
        "code",
        "from mixvocab_book.chapter import open_chapter\n"
        "from mixvocab.sources.source import Source\n\n"
        'chapter = open_chapter("01_sample", profile=profile, seed=seed, p_sv=p_sv)\n'
        'source = Source("corpus", "a <b>text</b> & more", "path", "a.txt", "CC0", "0" * 64, True)\n'
        'made_up = Source("snips", "synthetic queries", "embedded", "grammar", "Apache-2.0", "0" * 64, False)\n'
        "chapter.banner(source, made_up)",
        [],
    ),
    (
        "code",
        "import sys\n\n"
        'print("stage I: 20 of 400 (5%), 8 s left, loss 3.1", file=sys.stderr)\n'
        'print("a warning that readers need not see", file=sys.stderr)\nprint("printed for readers")',
        [],
    ),
    (
        "code",
        "from matplotlib import pyplot as plt\n\nfrom mixvocab_book.show import figures, tables\n\n\n"
        "def draw():\n"
        "    figure, axes = plt.subplots()\n"
        '    axes.plot([0, 400, 800, 1200], [8.5, 6.4, 6.0, 5.8], label="with stage I")\n'
        '    axes.plot([0, 400, 800, 1200], [8.5, 6.9, 6.3, 6.0], label="NoKD")\n'
        '    axes.set(title="Stage I saves a third of the steps", xlabel="step", ylabel="held-out loss (nats)")\n'
        "    axes.legend()\n"
        "    return figure\n\n\n"
        'figures.show(draw, alt="Two curves; \\"with stage I\\" is lower", caption="A sample & a test.")\n'
        'git = {"commit": "f" * 40, "dirty": False}\n'
        'record = {"name": "a", "profile": "smoke", "seed": 0, "live": False, "git": git}\n'
        'rows = [["L-6 H-96", 1_200_000, 5.81234]]\n'
        'tables.table(["model", "parameters", "loss"], rows, caption="Students", records=[record])\n'
        'tables.prose("A sentence of numbers.")',
        ["hide-input"],
    ),
    ("code", "import ipywidgets\n\nipywidgets.IntSlider(value=3, max=9, description='zebra')", []),
]


def notebook(cells: list[tuple[str, str, list[str]]] = CELLS) -> dict:
    """The chapter as nbformat JSON without outputs."""
    made = []
    for number, (kind, text, tags) in enumerate(cells):
        cell = {"cell_type": kind, "id": f"cell-{number}", "metadata": {"tags": tags} if tags else {}, "source": text}
        made.append(cell | ({"execution_count": None, "outputs": []} if kind == "code" else {}))
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {"cells": made, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


def write_book(root: Path, cells: list[tuple[str, str, list[str]]] = CELLS) -> Path:
    """Write the book's sources to `root`; settings, theme and bibliography are the real ones."""
    (root / "notebooks").mkdir(parents=True)
    (root / "records").mkdir()
    (root / "records" / "a").mkdir(parents=True)
    (root / "records" / "a" / "smoke-s0.json").write_text("{}")
    for folder in ("theme", "templates"):
        shutil.copytree(ROOT / "book" / folder, root / "book" / folder)
    for name in ("references.bib", "bibliography.md", "status.md", "scorecard.md", "start.html"):
        shutil.copyfile(ROOT / "book" / name, root / "book" / name)
    shutil.copyfile(ROOT / "_config.yml", root / "_config.yml")
    (root / "_toc.yml").write_text(TOC)
    (root / "book" / "intro.md").write_text(INTRO)
    (root / "notebooks" / "01_sample.ipynb").write_text(json.dumps(notebook(cells)))
    return root
