"""How the book looks: css/style.css says it, for pages and widgets; here it is read for matplotlib's figures."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

CSS = (Path(__file__).parent / "css" / "style.css").read_text(encoding="utf-8")
"""The variables `--mv-ink`, `--mv-c0`..., `--mv-font`..., light, and dark where the surroundings are."""


@dataclass(frozen=True)
class Theme:
    """Colours as "#rrggbb"; css/style.css says what each is for."""

    ink: str
    muted: str
    accent: str
    page: str
    surface: str
    line: str
    palette: tuple[str, ...]


def _theme(rule: str) -> Theme:
    variables = dict(re.findall(r"--mv-([\w-]+): ([^;]+);", rule))
    named = {name: variables[name] for name in ("ink", "muted", "accent", "page", "surface", "line")}
    return Theme(palette=tuple(variables[f"c{number}"] for number in range(7)), **named)


LIGHT, DARK = map(_theme, re.findall(r"\{[^}]*\}", CSS))
THEMES = {"light": LIGHT, "dark": DARK}
