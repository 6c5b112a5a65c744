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

import os
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
    place: Callable[[Path], Path],
    read: Callable[[Path, str, Path], T],
    embedded: Callable[[], T],
    on_hub: Callable[[str], T] | None = None,
    repository: str = "",
) -> T:
    """Look for `what` (its name in messages) in the order of the module's docstring.

    `place` says which folder of a data directory would have it; `read` takes that folder or the path given, the origin,
    and the folder that locations are told from. `repository` is the hub's default one.
    """
    folder = data_directory(data_dir)
    if spec in ("auto", "data-dir"):
        if folder and (inside := place(folder)).is_dir():
            return read(inside, "data-dir", folder)
        if spec == "data-dir":
            where = folder or f"a data folder, since none is named: pass --data-dir or set {DATA_VARIABLE}"
            raise UserError(f"{what}: none in {where}; see the layouts in the README or choose another source")
        if on_hub and hub.reachable():
            with suppress(UserError):  # the hub answered but this repository did not
                return on_hub(repository)
    if spec in ("auto", "embedded"):
        return embedded()
    if spec == "hub" or spec.startswith("hub:"):
        if not on_hub or not hub.reachable():
            raise UserError(f"{what}: not on the Hugging Face hub, or it cannot be reached (is HF_HUB_OFFLINE set?)")
        return on_hub(spec[4:] or repository)
    path = Path(os.path.abspath(Path(spec).expanduser()))  # a link keeps its own name, which readers go by
    if not path.exists():
        raise UserError(f"{what}: {spec!r} is neither auto, data-dir, hub, hub:<id>, embedded nor an existing path")
    return read(path, "path", path.parent)
