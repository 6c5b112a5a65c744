"""The status page: what ran, when, how long, and from what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from mixvocab.common.progress import duration
from mixvocab_book.press import gate


def status_rows(notebooks: Mapping[str, Mapping[str, Any] | None]) -> list[dict[str, Any]]:
    """One row a chapter from its executed copy (None: not executed): what ran, when, how long, from what."""
    rows: list[dict[str, Any]] = []
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
