"""What becomes of an executed chapter and of the status page on their way to the renderer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from mixvocab.book import gate
from mixvocab.book.hints import lab_hint
from mixvocab.book.publish import PUBLISHED
from mixvocab.progress import duration
from mixvocab.widgets.element import LIVE

STATUS_MARK = "<!-- status -->"
HEADLINE_MARK = "<!-- headline -->"
_WIDGET = "application/vnd.jupyter.widget-view+json"
# What a chapter says while it works, for whoever waits: `mixvocab.progress` and the artefact store.
_PROGRESS = re.compile(
    r"^.+: ([\d,]+ of [\d,]+ (\(\d+%\), .* left|cells done)|[\d,]+ done in |made in .*, kept as ).*\n?", re.MULTILINE
)
_DRAWING = re.compile(r"^def draw", re.MULTILINE)


def chapter_page(name: str, notebook: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of the executed chapter `name` for its page, with the commands that open it below its title.

    The cell that papermill injected is removed (the banner says what ran), and so are lines about progress, what the
    chapter publishes and papermill's bookkeeping. Code that draws a figure is folded away; a click shows it. A cell
    tagged `lab-only` is for JupyterLab. A widget that has a form for pages without a kernel appears in that form.
    """
    cells = []
    for cell in notebook["cells"]:
        tags = list(cell.get("metadata", {}).get("tags", []))
        if {"injected-parameters", "lab-only"} & set(tags):
            tags.append("remove-cell")
        elif cell["cell_type"] == "code" and _DRAWING.search(gate.source(cell)) and "hide-input" not in tags:
            tags.append("hide-input")
        metadata = {key: value for key, value in cell.get("metadata", {}).items() if key != "papermill"}
        page = {**cell, "metadata": metadata | ({"tags": tags} if tags else {})}
        if cell["cell_type"] == "code":
            shown = [] if "remove-cell" in tags else cell["outputs"]
            page["outputs"] = [kept for output in shown if (kept := _output(output)) is not None]
        cells.append(page)
    cells.insert(1, lab_hint(name))
    metadata = {key: value for key, value in notebook["metadata"].items() if key not in ("papermill", "mixvocab")}
    if not any(_WIDGET in output.get("data", {}) for cell in cells for output in cell.get("outputs", [])):
        metadata.pop("widgets", None)  # megabytes of states that nothing on the page shows
    return {**notebook, "cells": cells, "metadata": metadata}


def headline(notebooks: Iterable[Mapping[str, Any] | None]) -> str:
    """The HTML that the book's cell tagged `headline` shows; "" if none does."""
    for notebook in notebooks:
        for cell in notebook["cells"] if notebook else []:
            if "headline" in cell.get("metadata", {}).get("tags", []):
                for output in cell.get("outputs", []):
                    if html := output.get("data", {}).get("text/html"):
                        return html if isinstance(html, str) else "".join(html)
    return ""


def _output(output: Mapping[str, Any]) -> dict[str, Any] | None:
    """The output without what is not for readers; None if nothing is left."""
    if output["output_type"] == "stream":
        text = output["text"] if isinstance(output["text"], str) else "".join(output["text"])
        text = _PROGRESS.sub("", text)
        return {**output, "text": text} if text.strip() else None
    if "data" not in output:
        return dict(output)
    if PUBLISHED in output["data"]:
        return None
    hidden = {gate.BANNER}
    if LIVE in str(output["data"].get("text/html", "")):
        hidden.add(_WIDGET)
    return {**output, "data": {kind: value for kind, value in output["data"].items() if kind not in hidden}}


def status_rows(notebooks: Mapping[str, Mapping[str, Any] | None]) -> list[dict[str, Any]]:
    """One row a chapter from its executed copy (None: not executed): what ran, when, how long, from what."""
    rows = []
    for name, notebook in notebooks.items():
        facts = gate.banner_facts(notebook) if notebook else None
        if notebook is None or facts is None:
            rows.append({"chapter": name, "state": "not executed"})
            continue
        run = notebook["metadata"].get("mixvocab", {})
        git = facts["git"]
        commit = (git["commit"] or "unknown")[:10] + (" + local changes" if git["dirty"] else "")
        rows.append(
            {
                "chapter": name,
                "state": "executed",
                "finished": run.get("finished", ""),
                "runtime": duration(run.get("seconds", 0)),
                "profile": facts["profile"],
                "seeds": ", ".join(str(seed) for seed in facts["seeds"]),
                "sources": facts["sources"],
                "commit": commit,
                "versions": facts["versions"],
                "hardware": facts["hardware"],
            }
        )
    return rows


def status_html(rows: Sequence[Mapping[str, Any]]) -> str:
    """The status table, and below it the versions and hardware that each group of chapters ran on."""
    heads = ("Chapter", "Finished", "Runtime", "Profile", "Seeds", "Read", "Commit")
    body = ""
    for row in rows:
        if row["state"] != "executed":
            body += f'<tr><th scope="row">{escape(row["chapter"])}</th><td colspan="6">{escape(row["state"])}</td></tr>'
            continue
        read = "<br>".join(f"{escape(s['kind'])}: {escape(s['name'])} {badge(s['real'])}" for s in row["sources"])
        cells = [escape(str(row[key])) for key in ("finished", "runtime", "profile", "seeds")]
        cells += [read, f"<code>{escape(row['commit'])}</code>"]
        body += f'<tr><th scope="row">{escape(row["chapter"])}</th>' + "".join(f"<td>{c}</td>" for c in cells) + "</tr>"
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    inner = f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
    table = f'<div class="mv-table"><table class="table">{inner}</table></div>'
    return table + "".join(_environment_html(names, facts) for names, facts in _environments(rows))


def badge(real: bool) -> str:
    """The mark beside a source: real or synthetic."""
    word = "real" if real else "synthetic"
    return f'<span class="mv-badge mv-{word}">{word}</span>'


def _environments(rows: Sequence[Mapping[str, Any]]) -> list[tuple[list[str], Mapping[str, Any]]]:
    """Chapters that ran under the same versions on the same hardware, with these."""
    groups: dict[str, tuple[list[str], Mapping[str, Any]]] = {}
    for row in rows:
        if row["state"] == "executed":
            facts = {"hardware": row["hardware"], "versions": row["versions"]}
            groups.setdefault(repr(facts), ([], facts))[0].append(row["chapter"])
    return list(groups.values())


def _environment_html(names: Sequence[str], facts: Mapping[str, Any]) -> str:
    hardware = facts["hardware"]
    machine = f"{hardware['cores']} cores of {hardware['cpu']}, {hardware['memory_gb']} GB, {hardware['system']}"
    machine += f", {hardware['gpu']}" if hardware["gpu"] else ""
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    chapters = ", ".join(names)
    return f"<p><strong>{escape(chapters)}</strong>: {escape(machine)}. {escape(versions)}.</p>"
