"""The steps of chapters 6 and 9: students, the teacher and StackProp, fine-tuned on SNIPS."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import safe_open

from mixvocab.common.errors import UserError
from mixvocab.common.files import write_json
from mixvocab.common.store import Ref, Step, Store, aside
from mixvocab.distill.methods import methods
from mixvocab.distill.steps import StudentStep
from mixvocab.pipeline import Plan
from mixvocab.settings.profiles import TuningSettings
from mixvocab.sources import Sizes, SnipsData, TeacherSource, resolve_snips
from mixvocab.tasks.finetune import Tuned
from mixvocab.tasks.joint_bert import finetune_joint_bert
from mixvocab.tasks.stackprop import finetune_stackprop
from mixvocab_book.steps.students import student_step, tokens_by_stage

if TYPE_CHECKING:
    from mixvocab_book.chapter import Chapter

SYNTHETIC = Sizes(train=4_000, valid=500, test=500)  # more rows of a grammar have nothing more to teach
MIXED, STACKPROP, BERT_JOINT = "mixed", "stackprop", "bert-joint"
BASELINES = {STACKPROP: "StackProp", BERT_JOINT: "BERT-joint"}
"""What is no student, by the names that profiles and parameters use: nothing pretrained (Qin et al. 2019), and the
teacher itself, fine-tuned (Chen et al. 2019)."""


def titles() -> dict[str, str]:
    """What chapters 5 and 6 compare, by name, as tables and figures show it: all methods, then the baselines."""
    return {name: known.title for name, known in methods().items()} | BASELINES


def chosen_methods(given: str | None, default: Sequence[str]) -> list[str]:
    """The methods named in a comma-separated list, or the profile's. Raises UserError for an unknown name."""
    names = [name.strip() for name in given.split(",")] if given else list(default)
    for name in names:
        if name not in titles():
            raise UserError(f"methods: {name!r} is unknown; choose from {', '.join(titles())}")
    return names


@dataclass(frozen=True)
class FineTuned:
    """A fine-tuned model as the store keeps it."""

    folder: Path  # the model's files
    dev: dict[str, float]  # scores of the chosen weights on the development set
    test: dict[str, float]
    curve: list[dict[str, float]]  # development scores by step and epoch
    tokens: int  # read in fine-tuning
    seconds: float  # of fine-tuning
    pretraining: tuple[int, int] = (0, 0)  # tokens read in stage I and in stage II

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
            "bytes": sum(file.stat().st_size for file in self.folder.iterdir()),  # of weights, settings, vocabulary
            "stage_one_tokens": self.pretraining[0],
            "stage_two_tokens": self.pretraining[1],
            "finetuning_tokens": self.tokens,
        }


@dataclass(frozen=True)
class FineTuning(Step[FineTuned]):
    """A model fine-tuned from a student, from the teacher, or from nothing."""

    room = "tasks"
    resumable = True

    encoder: StudentStep | Ref[TeacherSource] | None
    tuning: TuningSettings
    seed: int
    rows: int | None  # of training that are used; None: all
    label: str = aside("fine-tuning")
    data: Ref[Any] | None = None  # the task's

    def trainer(self, store: Store) -> Callable[..., Tuned]:
        """What trains, chooses on development data and scores once what reports."""
        raise NotImplementedError

    def reported(self, scores: dict[str, dict[str, float]]) -> dict[str, float]:
        """The scores of the reported sets, as they are kept."""
        raise NotImplementedError

    def make(self, folder: Path, store: Store) -> None:
        """Fine-tune and score."""
        assert self.data
        run = self.trainer(store)(
            self.data.value,
            self.tuning,
            folder / "model",
            seed=self.seed,
            limit=self.rows,
            folder=folder / "run",
            label=self.label,
        )
        cost = {"tokens": run.result.tokens, "seconds": run.result.seconds}
        scores = {"dev": run.best, "test": self.reported(run.reported), "curve": run.curve}
        write_json(folder / "result.json", scores | cost)

    def load(self, folder: Path, store: Store) -> FineTuned:
        """Folder, scores and costs."""
        result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
        if isinstance(self.encoder, StudentStep):
            result["pretraining"] = tokens_by_stage(self.encoder.costs(store))
        return FineTuned(folder / "model", **result)

    def encoder_folder(self, store: Store) -> Path:
        """The files of what fine-tuning begins with."""
        assert self.encoder
        return store.get(self.encoder).folder if isinstance(self.encoder, StudentStep) else self.encoder.value.folder


@dataclass(frozen=True)
class SnipsTuning(FineTuning):
    """Intents and slots; without an encoder StackProp."""

    name = "snips"

    def trainer(self, store: Store) -> Callable[..., Tuned]:
        """Of two heads on the encoder, or of StackProp."""
        return partial(finetune_joint_bert, self.encoder_folder(store)) if self.encoder else finetune_stackprop

    def reported(self, scores: dict[str, dict[str, float]]) -> dict[str, float]:
        """On the one test set."""
        return scores["test"]


def snips(plan: Plan) -> Ref[SnipsData]:
    """Intents and slots; from the synthetic grammar where there are no real ones."""
    return plan.source("snips", lambda: resolve_snips(data_dir=plan.data_dir, sizes=SYNTHETIC))


def encoder_of(plan: Plan, method: str, seed: int) -> StudentStep | Ref[TeacherSource] | None:
    """What fine-tuning by that method begins with; None: nothing."""
    if method == STACKPROP:
        return None
    return plan.teacher if method == BERT_JOINT else student_step(plan, method, seed)


def snips_step(plan: Plan, method: str, seed: int) -> SnipsTuning:
    """The step that makes the model of that method."""
    settings = plan.profile.snips
    recipe = {STACKPROP: settings.stackprop, BERT_JOINT: settings.teacher}.get(method, settings)
    return SnipsTuning(
        encoder_of(plan, method, seed),
        recipe.tuning(plan.profile.student.hidden),
        seed,
        settings.rows,
        f"SNIPS, {titles()[method]}, seed {seed}",
        data=snips(plan),
    )


def size_of(chapter: Chapter, method: str) -> str:
    """The student's size as tables and records have it; "" of what is no student."""
    return "" if method in BASELINES else chapter.plan.shape(chapter.store).name


def record_name(task: str, method: str, size: str) -> str:
    """The name of a fine-tuned model's record: snips-nokd-l6-h96."""
    return "-".join([task, method, *size.lower().replace("-", "").split()])


def record_snips(chapter: Chapter, method: str, seed: int, name: str | None = None, **params: object) -> Path:
    """The record of a model, as `name` if it is to have another than the method's; `params` join the profile's."""
    step = snips_step(chapter.plan, method, seed)
    model = chapter.get(step)
    size = size_of(chapter, method)
    return chapter.record(
        name or record_name("snips", method, size),
        seed=seed,
        params=chapter.profile.model_dump(mode="json")
        | {"method": method, "size": size, "identity": step.asked}
        | params,
        metrics={"dev": model.dev, "test": model.test, **model.cost},
        curves={"dev": model.curve},
        sources=[snips(chapter.plan).value.source, *chapter.text_and_teacher],
        seconds=model.seconds,
    )
