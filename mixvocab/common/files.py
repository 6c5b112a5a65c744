"""Files that are written whole or not at all, their digests, and output folders that fill at once."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

from mixvocab.common.errors import UserError

WORK = ".work"  # below an output folder: what is half done
NOTE = "settings.json"  # there: what was asked for
HALF = ".copy"  # there: a finished file on its way


@contextmanager
def atomic_write(path: Path | str, mode: str = "w") -> Iterator[IO[Any]]:
    """Open `path` for writing (mode "w" or "wb"); it appears, complete, only if the block succeeds.

    The text goes to a neighbour file first and is renamed over `path` after it has reached the disk,
    so a killed process leaves either the old file or the new one.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{uuid4().hex}")
    encoding, newline = (None, None) if "b" in mode else ("utf-8", "\n")
    try:
        with open(draft, mode, encoding=encoding, newline=newline) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def write_json(path: Path | str, value: Any) -> None:
    """Write `value` as indented JSON, keys in the order given, whole or not at all."""
    with atomic_write(path) as file:
        json.dump(value, file, indent=2, ensure_ascii=False)
        file.write("\n")


def file_sha256(path: Path | str) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def text_sha256(*parts: str) -> str:
    """SHA-256 of the parts' UTF-8 bytes, each closed by a zero byte so that no two lists share a digest."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode("utf-8") + b"\0")
    return digest.hexdigest()


def claim(out: Path, settings: Mapping[str, Any]) -> Path:
    """The work folder below `out`, for a run of these settings; an unfinished run of the same is gone on with.

    Raises UserError if `out` is a file, holds something, or has an unfinished run of other settings, or a damaged one.
    """
    note = out / WORK / NOTE
    if out.exists() and not out.is_dir():
        raise UserError(f"--out {out} is a file; name a new folder")
    if not note.exists():
        if out.exists() and any(file.name != WORK for file in out.iterdir()):
            raise UserError(f"--out {out}: the folder is not empty; name a new one")
        write_json(note, settings)
        return out / WORK
    try:
        same = json.loads(note.read_text(encoding="utf-8")) == json.loads(json.dumps(settings))
    except ValueError:
        raise UserError(f"{note} is damaged: remove the folder --out {out} or name another") from None
    if not same:
        raise UserError(f"--out {out}: an unfinished run with other settings lies there; remove it or name another")
    return out / WORK


def publish(finished: Path, out: Path) -> None:
    """Put the files of `finished`, a folder in the work folder, into `out`, and clear the work away.

    They are copied: until all of them are there, a call that goes on after a kill finds `finished` as it was.
    """
    for file in sorted(finished.iterdir()):
        shutil.copyfile(file, out / WORK / HALF)
        os.replace(out / WORK / HALF, out / file.name)
    (out / WORK / NOTE).unlink()  # first: from here on nobody has to go on with it
    shutil.rmtree(out / WORK)
