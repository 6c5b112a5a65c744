"""The one error that a user's input may cause, and how commands end with it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any


class UserError(Exception):
    """Bad input. The message is one line that names the file, line or option, and the remedy.

    Commands print the message and exit with code 2; chapters show it without a traceback.
    """

    def _render_traceback_(self) -> list[str]:  # what IPython asks an exception for
        return [f"{type(self).__name__}: {' '.join(str(self).split())}"]


def need(extra: str, *packages: str) -> None:
    """Raise UserError naming the extra to install, if one of these importable packages is missing."""
    for package in packages:
        if find_spec(package) is None:
            raise UserError(f"this command needs {package}: pip install 'mixvocab[{extra}]'")


def run_command(app: Callable[..., Any], program: str, arguments: Sequence[str] | None = None) -> None:
    """Run a command line; `arguments` default to the process's own. A UserError ends it with one line and code 2."""
    try:
        app(arguments, prog_name=program)
    except UserError as error:
        print(f"{program}: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)
