"""An output folder that fills at once: half-way results lie in `.work` below it until everything is done."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mixvocab.common.errors import UserError
from mixvocab.common.files import write_json

WORK = ".work"


def claim(out: Path, settings: Mapping[str, Any]) -> Path:
    """The work folder below `out`, for a run of these settings; an unfinished run of the same is gone on with.

    Raises UserError if `out` is a file, holds something, or has an unfinished run of other settings in it.
    """
    work = out / WORK
    note = work / "settings.json"
    if out.exists() and not out.is_dir():
        raise UserError(f"--out {out} is a file; name a new folder")
    if note.exists():
        if json.loads(note.read_text(encoding="utf-8")) != json.loads(json.dumps(settings)):
            raise UserError(f"--out {out}: an unfinished run with other settings lies there; remove it or name another")
    elif out.exists() and any(out.iterdir()):
        raise UserError(f"--out {out}: the folder is not empty; name a new one")
    else:
        write_json(note, settings)
    return work


def publish(finished: Path, out: Path) -> None:
    """Move the files of `finished`, a folder in the work folder, to `out`, and clear the work away."""
    for file in sorted(finished.iterdir()):
        os.replace(file, out / file.name)
    shutil.rmtree(out / WORK)
