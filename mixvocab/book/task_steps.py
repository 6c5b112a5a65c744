"""The steps of chapters 6 and 9: pretrained students, and what is fine-tuned from them, kept in the artefact store."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import safe_open

from mixvocab.book import comparison, steps
from mixvocab.book.artefacts import Artefact
from mixvocab.book.published import size_on_disk
from mixvocab.errors import UserError
from mixvocab.files import write_json
from mixvocab.sources import SnipsData, resolve_snips
from mixvocab.sources.tasks import Sizes
from mixvocab.tasks import joint_training, stackprop_training
from mixvocab.tasks.finetune import Tuning
from mixvocab.tasks.joint_training import JointRun

if TYPE_CHECKING:
    from mixvocab.book.chapter import Chapter


@dataclass(frozen=True)
class Method:
    """A way to get a model that can be fine-tuned."""

    title: str  # in tables and figures
    about: str
    is_student: bool = True


SYNTHETIC = Sizes(train=4_000, valid=500, test=500)  # more rows of a grammar have nothing more to teach
MIXED, STACKPROP, BERT_JOINT = comparison.MIXED, "stackprop", "bert-joint"
METHODS = {key: Method(arm.name, arm.about) for key, arm in comparison.ARMS.items()} | {
    STACKPROP: Method("StackProp", "recurrent, nothing pretrained (Qin et al. 2019)", is_student=False),
    BERT_JOINT: Method("BERT-joint", "the teacher itself, fine-tuned (Chen et al. 2019)", is_student=False),
}
"""What chapters 5 and 6 compare, by the names that profiles and parameters use: chapter 4's students and two more."""


def chosen_methods(given: str | None, default: Sequence[str]) -> list[str]:
    """The methods named in a comma-separated list, or the profile's. Raises UserError for an unknown name."""
    names = [name.strip() for name in given.split(",")] if given else list(default)
    for name in names:
        if name not in METHODS:
            raise UserError(f"methods: {name!r} is unknown; choose from {', '.join(METHODS)}")
    return names


@dataclass(frozen=True)
class FineTuned:
    """A fine-tuned model as the store keeps it."""

    artefact: Artefact
    method: str
    seed: int
    dev: dict[str, float]  # scores of the chosen weights on the development set
    test: dict[str, float]
    curve: list[dict[str, float]]  # development scores by step and epoch
    tokens: int  # read in fine-tuning
    seconds: float  # of fine-tuning
    pretraining: tuple[int, int]  # tokens read in stage I and in stage II

    @property
    def folder(self) -> Path:
        """The model's files."""
        return self.artefact.path / "model"

    @property
    def bytes_on_disk(self) -> int:
        """Of weights, configuration and vocabulary."""
        return size_on_disk(self.folder)

    @property
    def parameters(self) -> int:
        """All numbers that were trained."""
        with safe_open(self.folder / "model.safetensors", framework="numpy") as file:
            return sum(prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118

    @property
    def cost(self) -> dict[str, int]:
        """What the model takes, as records keep it."""
        return {
            "parameters": self.parameters,
            "bytes": self.bytes_on_disk,
            "stage_one_tokens": self.pretraining[0],
            "stage_two_tokens": self.pretraining[1],
            "finetuning_tokens": self.tokens,
        }


def snips(chapter: Chapter) -> SnipsData:
    """Intents and slots; from the synthetic grammar where there are no real ones."""
    return chapter.once("snips", lambda: resolve_snips(data_dir=chapter.data_dir, sizes=SYNTHETIC))


Trainer = Callable[..., JointRun]


def snips_model(chapter: Chapter, method: str, seed: int) -> FineTuned:
    """The model of that method, fine-tuned on SNIPS."""
    settings = chapter.profile.snips
    data, limit = snips(chapter), settings.rows
    recipe = {STACKPROP: settings.stackprop, BERT_JOINT: settings.teacher}.get(method, settings)
    tuning = Tuning(**recipe.tuning(chapter.profile.student.hidden))
    tokens, inputs, trainer = _beginning(chapter, method, seed)

    def make(folder: Path) -> None:
        run = trainer(
            data,
            tuning,
            folder / "model",
            seed=seed,
            limit=limit,
            folder=folder / "run",
            label=f"SNIPS, {METHODS[method].title}, seed {seed}",
        )
        cost = {"tokens": run.tuned.result.tokens, "seconds": run.tuned.result.seconds}
        write_json(folder / "result.json", {"dev": run.dev, "test": run.test, "curve": run.tuned.scores, **cost})

    made = chapter.store.get(
        "snips",
        {"recurrent": method == STACKPROP, "seed": seed, "rows": limit, "tuning": asdict(tuning)},
        [data.source.sha256, *inputs],
        make,
        [stackprop_training.fine_tune if method == STACKPROP else joint_training.fine_tune],
        resumable=True,
    )
    result = json.loads((made.path / "result.json").read_text(encoding="utf-8"))
    return FineTuned(made, method, seed, **result, pretraining=tokens)


def _beginning(chapter: Chapter, method: str, seed: int) -> tuple[tuple[int, int], list[Artefact | str], Trainer]:
    """What a method starts from: pretraining tokens, inputs of its artefact, and how to train it."""
    if method == STACKPROP:
        return (0, 0), [], stackprop_training.fine_tune
    if method == BERT_JOINT:
        source = steps.teacher(chapter)
        return (0, 0), [source.source.sha256], _from(source.folder)
    begin = comparison.pretrain(chapter, method, seed)
    return begin.tokens, [begin.student.artefact], _from(begin.student.folder)


def _from(encoder: Path) -> Trainer:
    def run(*arguments: Any, **more: Any) -> JointRun:
        return joint_training.fine_tune(encoder, *arguments, **more)

    return run


def record_snips(chapter: Chapter, model: FineTuned, name: str | None = None, **params: Any) -> Path:
    """The record of a model, as `name` if it is to have another than the method's; `params` join the profile's."""
    size = steps.shape(chapter).name if METHODS[model.method].is_student else ""
    return chapter.record(
        name or "-".join(["snips", model.method, *size.lower().replace("-", "").split()]),
        seed=model.seed,
        params=chapter.profile.model_dump(mode="json") | {"method": model.method, "size": size} | params,
        metrics={"dev": model.dev, "test": model.test, **model.cost},
        curves={"dev": model.curve},
        sources=[snips(chapter).source, steps.corpus(chapter).source, steps.teacher(chapter).source],
        seconds=model.seconds,
    )
