"""Every number of a record names its file and commit; on pages the name is a link to a copy."""

import json
from pathlib import Path

import pytest
from recorded import record

from mixvocab_book.show import figures, paper, tables
from mixvocab_book.show.cited import cited, with_records
from mixvocab_book.show.entries import grouped

NAME = "runs/pca/evening-s0.json"


def test_records_are_named_with_their_commit_and_a_link() -> None:
    changed = record("pca", 1) | {"git": {"commit": "f" * 40, "dirty": True}, "live": True}
    html = cited([*grouped([record("pca", 0)]), changed])
    assert f'<a href="../records/{NAME}">{NAME}</a> at commit 4b20d35e29</li>' in html
    assert '<a href="../records/live/runs/pca/evening-s1.json">' in html
    assert "at commit ffffffffff + local changes" in html
    assert cited([]) == ""


def test_tables_charts_and_rows_beside_the_paper_are_cited(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    for module in (tables, figures):
        monkeypatch.setattr(module, "display", lambda html, **_: shown.append(html.data))
    known = grouped([record("pca", 0)])
    tables.table(["a"], [["b"]], records=known)
    figures.show_chart(paper.size_chart(paper.SNIPS, [], "slot_f1"), records=[paper.Row("PCA", 1.0, {}, tuple(known))])
    assert [html.count(f'href="../records/{NAME}"') for html in shown] == [1, 1]


def test_pages_get_copies_of_the_records_they_name(tmp_path: Path) -> None:
    (tmp_path / "records" / NAME).parent.mkdir(parents=True)
    (tmp_path / "records" / NAME).write_bytes(b"{}")
    html = cited([record("pca", 0), record("pca", 1)])
    files = {
        "notebooks/04.ipynb": json.dumps({"text/html": html}).encode(),
        "book/intro.md": html.encode(),
        "a.js": b"",
    }
    made = with_records(files, tmp_path)
    assert made[f"book/published/records/{NAME}"] == b"{}"
    for page in (json.loads(made["notebooks/04.ipynb"])["text/html"], made["book/intro.md"].decode()):
        assert f'<a href="../_static/records/{NAME}">{NAME}</a>' in page
        assert "runs/pca/evening-s1.json" in page  # of a record that is not there the name alone
        assert "s1.json</a>" not in page
    assert set(made) == {*files, f"book/published/records/{NAME}"}


def test_links_lead_nowhere_but_to_records(tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_bytes(b"{}")
    (tmp_path / "records").mkdir()
    for path in (b"../secret", b"runs/../../secret"):
        page = b'<a href="../records/' + path + b'.json">x</a>'
        assert with_records({"a.md": page}, tmp_path) == {"a.md": page}
