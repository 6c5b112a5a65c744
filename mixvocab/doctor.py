"""What this machine has for the library: packages, processor, room, sources; what is missing, and what mends it."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Callable, Iterator
from importlib import metadata

from mixvocab import __version__
from mixvocab.common.errors import UserError
from mixvocab.common.progress import duration

# What the library itself needs, and what its extras bring.
BASE = ("torch", "transformers", "tokenizers", "accelerate", "safetensors", "filelock", "pydantic", "pyyaml", "numpy")
EXTRAS = {
    "tasks": ("datasets", "scikit-learn", "scipy", "seqeval"),
    "export": ("onnx", "onnxruntime"),
    "scale": ("datatrove",),
    "book": ("anywidget", "jupyter-book", "jupyterlab", "matplotlib", "papermill", "seaborn"),
}
ROOM = 5.0  # GB that some evenings of runs fill


def examine() -> Iterator[tuple[str, str, str]]:
    """What is looked at, what was found, and the remedy where something is missing ("" where nothing is)."""
    lacking = [name for name in BASE if not _installed(name)]
    known = ", ".join(f"{name} {metadata.version(name)}" for name in BASE[:5] if name not in lacking)
    found = f"mixvocab {__version__}, Python {platform.python_version()}, {known}"
    yield "library", found, f"pip install {' '.join(lacking)}" if lacking else ""
    for extra, names in EXTRAS.items():
        missing = [name for name in names if not _installed(name)]
        remedy = f"pip install 'mixvocab[{extra}]'" if missing else ""
        yield f"extra {extra}", f"without {', '.join(missing)}" if missing else "there", remedy
    if not lacking:
        yield from _machine()


def _machine() -> Iterator[tuple[str, str, str]]:
    """Processor, graphics cards, speed, room and sources, for which all packages are needed."""
    import torch

    from mixvocab.sources.hub import reachable
    from mixvocab.sources.source import cache_root
    from mixvocab.train.precision import half

    yield "processor", f"{os.cpu_count()} cores, {torch.get_num_threads()} threads, {half()} for teachers", ""
    cards = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    yield "graphics cards", ", ".join(cards) or "none that torch sees: all runs on the processor", ""
    yield "speed", _speed(), ""
    root = cache_root()
    place = next(folder for folder in (root, *root.absolute().parents) if folder.exists())
    room = shutil.disk_usage(place).free / 1e9
    remedy = "" if room >= ROOM else "make room, or name another folder in MIXVOCAB_CACHE"
    yield "room", f"{room:,.0f} GB free for {root}", remedy
    writable = os.access(place, os.W_OK)
    yield "store", "writable" if writable else "not writable", "" if writable else "name another in MIXVOCAB_CACHE"
    silent = "not reached, or HF_HUB_OFFLINE is set: sources on this machine serve"
    yield "hub", "answers" if reachable() else silent, ""
    yield from _sources()


def _installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def _speed() -> str:
    """How fast the student of profile `laptop` trains here, from a few passes forward and back."""
    import torch

    from mixvocab.distill.mixed_vocab import StudentMLM
    from mixvocab.models.parameters import BertShape
    from mixvocab.models.student import new_student
    from mixvocab.settings.profiles import load_profile
    from mixvocab.train.precision import half, probe

    profile = load_profile("laptop")
    rows, length, shape = profile.stage_two.batch_size, profile.mixing.length, profile.student
    student = new_student(
        BertShape(shape.layers, shape.hidden, profile.vocabulary.size), generator=torch.Generator().manual_seed(0)
    )
    ids = torch.arange(rows * length).reshape(rows, length) % profile.vocabulary.size
    labels = torch.where(ids % 7 == 0, ids, -100)
    times = probe(StudentMLM(student), {"ids": ids, "labels": labels})
    precision = "bf16" if half() == "bf16" and times["bf16"] < times["fp32"] else "fp32"
    seconds = duration(times[precision] * profile.stage_two.steps / torch.get_num_threads())
    tokens = rows * length / times[precision] * torch.get_num_threads()
    return f"{tokens:,.0f} tokens/s at most in {precision} for L-6 H-96: {seconds} or more for a student of `laptop`"


def _sources() -> Iterator[tuple[str, str, str]]:
    """The text and the teacher that `auto` finds."""
    from mixvocab.sources.corpus import resolve_corpus
    from mixvocab.sources.source import DATA_VARIABLE, Source, data_directory
    from mixvocab.sources.teacher import resolve_teacher

    try:
        folder = data_directory()
        yield "data folder", str(folder) if folder else f"none named in {DATA_VARIABLE}: it may hold text and tasks", ""
    except UserError as error:
        yield "data folder", str(error), f"name an existing folder in {DATA_VARIABLE}, or unset it"
        return
    finders: dict[str, Callable[[], Source]] = {
        "text": lambda: resolve_corpus(data_dir=folder, megabytes=0.1).source,
        "teacher": lambda: resolve_teacher(data_dir=folder).source,
    }
    for name, find in finders.items():
        try:
            source = find()
            yield name, f"{source.name}, from {source.origin}, licence: {source.licence}", ""
        except UserError as error:
            yield name, "none", str(error)


def report() -> bool:
    """Print a line for each thing that is looked at; returns whether nothing is missing."""
    whole = True
    for name, found, remedy in examine():
        print(f"{'missing' if remedy else 'ok':8}{name:16}{found}", flush=True)
        if remedy:
            whole = False
            print(f"{'':24}{remedy}", flush=True)
    return whole
