"""Packages that only some commands need."""

from __future__ import annotations

from importlib.util import find_spec

from mixvocab.common.errors import UserError


def need(extra: str, *packages: str) -> None:
    """Raise UserError naming the extra to install, if one of these importable packages is missing."""
    for package in packages:
        if find_spec(package) is None:
            raise UserError(f"this command needs {package}: pip install 'mixvocab[{extra}]'")
