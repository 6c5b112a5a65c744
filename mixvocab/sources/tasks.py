"""Tasks to fine-tune on: where the rows are looked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from mixvocab.sources import glue, hub, snips
from mixvocab.sources.files import files_sha256
from mixvocab.sources.grammar import Sizes
from mixvocab.sources.grammar_glue import glue_splits
from mixvocab.sources.grammar_snips import snips_splits
from mixvocab.sources.lookup import look_up
from mixvocab.sources.rows import GlueData, GlueRow, SnipsData, SnipsRow
from mixvocab.sources.source import OWNER, Source, read_licence, text_sha256

Row = TypeVar("Row", SnipsRow, GlueRow)
SNIPS_SIZES = Sizes(train=13_000, valid=700, test=700)  # SNIPS's own, rounded
GLUE_SIZES = Sizes(train=8_000, valid=1_000, test=1_000)
Splits = dict[str, list[Row]]
HubSplits = Mapping[str, Sequence[Mapping[str, Any]]]


def resolve_snips(
    spec: str = "auto", *, data_dir: Path | str | None = None, seed: int = 0, sizes: Sizes = SNIPS_SIZES
) -> SnipsData:
    """Find the joint intent and slot set (`mixvocab.sources.lookup` has the order and the specifications).

    A data directory has it as `snips/{train,valid or dev,test}/{seq.in,seq.out,label}`; a path names the folder
    with the splits in it. On the hub it has no default repository (`auto` asks for none); `hub:ID` takes one
    whose columns `mixvocab.sources.snips.from_hub` knows. Embedded is the synthetic grammar, which `seed` and
    `sizes` steer; they mean nothing elsewhere. Raises UserError on missing or malformed data.
    """
    return SnipsData(
        *_resolve(
            "snips",
            "SNIPS",
            spec,
            data_dir,
            find=lambda folder: _inside(folder, "snips"),
            read_folder=snips.read_folder,
            from_hub=snips.from_hub,
            write=partial(snips_splits, sizes=sizes),
            synthetic="synthetic SNIPS-like commands",
            seed=seed,
        )
    )


def resolve_glue(
    task: str,
    spec: str = "auto",
    *,
    data_dir: Path | str | None = None,
    seed: int = 0,
    sizes: Sizes = GLUE_SIZES,
) -> GlueData:
    """Find a GLUE task (`mixvocab.sources.lookup` has the order and the specifications).

    `task` is GLUE's own name in any case, with or without hyphen (SST-2, sst2, MNLI). A data directory has it
    as `glue/<task>/` or `<task>/` with GLUE's own files; a path names the folder with the files in it. Embedded
    is a synthetic set with the same labels, which `seed` and `sizes` steer. Raises UserError on an unknown task and
    missing or malformed data.
    """
    layout = glue.layout(task)
    source, splits = _resolve(
        "glue",
        layout.folder,
        spec,
        data_dir,
        find=lambda folder: _inside(_inside(folder, "glue") or folder, layout.folder),
        read_folder=partial(glue.read_folder, layout),
        from_hub=partial(glue.from_hub, layout),
        write=partial(glue_splits, layout.folder, sizes=sizes),
        synthetic=f"synthetic {layout.folder}-like set",
        seed=seed,
        repository=hub.GLUE,
        config=layout.config,
    )
    return GlueData(source, layout.folder, splits, layout.regression)


def _resolve(
    kind: str,
    name: str,
    spec: str,
    data_dir: Path | str | None,
    *,
    find: Callable[[Path], Path | None],
    read_folder: Callable[[Path], tuple[Splits[Row], list[Path]]],
    from_hub: Callable[[HubSplits, str], Splits[Row]],
    write: Callable[[np.random.Generator], Splits[Row]],
    synthetic: str,
    seed: int,
    repository: str | None = None,
    config: str = "",
) -> tuple[Source, Splits[Row]]:
    """The provenance and the splits. `synthetic` is the name of what `write` makes of a generator with that seed."""

    def on_disk(folder: Path, origin: str, root: Path) -> tuple[Source, Splits[Row]]:
        splits, files = read_folder(folder)
        inside = folder.relative_to(root).as_posix() if folder != root else folder.name
        licence = read_licence(folder, inside) or read_licence(root, inside) or OWNER
        return Source(kind, name, origin, f"{inside}/", licence, files_sha256(files), True), splits

    def on_hub(repository: str) -> tuple[Source, Splits[Row]]:
        if config and ":" not in repository:
            repository = f"{repository}:{config}"
        source = hub.dataset_source(kind, repository)
        return source, from_hub(hub.read_splits(repository), source.location)

    def embedded() -> tuple[Source, Splits[Row]]:
        splits = write(np.random.default_rng(seed))
        sha256 = text_sha256(*(_line(row) for rows in splits.values() for row in rows))
        grammar = f"this project's grammar, seed {seed}"
        return Source(kind, synthetic, "embedded", grammar, "Apache-2.0", sha256, False), splits

    return look_up(
        f"task {name}",
        spec,
        data_dir,
        in_folder=lambda data: on_disk(folder, "data-dir", data) if (folder := find(data)) else None,
        on_hub=on_hub,
        embedded=embedded,
        at_path=lambda folder: on_disk(folder, "path", folder),
        repository=repository,
    )


def _line(row: SnipsRow | GlueRow) -> str:
    """A row as text, for the digest of a synthetic set."""
    return "\t".join(" ".join(cell) if isinstance(cell, tuple) else str(cell) for cell in row)


def _inside(folder: Path, name: str) -> Path | None:
    """The folder of that name in `folder`, hyphens and case aside."""
    for path in sorted(folder.iterdir()):
        if path.is_dir() and path.name.lower().replace("-", "") == name.lower().replace("-", ""):
            return path
    return None
