"""Where things that can be made again are kept."""

from __future__ import annotations

import os
import sys
import tomllib
from functools import cache
from pathlib import Path


def cache_root() -> Path:
    """MIXVOCAB_CACHE if set, else `.cache` in the checkout around the working directory, else the user's cache."""
    if named := os.environ.get("MIXVOCAB_CACHE"):
        return Path(named).expanduser()
    if checkout := _checkout(Path.cwd()):
        return checkout / ".cache"
    if sys.platform == "win32" and (local := os.environ.get("LOCALAPPDATA")):
        return Path(local) / "mixvocab"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mixvocab"


@cache
def _checkout(start: Path) -> Path | None:
    for folder in (start, *start.parents):
        project = folder / "pyproject.toml"
        if project.is_file():
            try:
                name = tomllib.loads(project.read_text(encoding="utf-8")).get("project", {}).get("name")
            except (OSError, ValueError):
                continue
            if name == "mixvocab":
                return folder
    return None
