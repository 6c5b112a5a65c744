"""A content-addressed store: what took long is made once, and again only when something it depends on changed.

An artefact is a folder `<name>/<key>`. The key is a fingerprint of its parameters, the keys of what it was made from
and the code that made it. A folder appears under its name only when it is complete: it is filled elsewhere and renamed.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from mixvocab.book.fingerprint import Code, code_fingerprint
from mixvocab.errors import UserError
from mixvocab.files import file_sha256, write_json
from mixvocab.progress import duration
from mixvocab.sources.cache import cache_root

MANIFEST = "manifest.json"
SMALL = 1 << 20  # bytes; files up to this size are compared by content whenever they are opened


@dataclass(frozen=True)
class Artefact:
    """A complete, verified folder of the store."""

    name: str
    key: str  # hexadecimal fingerprint of all it depends on
    path: Path
    seconds: float  # what making it took
    made: bool = field(compare=False)  # by this call; False: it was there


class ArtefactStore:
    """The artefacts under one folder; any number of processes may use it at once."""

    def __init__(self, root: Path | None = None) -> None:
        """Open the store at `root`, by default `artefacts` in the cache folder."""
        self.root = root or cache_root() / "artefacts"
        self.used: list[Artefact] = []  # by this process, in order, for records

    def get(
        self,
        name: str,
        params: Mapping[str, Any],
        inputs: Sequence[str | Artefact],
        make: Callable[[Path], None],
        code: Sequence[Code],
        *,
        resumable: bool = False,
    ) -> Artefact:
        """The artefact of this name made from these parameters, inputs and code; `make(folder)` fills it if needed.

        Args:
            name: lower-case letters, digits, "-" and "_"; the folder's name and what messages call it.
            params: all settings that the result depends on; JSON values.
            inputs: fingerprints (a source's sha256) and artefacts that it is made from.
            make: writes the result's files into the empty folder it is given.
            code: modules and functions that make it; what they import of mixvocab is followed.
            resumable: after a kill, `make` gets the same half-filled folder again and goes on from there.

        Raises:
            UserError: if a damaged artefact cannot be cleared away.
        """
        if not re.fullmatch(r"[a-z0-9_-]+", name):
            raise ValueError(f"artefact name {name!r}: use lower-case letters, digits, - and _")
        description = {
            "name": name,
            "params": dict(params),
            "inputs": [item.key if isinstance(item, Artefact) else item for item in inputs],
            "code": code_fingerprint(code),
        }
        key = hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()
        path = self.root / name / key[:16]
        with self._lock(name, key):
            artefact = self._open(name, key, path)
            if artefact is None:
                artefact = self._make(name, key, path, make, description, resumable)
        self.used.append(artefact)
        return artefact

    def _lock(self, name: str, key: str) -> FileLock:
        """A lock on one artefact; it dies with its process, so a killed build blocks nobody."""
        folder = self.root / ".locks"
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / f"{name}-{key[:16]}.lock")
        try:
            lock.acquire(timeout=0)
            lock.release()
        except Timeout:
            print(f"{name}: another process is making it; waiting", flush=True)
        return lock

    def _open(self, name: str, key: str, path: Path) -> Artefact | None:
        """The artefact if it is there and whole. A damaged one is cleared away, with a line that says so."""
        if not path.exists():
            return None
        damage = find_damage(path)
        if damage is None:
            manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
            return Artefact(name, key, path, manifest["seconds"], made=False)
        print(f"{name}: {damage}; making it again", flush=True)
        _remove(path)
        return None

    def _make(
        self,
        name: str,
        key: str,
        path: Path,
        make: Callable[[Path], None],
        description: dict[str, Any],
        resumable: bool,
    ) -> Artefact:
        folder = self.root / ".making" / f"{name}-{key[:16]}"
        clock = folder.with_suffix(".seconds")  # what earlier, killed attempts took
        if not resumable:
            _remove(folder)
        earlier = float(clock.read_text()) if resumable and folder.exists() and clock.exists() else 0.0
        folder.mkdir(parents=True, exist_ok=True)
        started = time.perf_counter()
        try:
            make(folder)
        except BaseException:
            if resumable:
                clock.write_text(str(earlier + time.perf_counter() - started))
            else:
                shutil.rmtree(folder, ignore_errors=True)
            raise
        seconds = round(earlier + time.perf_counter() - started, 3)
        files = {
            file.relative_to(folder).as_posix(): {"size": file.stat().st_size, "sha256": file_sha256(file)}
            for file in sorted(folder.rglob("*"))
            if file.is_file()
        }
        write_json(folder / MANIFEST, description | {"key": key, "seconds": seconds, "files": files})
        path.parent.mkdir(parents=True, exist_ok=True)
        folder.rename(path)
        clock.unlink(missing_ok=True)
        if seconds >= 1:
            print(f"{name}: made in {duration(seconds)}, kept as {name}/{key[:16]}", flush=True)
        return Artefact(name, key, path, seconds, made=True)


def find_damage(path: Path) -> str | None:
    """What is wrong with an artefact's files, in a few words, or None: sizes of all, content of the small ones."""
    try:
        files = json.loads((path / MANIFEST).read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return f"{MANIFEST} is missing or unreadable"
    for relative, expected in files.items():
        file = path / relative
        if not file.is_file():
            return f"{relative} is missing"
        size = file.stat().st_size
        if size != expected["size"]:
            return f"{relative} has {size:,} of {expected['size']:,} bytes"
        if size <= SMALL and file_sha256(file) != expected["sha256"]:
            return f"{relative} was changed"
    return None


def _remove(path: Path) -> None:
    if path.exists():
        try:
            shutil.rmtree(path)
        except OSError as error:
            raise UserError(f"artefact {path} cannot be removed ({error.strerror}): remove it by hand") from None
