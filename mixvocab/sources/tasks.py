"""Tasks to fine-tune on: what every reader returns, and where the data is looked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mixvocab.sources import glue, grammar, grammar_glue, hub, snips
from mixvocab.sources.rows import GlueData, SnipsData
from mixvocab.sources.source import Source, read_licence, resolve, text_sha256

OWNER = "as stated by the owner of the files"


@dataclass(frozen=True)
class Sizes:
    """Rows a split of a synthetic set; the defaults are SNIPS's own sizes, rounded."""

    train: int = 13_000
    valid: int = 700
    test: int = 700


def resolve_snips(
    spec: str = "auto",
    *,
    data_dir: Path | str | None = None,
    seed: int = 0,
    sizes: Sizes = Sizes(),
) -> SnipsData:
    """Find the joint intent and slot set (`mixvocab.sources.source` has the order and the specifications).

    A data directory has it as `snips/{train,valid or dev,test}/{seq.in,seq.out,label}`; a path names the folder
    with the splits in it. On the hub it has no default repository (`auto` asks for none); `hub:ID` takes one
    whose columns `mixvocab.sources.snips.from_rows` knows. Embedded is the synthetic grammar, which `seed` and
    `sizes` steer; they mean nothing elsewhere. Raises UserError on missing or malformed data.
    """

    def in_folder(folder: Path) -> SnipsData | None:
        place = _inside(folder, "snips")
        return _snips_at(place, "data-dir", folder) if place else None

    def on_hub(repository: str | None) -> SnipsData | None:
        if repository is None:
            return None
        splits, source = _from_hub("snips", repository, None)
        return snips.from_rows(splits, source)

    def embedded() -> SnipsData:
        rng = np.random.default_rng(seed)
        splits = grammar.snips_splits(rng, train=sizes.train, valid=sizes.valid, test=sizes.test)
        text = (f"{' '.join(r.words)}\t{' '.join(r.slots)}\t{r.intent}" for rows in splits.values() for r in rows)
        return SnipsData(_synthetic("snips", "synthetic SNIPS-like commands", seed, text_sha256(*text)), splits)

    return resolve(
        "snips",
        spec,
        data_dir,
        in_folder=in_folder,
        on_hub=on_hub,
        embedded=embedded,
        at_path=lambda path: _snips_at(path, "path", path),
        reachable=hub.reachable,
    )


def resolve_glue(
    task: str,
    spec: str = "auto",
    *,
    data_dir: Path | str | None = None,
    seed: int = 0,
    sizes: Sizes | None = None,
) -> GlueData:
    """Find a GLUE task (`mixvocab.sources.source` has the order and the specifications).

    `task` is GLUE's own name in any case, with or without hyphen (SST-2, sst2, MNLI). A data directory has it
    as `glue/<task>/` or `<task>/` with GLUE's own files; a path names the folder with the files in it. Embedded
    is a synthetic set of the same shape. Raises UserError on an unknown task and missing or malformed data.
    """
    layout = glue.layout(task)

    def in_folder(folder: Path) -> GlueData | None:
        place = _inside(_inside(folder, "glue") or folder, layout.folder)
        return _glue_at(place, layout, "data-dir", folder) if place else None

    def on_hub(repository: str | None) -> GlueData | None:
        splits, source = _from_hub("glue", repository or hub.GLUE, layout.config)
        return glue.from_rows(layout, splits, source)

    def embedded() -> GlueData:
        rng = np.random.default_rng(seed)
        rows = sizes or Sizes(train=8_000, valid=1_000, test=1_000)
        splits = grammar_glue.splits(layout, rng, train=rows.train, dev=rows.valid, test=rows.test)
        text = (f"{r.text_a}\t{r.text_b}\t{r.label}" for part in splits.values() for r in part)
        name = f"synthetic {layout.folder}-like set"
        return GlueData(_synthetic("glue", name, seed, text_sha256(*text)), layout.folder, splits, layout.regression)

    return resolve(
        f"glue {layout.folder}",
        spec,
        data_dir,
        in_folder=in_folder,
        on_hub=on_hub,
        embedded=embedded,
        at_path=lambda path: _glue_at(path, layout, "path", path),
        reachable=hub.reachable,
    )


def _snips_at(folder: Path, origin: str, root: Path) -> SnipsData:
    splits, sha256 = snips.read_folder(folder)
    return SnipsData(_on_disk("snips", "SNIPS", folder, origin, root, sha256), splits)


def _glue_at(folder: Path, layout: glue.Layout, origin: str, root: Path) -> GlueData:
    splits, sha256 = glue.read_folder(folder, layout)
    source = _on_disk("glue", layout.folder, folder, origin, root, sha256)
    return GlueData(source, layout.folder, splits, layout.regression)


def _on_disk(kind: str, name: str, folder: Path, origin: str, root: Path, sha256: str) -> Source:
    inside = folder.relative_to(root).as_posix() if folder != root else folder.name
    licence = read_licence(folder, inside) or read_licence(root, inside) or OWNER
    return Source(kind, name, origin, f"{inside}/", licence, sha256, True)


def _synthetic(kind: str, name: str, seed: int, sha256: str) -> Source:
    return Source(kind, name, "embedded", f"this project's grammar, seed {seed}", "Apache-2.0", sha256, False)


def _from_hub(kind: str, repository: str, config: str | None) -> tuple[Mapping[str, Sequence[dict]], Source]:
    """All splits of a repository as dictionaries, labels by name where the data set names them."""
    name, named_config = hub.split_id(repository)
    config = named_config or config
    commit, licence = hub.fetched(name, lambda: hub.about(name, "dataset"))
    loaded = hub.fetched(name, lambda: hub.load_dataset(name, config))
    splits = {split: hub.named_rows(loaded[split]) for split in loaded}
    location = f"{name}{':' + config if config else ''}@{commit[:12]}"
    return splits, Source(kind, name, "hub", location, licence, hub.fingerprint(name, config, commit), True)


def _inside(folder: Path, name: str) -> Path | None:
    """The folder of that name in `folder`, hyphens and case aside."""
    for path in sorted(folder.iterdir()):
        if path.is_dir() and path.name.lower().replace("-", "") == name.lower().replace("-", ""):
            return path
    return None
