"""The one error that a user's input may cause, and how commands end with it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any


class UserError(Exception):
    """Bad input. The message is one line that names the file, line or option, and the remedy.

    Commands print the message and exit with code 2; chapters show it without a traceback.
    """


def run_command(app: Callable[..., Any], program: str, arguments: Sequence[str] | None = None) -> None:
    """Run a command line; `arguments` default to the process's own. A UserError ends it with one line and code 2."""
    try:
        app(arguments, prog_name=program)
    except UserError as error:
        print(f"{program}: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)
