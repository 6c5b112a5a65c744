"""The steps of chapters 6 and 9: students, the teacher and StackProp, fine-tuned on SNIPS; and what all tasks share."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
from mixvocab.tasks.finetune import TaskModel, finetune
from mixvocab.tasks.joint import new_joint_bert
from mixvocab.tasks.roles import Roles, snips_roles
from mixvocab.tasks.stackprop import new_stackprop
from mixvocab_book.steps.students import place_of, student_step, tokens_by_stage

if TYPE_CHECKING:
    from mixvocab_book.chapter import Chapter

Scores = dict[str, float]

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
    if unknown := [name for name in names if name not in titles()]:
        raise UserError(f"methods: {unknown[0]!r} is unknown; choose from {', '.join(titles())}")
    return names


@dataclass(frozen=True)
class FineTuned:
    """A fine-tuned model as the store keeps it."""

    folder: Path  # the model's files
    dev: Scores  # of the chosen weights on the development set
    test: Scores
    curve: list[Scores]  # development scores by step and epoch
    tokens: int  # read in fine-tuning
    seconds: float  # of fine-tuning
    pretraining: tuple[int, int] = (0, 0)  # tokens read in stage I and in stage II

    @property
    def parameters(self) -> int:
        """All numbers that were trained."""
        with safe_open(self.folder / "model.safetensors", framework="numpy") as file:
            return sum(prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118


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

    def start(self, data: Any, folder: Path | None) -> tuple[TaskModel, Roles]:
        """The model before fine-tuning, from the encoder in `folder`, and the rows of each role."""
        raise NotImplementedError

    def reported(self, scores: Mapping[str, Scores]) -> Scores:
        """Scores of reported sets, as they are kept."""
        return scores["test"]

    def make(self, folder: Path, store: Store) -> None:
        assert self.data
        encoder: Any = self.encoder
        begun = encoder and (encoder.value if isinstance(encoder, Ref) else store.get(encoder))
        model, roles = self.start(self.data.value, begun and begun.folder)
        tuned = finetune(model, roles, self.tuning, folder, seed=self.seed, label=self.label)
        cost = {"tokens": tuned.result.tokens, "seconds": tuned.result.seconds}
        scores = {"dev": tuned.best, "test": self.reported(tuned.reported), "curve": tuned.curve}
        write_json(folder / "result.json", scores | cost)

    def load(self, folder: Path, store: Store) -> FineTuned:
        result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
        if isinstance(self.encoder, StudentStep):
            result["pretraining"] = tokens_by_stage(self.encoder.costs(store))
        return FineTuned(folder / "model", **result)


@dataclass(frozen=True)
class SnipsTuning(FineTuning):
    """Intents and slots; without an encoder StackProp."""

    name = "snips"

    def start(self, data: SnipsData, folder: Path | None) -> tuple[TaskModel, Roles]:
        roles = snips_roles(data, self.rows)
        if folder:
            return new_joint_bert(folder, data, roles, self.tuning, self.seed), roles
        return new_stackprop(data, roles, self.tuning, self.seed), roles


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


def record(chapter: Chapter, task: str, method: str, step: FineTuning, params: dict[str, Any], **metrics: Any) -> Path:
    """The record of a model, among those of `task`: "snips", "glue/sst-2"."""
    model = chapter.get(step)
    size = "" if method in BASELINES else chapter.plan.shape(chapter.store).name
    assert step.data
    return chapter.record(
        place_of(task, method, chapter.profile),
        seed=step.seed,
        params=chapter.profile.model_dump(mode="json")
        | {"method": method, "size": size, "identity": step.asked}
        | params,
        metrics=metrics
        | {
            "dev": model.dev,
            "test": model.test,
            "parameters": model.parameters,
            "bytes": sum(file.stat().st_size for file in model.folder.iterdir()),  # weights, settings, vocabulary
            "stage_one_tokens": model.pretraining[0],
            "stage_two_tokens": model.pretraining[1],
            "finetuning_tokens": model.tokens,
        },
        curves={"dev": model.curve},
        sources=[step.data.value.source, *chapter.text_and_teacher],
        seconds=model.seconds,
    )


def record_snips(chapter: Chapter, method: str, seed: int) -> Path:
    """The record of a model on SNIPS."""
    return record(chapter, "snips", method, snips_step(chapter.plan, method, seed), {})
