"""The model card of what is made: README.md as model hubs show it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mixvocab import __version__
from mixvocab.common.files import atomic_write

HEAD = """\
---
library_name: transformers
license: other
license_name: as-of-its-sources
tags: [mixvocab, bert, distillation]
---
# {title}

{about}

| made from | what | licence | SHA-256 of what was read |
|---|---|---|---|
{sources}

{scores}

```python
{use}
```

Made by mixvocab {version}. Who shares this model has to keep to the licences above.
"""


def write_card(
    folder: Path,
    title: str,
    about: str,
    *,
    sources: Sequence[Mapping[str, Any]],
    scores: Mapping[str, str],
    use: str,
) -> None:
    """Write README.md to a model's folder.

    `sources` are of its text, teacher and task, as `Source.as_record` has them; `scores` what was measured, as text;
    `use` the lines of Python that load it.
    """
    rows = "\n".join(
        f"| {_cell(source['kind'])} | {_cell(source['name'])}{'' if source['real'] else ' (synthetic)'} "
        f"| {_cell(source['licence'])} | `{source['sha256'][:16]}` |"
        for source in sources
    )
    told = "\n".join(f"- {_cell(name)}: {_cell(value)}" for name, value in scores.items())
    parts = {"title": _cell(title), "about": _cell(about), "sources": rows, "scores": told, "use": use}
    with atomic_write(folder / "README.md") as file:
        file.write(HEAD.format(**parts, version=__version__))


def _cell(text: Any) -> str:
    """Text that names of files or tasks cannot break out of: no cell, line, link, picture or HTML begins in it."""
    marks = {"|": "\\|", "[": "\\[", "<": "&lt;", "`": "'"}
    return "".join(marks.get(letter, letter) for letter in " ".join(str(text).split()))
