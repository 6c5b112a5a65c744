"""The overlap widget in a real JupyterLab: it renders, stays in step with its kernel, and survives a new one."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest
from overlapping import unpack
from visiting import expect

from mixvocab.models.pretrained import load_tokenizer
from mixvocab.text.wordpiece import Vocabulary
from mixvocab.widgets import assets
from mixvocab.widgets.vocabularies import published, segments_of

PATIENCE = 180_000  # ms, for a kernel to start on a busy machine
CELLS = [
    "import json\nfrom mixvocab.widgets.live import OverlapWidget\n"
    "widget = OverlapWidget(json.load(open('vocabularies.json')), text='first text')\nwidget",
    "print('kernel:', json.dumps([widget.text, widget.p, [each['student'] for each in widget.segments]]))",
    "widget.text, widget.p = 'set by a cell', 0.25\n"
    "print('then:', json.dumps([each['student'] for each in widget.segments]))",
]
# No news, no questions, no terminal: nothing that would lie over the notebook.
SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/completer-extension:manager": {"autoCompletion": False},
}


@pytest.fixture(scope="module")
def vocabularies(tiny_teacher, tiny_pieces):
    return published(load_tokenizer(tiny_teacher), {150: Vocabulary(tuple(tiny_pieces[:150]))}, default=150, about="")


@pytest.fixture(scope="module")
def lab(tmp_path_factory, scripts, vocabularies):
    """Address of a JupyterLab of its own, in an empty folder with one notebook."""
    pytest.importorskip("jupyterlab")
    home = tmp_path_factory.mktemp("lab")
    work = home / "work"
    work.mkdir()
    (work / "vocabularies.json").write_text(json.dumps(vocabularies))
    cells = [
        {"cell_type": "code", "id": f"cell-{n}", "metadata": {}, "source": text, "execution_count": None, "outputs": []}
        for n, text in enumerate(CELLS)
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    (work / "sample.ipynb").write_text(json.dumps(notebook))
    for plugin, values in SETTINGS.items():
        name, kind = plugin.split(":")
        file = home / "config" / "lab" / "user-settings" / name / f"{kind}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))

    token = secrets.token_hex(16)
    environment = {
        **os.environ,
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "config" / "lab" / "user-settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
        "IPYTHONDIR": str(home / "ipython"),
        "PYTHONPATH": os.pathsep.join([str(assets.CHECKOUT), os.environ.get("PYTHONPATH", "")]),
    }
    command = [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root", "--port=0"]
    command += ["--ServerApp.ip=127.0.0.1", "--ServerApp.port_retries=0", f"--IdentityProvider.token={token}"]
    command += ["--LabApp.news_url=", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    with (home / "log").open("wb") as log:
        server = subprocess.Popen(command, cwd=work, env=environment, stdout=log, stderr=log)
    try:
        port = _port(home / "runtime", server, home / "log")
        yield f"http://127.0.0.1:{port}/lab/tree/sample.ipynb?token={token}"
    finally:
        server.terminate()  # it ends its kernels
        server.wait(30)


def _port(runtime: Path, server: subprocess.Popen, log: Path) -> int:
    """The port that the server has found free itself, once it answers there."""
    for _ in range(480):
        if server.poll() is not None:
            pytest.fail(f"JupyterLab ended:\n{log.read_text(errors='replace')[-2000:]}")
        try:
            (told,) = [json.loads(file.read_text()) for file in runtime.glob("jpserver-*.json")]
            with urllib.request.urlopen(f"{told['url']}api/status?token={told['token']}", timeout=5):
                return told["port"]
        except (OSError, ValueError):  # not written, half written, or not yet listening
            time.sleep(0.25)
    pytest.fail(f"JupyterLab does not answer:\n{log.read_text(errors='replace')[-2000:]}")


class Notebook:
    """The notebook in the browser, cells by number."""

    def __init__(self, page, vocabularies) -> None:
        self.page = page
        self.vocabularies = vocabularies
        self.widget = page.locator(".mv-overlap")

    def run(self, number: int) -> None:
        """Run a cell as a reader does: press the keys again if the notebook, still busy with its start, lost them."""
        cell = self.page.locator(".jp-CodeCell").nth(number)
        prompt = cell.locator(".jp-InputPrompt")
        before = prompt.inner_text()
        for _ in range(6):
            cell.locator(".jp-InputArea-editor").click()
            self.page.keyboard.press("Control+Enter")
            with suppress(AssertionError):
                return expect(prompt).not_to_have_text(before, timeout=PATIENCE / 6)
        pytest.fail(f"cell {number} does not run; the notebook shows:\n{self.whole_text()}")

    def whole_text(self) -> str:
        return self.page.inner_text(".jp-Notebook")

    def said(self, number: int, start: str, *, holds: str) -> list:
        """What the cell printed behind `start`, as soon as that holds a string."""
        output = self.page.locator(".jp-CodeCell").nth(number).locator(".jp-OutputArea-output", has_text=holds)
        output.first.wait_for(timeout=PATIENCE)
        return json.loads(output.first.inner_text().partition(start)[2])

    def menu(self, menu: str, item: str) -> None:
        self.page.locator(".lm-MenuBar-item", has_text=menu).click()
        self.page.locator(".lm-Menu-itemLabel", has_text=item).first.click()

    def field(self):
        return self.widget.locator("textarea.mv-text")

    def shows(self, text: str, p: float) -> None:
        """Wait until the widget has this text and p, and cuts it as Python does."""
        from playwright.sync_api import Error

        try:
            self.page.wait_for_function(
                "([text, p]) => { const w = document.querySelector('.mv-overlap'); return w && "
                "w.querySelector('.mv-text').value === text && Number(w.querySelector('[type=range]').value) === p }",
                arg=[text, p],
            )
        except Error:
            pytest.fail(f"no widget with {text!r} and {p}; the notebook shows:\n{self.whole_text()}")
        wanted = [piece for pieces in self.cut(text) for piece in pieces]
        self.page.wait_for_function(
            "wanted => JSON.stringify([...document.querySelectorAll('.mv-overlap .mv-piece[data-side=student]')]"
            ".map((piece) => piece.dataset.piece)) === wanted",
            arg=json.dumps(wanted, separators=(",", ":")),
        )

    def cut(self, text: str) -> list[list[str]]:
        tokenizers = unpack(self.vocabularies["teacher"]), unpack(self.vocabularies["students"]["150"])
        return [each["student"] for each in segments_of(text, *tokenizers)]


def test_widget_and_kernel_stay_in_step_and_survive_a_restart(context, lab, vocabularies):
    page = context.new_page()
    page.set_viewport_size({"width": 1400, "height": 1600})
    page.set_default_timeout(PATIENCE)
    page.goto(lab)
    notebook = Notebook(page, vocabularies)
    page.locator(".jp-CodeCell").nth(2).wait_for()
    page.wait_for_selector("#jupyterlab-splash", state="detached")
    page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for()

    notebook.run(0)
    notebook.shows("first text", 0.5)

    # From the page to the kernel.
    notebook.field().fill("typed into the page")
    notebook.widget.locator("input[type=range]").fill("0.75")
    notebook.shows("typed into the page", 0.75)
    notebook.run(1)
    text = "typed into the page"
    assert notebook.said(1, "kernel:", holds=text) == [text, 0.75, notebook.cut(text)]

    # From the kernel to the page; segments are right within the very cell.
    notebook.run(2)
    assert notebook.said(2, "then:", holds="then:") == notebook.cut("set by a cell")
    notebook.shows("set by a cell", 0.25)

    # The arrow keys are the widget's while it has the focus, not the notebook's.
    notebook.widget.locator(".mv-piece").first.focus()
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.dataset.side") == "student"
    selected = page.locator(".jp-CodeCell").evaluate_all("all => all.map(e => e.classList.contains('jp-mod-selected'))")
    assert selected == [True, False, False]

    notebook.menu("Kernel", "Restart Kernel and Run All Cells")
    page.locator(".jp-Dialog .jp-mod-accept").click()
    assert notebook.said(1, "kernel:", holds="first text") == ["first text", 0.5, notebook.cut("first text")]
    notebook.shows("set by a cell", 0.25)
    expect(notebook.widget).to_have_count(1)
    notebook.field().fill("after the restart")
    notebook.shows("after the restart", 0.25)
    notebook.run(1)
    assert notebook.said(1, "kernel:", holds="after")[0] == "after the restart"
