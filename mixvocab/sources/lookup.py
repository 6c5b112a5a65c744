"""The one order in which every kind of input is looked for.

A specification says where to look:

    auto            the data directory, then the Hugging Face hub when it can be reached, then what is embedded
    data-dir        the data directory alone (`--data-dir` or the environment variable MIXVOCAB_DATA)
    hub, hub:ID     the hub alone: the default repository of this kind, or the one named
    embedded        what needs no network: installed prose, the packaged teacher, the synthetic tasks
    code            for a corpus: source code of Python's standard library
    anything else   a path

Only `auto` moves on to the next place. A source asked for by name that is not there is a UserError.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from mixvocab.common.errors import UserError
from mixvocab.sources import hub
from mixvocab.sources.source import DATA_VARIABLE, data_directory

T = TypeVar("T")


def look_up(
    what: str,
    spec: str,
    data_dir: Path | str | None,
    *,
    in_folder: Callable[[Path], T | None],
    on_hub: Callable[[str], T],
    embedded: Callable[[], T],
    at_path: Callable[[Path], T],
    repository: str | None = None,
) -> T:
    """Look for `what` (its name in messages) in the order of the module's docstring.

    `in_folder` returns None when the data directory has none of this kind. `repository` is the hub's default one, if
    there is any.
    """
    folder = data_directory(data_dir)
    if spec == "auto":
        if folder is not None and (inside := in_folder(folder)) is not None:
            return inside
        if repository and hub.reachable():
            with suppress(UserError):  # the hub answered but this repository did not
                return on_hub(repository)
        return embedded()
    if spec == "data-dir":
        if folder is None:
            raise UserError(f"{what}: data-dir asked for, but none is named; pass --data-dir or set {DATA_VARIABLE}")
        if (inside := in_folder(folder)) is None:
            raise UserError(f"{what}: none in {folder}; see the layouts in the README or choose another source")
        return inside
    if spec == "hub" or spec.startswith("hub:"):
        if not (named := repository if spec == "hub" else spec[4:]):
            raise UserError(f"{what}: {spec!r} names no repository; write hub:<owner>/<name>")
        if not hub.reachable():
            raise UserError(f"{what}: the Hugging Face hub cannot be reached (or HF_HUB_OFFLINE is set); use auto")
        return on_hub(named)
    if spec == "embedded":
        return embedded()
    path = Path(spec).expanduser()
    if not path.exists():
        raise UserError(f"{what}: {spec!r} is neither auto, data-dir, hub, hub:<id>, embedded nor an existing path")
    return at_path(path)
