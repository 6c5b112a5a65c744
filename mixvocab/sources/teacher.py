"""The pretrained BERT that teaches: a folder that plain `transformers` loads from disk."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from mixvocab.errors import UserError
from mixvocab.sources import hub, packaged
from mixvocab.sources.files import files_sha256
from mixvocab.sources.source import Source, read_licence, resolve

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
    """Find a teacher (`mixvocab.sources.source` has the order and the specifications).

    A teacher is a folder with config.json, weights in safetensors and tokenizer files. A data directory's
    teacher is its folder `teacher/`, else the only folder directly in it that is one. Raises UserError if
    the one named is missing, incomplete, or has its weights as pickle (pytorch_model.bin) only.
    """
    return resolve(
        "teacher",
        spec,
        data_dir,
        in_folder=_in_data_dir,
        on_hub=_on_hub,
        embedded=lambda: TeacherSource(*packaged.teacher()),
        at_path=lambda path: _described(path, "path", path.name or path.resolve().name),
        reachable=hub.reachable,
    )


def _in_data_dir(folder: Path) -> TeacherSource | None:
    if (folder / "teacher").is_dir():
        return _described(folder / "teacher", "data-dir", "teacher")
    # Folders with a vocabulary or a configuration but no weights are something else: they do not count.
    found = [path for path in sorted(folder.iterdir()) if (path / "config.json").is_file() and _weights(path)]
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise UserError(f"teacher: {folder} has several ({names}); name one by its path or call it 'teacher'")
    return _described(found[0], "data-dir", found[0].name) if found else None


def _on_hub(repository: str | None) -> TeacherSource:
    name = repository or hub.TEACHER
    commit, licence = hub.fetched(name, lambda: hub.about(name, "model"))
    folder = hub.fetched(name, lambda: hub.snapshot(name))
    return _described(folder, "hub", f"{name}@{commit[:12]}", licence)


def _described(folder: Path, origin: str, location: str, licence: str | None = None) -> TeacherSource:
    check_folder(folder)
    name = location.partition("@")[0]
    source = Source(
        kind="teacher",
        name=f"{name} ({shape(folder)})",
        origin=origin,
        location=location,
        licence=licence or read_licence(folder, folder.name) or "as stated by the owner of the files",
        sha256=files_sha256(_weights(folder)),
        real=True,
    )
    return TeacherSource(source, folder)


def check_folder(folder: Path) -> None:
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


def shape(folder: Path) -> str:
    """The model's shape from its config.json: 'bert L-6 H-384, 30,522 word pieces'."""
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
