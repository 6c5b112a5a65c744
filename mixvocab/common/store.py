"""Steps and where they are kept: what takes long is made once, and again only when something it depends on changed.

A step is a frozen dataclass. Its fields are all that its result depends on: settings, sources, and the steps before it.
`make` is given a folder and the store and nothing else, so what is not a field cannot get into the result, and the
key, a fingerprint of the fields and of the code, cannot be incomplete.

An artefact is the folder `<name>/<key>`. It appears under its name only when it is complete: it is filled elsewhere and
renamed.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NamedTuple, TypeVar

from filelock import FileLock, Timeout
from pydantic import BaseModel

from mixvocab.common.errors import UserError
from mixvocab.common.files import file_sha256, write_json
from mixvocab.common.fingerprint import code_fingerprint
from mixvocab.common.progress import duration, say

if TYPE_CHECKING:
    from accelerate import PartialState

T = TypeVar("T")

MANIFEST = "manifest.json"
SMALL = 1 << 20  # bytes; files up to this size are compared by content whenever they are opened


def aside(default: Any) -> Any:
    """A field that no result depends on: a label, a number of processes."""
    return field(default=default, compare=False, metadata={"aside": True})


@dataclass(frozen=True)
class Ref(Generic[T]):
    """A source (text, teacher, task) as a step's field: what is asked for, and how to find it when it is needed."""

    asked: str
    find: Callable[[], T] = field(compare=False, repr=False)  # with the sha256 of its content under `.source`

    @cached_property
    def value(self) -> T:
        return self.find()


@dataclass(frozen=True)
class Step(Generic[T]):
    """One thing that takes long, by what it depends on; see the module's docstring."""

    name: ClassVar[str]  # of its folder in the store, and what messages call it
    room: ClassVar[str]  # of mixvocab, whose code and that of the rooms below it makes the result
    resumable: ClassVar[bool] = False  # after a kill, `make` gets the half-filled folder again and goes on from there
    together: ClassVar[bool] = False  # made by all processes of a distributed run at once; others by one of them

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "name" not in cls.__dict__ and hasattr(cls, "name"):
            raise TypeError(f"{cls.__name__} needs a name of its own: as {cls.name!r} it would get that step's results")

    def make(self, folder: Path, store: Store) -> None:
        """Write the result's files into the empty folder; `store.get` has what earlier steps made."""
        raise NotImplementedError

    def load(self, folder: Path, store: Store) -> T:
        """The result from its files."""
        raise NotImplementedError

    @cached_property
    def key(self) -> str:
        """Fingerprint of fields and code: the artefact's."""
        return _sha256(_parts(self, code=True, data=True))

    @cached_property
    def identity(self) -> str:
        """Fingerprint of the fields alone: of what is asked for, whichever version of the code answers."""
        return _sha256(_parts(self, code=False, data=True))

    @cached_property
    def asked(self) -> str:
        """Fingerprint of the settings alone, whatever text, teacher and task they are applied to."""
        return _sha256(_parts(self, code=False, data=False))


def sources(step: Step[Any]) -> list[Any]:
    """What a step and those before it read (the `.source` of what each `Ref` finds), each once, the earliest first."""
    read: list[Any] = []
    for attribute in fields(step):
        content = getattr(step, attribute.name)
        if isinstance(content, Step):
            read += sources(content)
        elif isinstance(content, Ref):
            read.append(content.value.source)
    return list(dict.fromkeys(read))


class Artefact(NamedTuple):
    """A complete, verified folder of the store."""

    path: Path
    seconds: float  # what making it took
    made: bool  # by this call; False: it was there


class Store:
    """The artefacts below one folder; any number of processes may use it at once.

    With `code` False results are found again whatever version of the code made them: for a queue of recorded runs, in
    which a later run builds upon an earlier one that is recorded already.
    """

    def __init__(self, root: Path, *, code: bool = True) -> None:
        self.root, self.code = root, code
        self._held: dict[str, Any] = {}

    def get(self, step: Step[T]) -> T:
        """What the step yields: made if it is not there, and loaded once a process."""
        path = self.artefact(step).path  # each time: what is loaded may speak of files, which must be there and whole
        return self.once(step.key, lambda: step.load(path, self))

    def once(self, name: str, make: Callable[[], T]) -> T:
        """What `make` returned when this process first asked for `name`."""
        if name not in self._held:
            self._held[name] = make()
        return self._held[name]

    def place(self, step: Step[Any]) -> Path:
        """The step's folder, which is there once it was made."""
        return self.root / step.name / (step.key if self.code else step.identity)[:16]

    def artefact(self, step: Step[Any]) -> Artefact:
        """The step's folder, filled if it is not there.

        Raises UserError in a process that was started to read text and runs the caller's script again.
        """
        if getattr(multiprocessing.current_process(), "_inheriting", False):  # set while a child imports the script
            raise UserError('put what this script does under `if __name__ == "__main__":`, it starts processes')
        path = self.place(step)
        with self._turn(step, path):
            if path.exists():
                damaged = find_damage(path)
                if damaged is None:
                    manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
                    return Artefact(path, manifest["seconds"], made=False)
                say(f"{step.name}: {damaged} is missing or damaged; making it again")
                _remove(path)
            return Artefact(path, self._make(step, path), made=True)

    def _turn(self, step: Step[Any], path: Path) -> AbstractContextManager[Any]:
        """Keeps others from making the same; the lock dies with its process, so a killed build blocks nobody."""
        if step.together and int(os.environ.get("WORLD_SIZE", "1")) > 1:  # of a distributed run
            return nullcontext()
        folder = self.root / ".locks"
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / f"{step.name}-{path.name}.lock")
        try:
            lock.acquire(timeout=0)
            lock.release()
        except Timeout:
            say(f"{step.name}: another process is making it; waiting")
        return lock

    def _make(self, step: Step[Any], path: Path) -> float:
        """Fill the step's folder elsewhere and give it its place; returns the seconds that it took."""
        folder = self.root / ".making" / f"{step.name}-{path.name}"
        if not step.resumable:
            _remove(folder)  # or what is left of a killed build would be kept as a part of this one
        folder.mkdir(parents=True, exist_ok=True)
        started = time.perf_counter()
        try:
            step.make(folder, self)
        except BaseException:
            if not step.resumable:
                shutil.rmtree(folder, ignore_errors=True)
            raise
        seconds = round(time.perf_counter() - started, 3)
        if step.together:
            distributed().wait_for_everyone()  # all have written the same files
        with distributed().main_process_first() if step.together else nullcontext():
            if not path.exists():
                self._keep(step, folder, path, seconds)
        return seconds

    def _keep(self, step: Step[Any], folder: Path, path: Path, seconds: float) -> None:
        """Describe the files that the folder has and give it its place."""
        files = {
            file.relative_to(folder).as_posix(): {"size": file.stat().st_size, "sha256": file_sha256(file)}
            for file in sorted(folder.rglob("*"))
            if file.is_file()
        }
        write_json(folder / MANIFEST, _parts(step, code=True, data=True) | {"seconds": seconds, "files": files})
        path.parent.mkdir(parents=True, exist_ok=True)
        folder.rename(path)
        if seconds >= 1:
            say(f"{step.name}: made in {duration(seconds)}, kept as {path.parent.name}/{path.name}")


def find_damage(path: Path) -> str | None:
    """The first file of an artefact that is not as it was written, or None: sizes of all, content of the small ones."""
    try:
        files = json.loads((path / MANIFEST).read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return MANIFEST
    for name, expected in files.items():
        file, size = path / name, expected["size"]
        whole = file.is_file() and file.stat().st_size == size
        if not whole or (size <= SMALL and file_sha256(file) != expected["sha256"]):
            return name
    return None


def _remove(folder: Path) -> None:
    """Raises UserError if something of it stays."""
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        raise UserError(f"{folder} cannot be removed: remove it by hand")


def _parts(step: Step[Any], *, code: bool, data: bool) -> dict[str, Any]:
    """What a fingerprint of the step is taken of, as JSON."""
    made_by = {"code": code_fingerprint(step.room)} if code else {}
    return {"step": step.name} | made_by | _fields(step, code, data)


def _fields(value: Any, code: bool, data: bool) -> dict[str, Any]:
    """The fields of a dataclass that have not their default: one added later leaves older results what they were."""
    known = {}
    for attribute in fields(value):
        content = getattr(value, attribute.name)
        default = attribute.default if attribute.default_factory is MISSING else attribute.default_factory()
        if not attribute.metadata.get("aside") and (default is MISSING or content != default):
            known[attribute.name] = _described(content, code, data)
    return known


def _described(value: Any, code: bool, data: bool) -> Any:
    """What a field holds, as JSON; a step stands there by its fingerprint."""
    if isinstance(value, Step):
        return value.key if code else value.identity if data else value.asked
    if isinstance(value, Ref):
        return value.value.source.sha256 if data else value.asked
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_defaults=True)
    if is_dataclass(value) and not isinstance(value, type):
        return _fields(value, code, data)
    if isinstance(value, Mapping):
        return {str(name): _described(part, code, data) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_described(part, code, data) for part in value]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise TypeError(f"a step cannot depend on a {type(value).__name__}: give it settings, sources and steps")


def _sha256(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def distributed() -> PartialState:
    """The run of several processes that this one is part of, on their GPUs or, without any, on CPUs."""
    import torch
    from accelerate import PartialState

    return PartialState(cpu=not torch.cuda.is_available())
