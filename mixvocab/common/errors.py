"""The one error that a user's input may cause, and how commands end with it."""

from __future__ import annotations

import errno
import os
import re
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


NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
NOT_ALLOWED = {errno.EACCES, errno.EPERM, errno.EROFS}


def refused_by_disk(error: Exception) -> str | None:
    """One line on a disk that holds no more, or a file that must not be touched; None for any other error."""
    number = error.errno if type(error).__module__ != "ssl" and isinstance(error, OSError) else None
    told = isinstance(error, OSError) or type(error).__name__ == "SafetensorError"  # and NumPy: in words of their own
    if told and (said := re.search(r"\(os error (\d+)\)|\d+ requested and \d+ written", str(error))):
        number = int(said[1] or errno.ENOSPC)
    place = getattr(error, "filename", None) or "the output folder"
    if getattr(error, "sqlite_errorname", None) in ("SQLITE_FULL", "SQLITE_IOERR_WRITE"):  # what counting puts aside
        number, place = errno.ENOSPC, "the temporary folder (TMPDIR)"
    if number in NO_ROOM:
        return f"{place}: no room is left; make room and call the same again, which goes on, or name another folder"
    if number in NOT_ALLOWED:
        return f"{place}: {os.strerror(number).lower()}; give yourself the right to it, or name another"
    return None


def run_command(app: Callable[..., Any], program: str, arguments: Sequence[str] | None = None) -> None:
    """Run a command line; `arguments` default to the process's own.

    A UserError ends it with one line and code 2, and so do a full disk and a folder that must not be written to.
    """
    try:
        app(arguments, prog_name=program)
    except UserError as error:
        line = str(error)
    except Exception as error:
        if not (line := refused_by_disk(error) or ""):
            raise
    else:
        return
    print(f"{program}: {' '.join(line.split())}", file=sys.stderr)
    sys.exit(2)
