"""The steps of chapters 6 and 9: pretrained students, and what is fine-tuned from them, kept in the artefact store."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixvocab.book import comparison, steps
from mixvocab.book.artefacts import Artefact
from mixvocab.errors import UserError
from mixvocab.files import write_json
from mixvocab.sources import SnipsData, resolve_snips
from mixvocab.tasks import joint_training, stackprop
from mixvocab.tasks.finetune import Tuning
from mixvocab.tasks.joint_training import JointRun

if TYPE_CHECKING:
    from mixvocab.book.chapter import Chapter

STACKPROP = "StackProp"
BERT_JOINT = "BERT-joint"  # the teacher itself, fine-tuned


@dataclass(frozen=True)
class FineTuned:
    """A fine-tuned model as the store keeps it."""

    artefact: Artefact
    method: str
    dev: dict[str, float]
    test: dict[str, float]
    curve: list[dict[str, float]]  # development scores: step, epoch, metrics
    tokens: int  # read in fine-tuning
    seconds: float  # of fine-tuning
    pretraining: tuple[int, int]  # tokens read in stage I and in stage II
    parameters: int

    @property
    def folder(self) -> Path:
        """The model's files."""
        return self.artefact.path / "model"

    @property
    def bytes_on_disk(self) -> int:
        """Of weights, configuration and vocabulary."""
        return sum(file.stat().st_size for file in self.folder.iterdir())


@dataclass(frozen=True)
class Pretrained:
    """A student before fine-tuning."""

    student: steps.Student
    tokens: tuple[int, int]  # read in stage I and in stage II


def pretrained(chapter: Chapter, method: str, seed: int) -> Pretrained:
    """The student of chapter 4 of that name. Raises UserError for an unknown one."""
    arms = {arm.name: arm for arm in comparison.arms(chapter)}
    if method not in arms:
        raise UserError(f"method {method!r} is unknown; choose from {', '.join([*arms, STACKPROP, BERT_JOINT])}")
    embeddings = arms[method].embeddings(chapter, seed)
    student = steps.stage_two(chapter, seed, embeddings, label=f"stage II, {method}, seed {seed}")
    first = embeddings.result.tokens if embeddings and embeddings.result else 0
    return Pretrained(student, (first, student.result.tokens))


def snips(chapter: Chapter) -> SnipsData:
    """The intents and slots of the profile's data; the synthetic grammar where there are no real ones."""
    return chapter.once("snips", lambda: resolve_snips(data_dir=chapter.data_dir))


def snips_model(chapter: Chapter, method: str, seed: int) -> FineTuned:
    """The model of that method, fine-tuned on SNIPS: a student of chapter 4, `STACKPROP` or `BERT_JOINT`."""
    settings = chapter.profile.snips
    if method == STACKPROP:
        return _tuned(chapter, method, seed, Tuning(**settings.stackprop.tuning()), _recurrent, [], (0, 0))
    if method == BERT_JOINT:
        source = steps.teacher(chapter)
        tuning = Tuning(**settings.teacher.tuning())
        return _tuned(chapter, method, seed, tuning, _bert(source.folder), [source.source.sha256], (0, 0))
    begin = pretrained(chapter, method, seed)
    tuning = Tuning(**settings.tuning())
    return _tuned(chapter, method, seed, tuning, _bert(begin.student.folder), [begin.student.artefact], begin.tokens)


Trainer = Callable[..., JointRun]


def _bert(encoder: Path) -> Trainer:
    """Fine-tunes the encoder in this folder."""

    def run(data: SnipsData, tuning: Tuning, out: Path, **more: Any) -> JointRun:
        return joint_training.fine_tune(encoder, data, tuning, out, **more)

    return run


def _recurrent(data: SnipsData, tuning: Tuning, out: Path, **more: Any) -> JointRun:
    """Trains StackProp, which has no pretrained part."""
    return stackprop.fine_tune(data, tuning, out, **more)


def _tuned(
    chapter: Chapter,
    method: str,
    seed: int,
    tuning: Tuning,
    trainer: Trainer,
    inputs: list[Artefact | str],
    pretraining: tuple[int, int],
) -> FineTuned:
    data, limit = snips(chapter), chapter.profile.snips.rows

    def make(folder: Path) -> None:
        label = f"SNIPS, {method}, seed {seed}"
        run = trainer(data, tuning, folder / "model", seed=seed, limit=limit, folder=folder / "run", label=label)
        write_json(
            folder / "result.json",
            {
                "dev": run.dev,
                "test": run.test,
                "curve": run.tuned.scores,
                "tokens": run.tuned.result.tokens,
                "seconds": run.tuned.result.seconds,
            },
        )

    code = stackprop.fine_tune if method == STACKPROP else joint_training.fine_tune
    made = chapter.store.get(
        "snips",
        {"kind": "stackprop" if method == STACKPROP else "bert", "seed": seed, "rows": limit, "tuning": asdict(tuning)},
        [data.source.sha256, *inputs],
        make,
        [code],
        resumable=True,
    )
    result = json.loads((made.path / "result.json").read_text(encoding="utf-8"))
    weights = made.path / "model" / "model.safetensors"
    return FineTuned(made, method, **result, pretraining=pretraining, parameters=count_parameters(weights))


def count_parameters(weights: Path) -> int:
    """Numbers in a safetensors file."""
    from safetensors import safe_open

    with safe_open(weights, framework="numpy") as file:
        return sum(int(_size(file.get_slice(name).get_shape())) for name in file.keys())  # noqa: SIM118


def _size(shape: list[int]) -> int:
    product = 1
    for side in shape:
        product *= side
    return product


def record_snips(chapter: Chapter, models: list[tuple[int, FineTuned]]) -> list[Path]:
    """One record a model: (seed, model)."""
    paths = []
    sources = [snips(chapter).source, steps.corpus(chapter).source, steps.teacher(chapter).source]
    for seed, model in models:
        shape = steps.shape(chapter)
        size = "" if model.method in (STACKPROP, BERT_JOINT) else f"-l{shape.layers}-h{shape.hidden}"
        paths.append(
            chapter.record(
                f"snips-{slug(model.method)}{size}",
                seed=seed,
                params=chapter.profile.model_dump(mode="json") | {"method": model.method},
                metrics={
                    "dev": model.dev,
                    "test": model.test,
                    "parameters": model.parameters,
                    "bytes": model.bytes_on_disk,
                    "stage_one_tokens": model.pretraining[0],
                    "stage_two_tokens": model.pretraining[1],
                    "finetuning_tokens": model.tokens,
                },
                curves={"dev": model.curve},
                sources=sources,
                seconds=model.seconds,
            )
        )
    return paths


def slug(name: str) -> str:
    """A method's name as part of a record's."""
    return "-".join("".join(c if c.isalnum() else " " for c in name.lower()).split())
