"""The steps of chapters 5, 6 and 9: students, the teacher and StackProp, fine-tuned on a task, and simple baselines.

A task is "snips" or one of GLUE's by its own name: "SST-2".
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

from safetensors import safe_open

from mixvocab.common.errors import UserError
from mixvocab.common.files import write_json
from mixvocab.common.store import Ref, Step, Store, aside, distributed
from mixvocab.distill.methods import find_method, methods
from mixvocab.distill.steps import StageTwo, StudentStep
from mixvocab.distill.teacher_head import TeacherHead, teacher_head
from mixvocab.models.parameters import Spent
from mixvocab.models.pretrained import load_tokenizer, require_bert
from mixvocab.pipeline import Plan
from mixvocab.settings.profiles import TuningSettings
from mixvocab.sources.glue import layout, resolve_glue
from mixvocab.sources.rows import GlueData, Sizes, SnipsData
from mixvocab.sources.snips import resolve_snips
from mixvocab.sources.teacher import TeacherSource
from mixvocab.tasks import baselines
from mixvocab.tasks.augmentation import Augmentation, augmented
from mixvocab.tasks.finetune import TaskModel, finetune
from mixvocab.tasks.glue import new_classifier
from mixvocab.tasks.joint import new_joint_bert
from mixvocab.tasks.scores import Roles, glue_roles, glue_scores, snips_roles
from mixvocab.tasks.stackprop import new_stackprop
from mixvocab.tasks.transfer import new_transfer
from mixvocab_book.chapter import Chapter
from mixvocab_book.steps.students import place_of, student_step

Scores = dict[str, float]

SNIPS = "snips"
TEACHER_RATE = 1e-4  # on GLUE: a learning rate that suits a million parameters spoils twenty
STACKPROP, BERT_JOINT = "stackprop", "bert-joint"
PEERS = {STACKPROP: "StackProp", BERT_JOINT: "BERT-joint"}
"""What is no student, by the names that profiles and parameters use: nothing pretrained (Qin et al. 2019), and the
teacher itself, fine-tuned (Chen et al. 2019)."""
BASELINES = {"majority": "majority class", "bag_of_words": "bag of words"}


def titles() -> dict[str, str]:
    """What chapters 5 and 6 compare, by name, as tables and figures show it: all methods, then the peers."""
    return {name: known.title for name, known in methods().items()} | PEERS


def method_title(method: str, task: str) -> str:
    """The method in tables of that task: SNIPS's name for the teacher speaks of its two heads."""
    return "the teacher itself" if method == BERT_JOINT and task not in ("", SNIPS) else titles()[method]


def chosen_methods(given: str | None, default: Sequence[str]) -> list[str]:
    """The methods named in a comma-separated list, or the profile's. Raises UserError for an unknown name."""
    names = [name.strip() for name in given.split(",")] if given else list(default)
    if unknown := [name for name in names if name not in titles()]:
        raise UserError(f"methods: {unknown[0]!r} is unknown; choose from {', '.join(titles())}")
    return names


def chosen_tasks(given: str | None, default: Sequence[str]) -> list[str]:
    """GLUE's own names of the tasks in a comma-separated list, or the profile's; UserError for an unknown one."""
    return [layout(name.strip()).folder for name in (given.split(",") if given else default)]


@dataclass(frozen=True)
class FineTuned:
    """A fine-tuned model as the store keeps it."""

    folder: Path  # the model's files
    dev: Scores  # of the chosen weights on the development set
    test: Scores  # of GLUE by set and metric: "m/accuracy"
    curve: list[Scores]  # development scores by step and epoch
    tokens: int  # read in fine-tuning
    seconds: float  # of fine-tuning
    pretraining: Sequence[int] = (0, 0)  # tokens read in stage I and in stage II
    augmented_rows: int = 0  # copies of training rows, with words replaced
    augmentation_tokens: int = 0  # that the teacher read to propose them

    @property
    def parameters(self) -> int:  # all that were trained
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
    teacher: FineTuning | None = field(default=None, kw_only=True)  # fine-tuned on the task, for a method of
    transfer: str = field(default="", kw_only=True)  # this name, which teaches there
    augment_with: TeacherHead | None = field(default=None, kw_only=True)  # proposes words for copies of training rows

    def start(self, data: Any, folder: Path | None) -> tuple[Any, Roles]:
        """The model before fine-tuning, from the encoder in `folder`, and the rows of each role."""
        raise NotImplementedError

    def reported(self, scores: Mapping[str, Scores]) -> Scores:
        return scores["test"]

    def make(self, folder: Path, store: Store) -> None:
        assert self.data
        encoder: Any = self.encoder
        begun = encoder and (encoder.value if isinstance(encoder, Ref) else store.get(encoder))
        model, roles = self.start(self.data.value, begun and begun.folder)
        beside = new_transfer(self.transfer, model, store.get(self.teacher).folder) if self.teacher else None
        cost: dict[str, Any] = {}
        if self.augment_with:
            teacher = store.get(self.augment_with)
            model_of_words = teacher.model().to(distributed().device)
            augmentation = Augmentation(model_of_words, load_tokenizer(teacher.pretrained), **self.tuning.augmentation)
            rows = len(roles.train)
            roles = augmented(roles, augmentation, self.seed)
            cost = {"augmented_rows": len(roles.train) - rows, "augmentation_tokens": augmentation.tokens}
        tuned = finetune(model, roles, self.tuning, folder, seed=self.seed, label=self.label, transfer=beside)
        cost |= {"tokens": tuned.result.tokens, "seconds": tuned.result.seconds}
        scores = {"dev": tuned.best, "test": self.reported(tuned.reported), "curve": tuned.curve}
        write_json(folder / "result.json", scores | cost)

    def load(self, folder: Path, store: Store) -> FineTuned:
        result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
        if isinstance(self.encoder, StudentStep):
            costs = self.encoder.costs(store)
            result["pretraining"] = [costs.get(stage, Spent()).tokens_read for stage in ("stage one", "stage two")]
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


@dataclass(frozen=True)
class GlueTuning(FineTuning):
    """A classifier of one or two sentences."""

    name = "glue"

    task: str = ""

    def start(self, data: GlueData, folder: Path | None) -> tuple[TaskModel, Roles]:
        assert folder
        return new_classifier(folder, data, self.tuning, self.seed), glue_roles(data, self.rows)

    def reported(self, scores: Mapping[str, Scores]) -> Scores:
        return _flat(scores)


@dataclass(frozen=True)
class GlueBaseline(Step[Scores]):
    """Scores of a baseline trained on the same rows, by set and metric."""

    name, room = "glue-baseline", "tasks"

    task: str
    kind: str  # of `BASELINES`
    data: Ref[GlueData]
    rows: int | None

    def make(self, folder: Path, store: Store) -> None:
        data = self.data.value
        split = glue_roles(data, self.rows)
        predicted = getattr(baselines, self.kind)(data, split)
        scores = {
            name: glue_scores(self.task, [row.label for row in rows], predicted[name], data.labels)
            for name, rows in split.report.items()
        }
        write_json(folder / "scores.json", _flat(scores))

    def load(self, folder: Path, store: Store) -> Scores:
        return json.loads((folder / "scores.json").read_text(encoding="utf-8"))


def _flat(scores: Mapping[str, Scores]) -> Scores:
    """{"m": {"accuracy": 0.5}} as {"m/accuracy": 0.5}."""
    return {f"{name}/{metric}": value for name, values in scores.items() for metric, value in values.items()}


def data_of(plan: Plan, task: str) -> Ref[Any]:
    """The task's rows; from a synthetic grammar where there are no real ones, of GLUE as many as are trained on."""
    if task == SNIPS:
        return plan.source(SNIPS, lambda: resolve_snips(data_dir=plan.data_dir))
    rows = plan.profile.glue.rows.get(task, 4000)
    few = min(rows, 1000)
    sizes = Sizes(train=rows, valid=few, test=few)
    return plan.source(f"glue {task} {rows}", lambda: resolve_glue(task, data_dir=plan.data_dir, sizes=sizes))


def roles(chapter: Chapter, task: str) -> Roles:
    """Which rows of GLUE's task train, choose and report: the same for all models and seeds."""
    return glue_roles(data_of(chapter.plan, task).value, chapter.profile.glue.rows.get(task))


def baseline(chapter: Chapter, task: str, kind: str) -> Scores:
    """Scores of a baseline of `BASELINES` on GLUE's task."""
    return chapter.get(GlueBaseline(task, kind, data_of(chapter.plan, task), chapter.profile.glue.rows.get(task)))


def tuning_step(plan: Plan, task: str, method: str, seed: int) -> FineTuning:
    """The step that fine-tunes a peer, or the student of that method. Raises UserError for an unknown one."""
    encoder: StudentStep | Ref[TeacherSource] | None = None
    if method != STACKPROP:
        encoder = plan.teacher if method == BERT_JOINT else student_step(plan, method, seed)
    shape = encoder.sizes() if isinstance(encoder, StageTwo) else plan.shape()
    hidden, data = shape.hidden, data_of(plan, task)
    beside: dict[str, Any] = {}
    if method not in PEERS and find_method(method).transfer:
        beside = {"teacher": tuning_step(plan, task, BERT_JOINT, 0), "transfer": method}  # one teacher for all seeds
    label = f"{'SNIPS' if task == SNIPS else task}, {method_title(method, task)}, seed {seed}"
    glue, snips = plan.profile.glue, plan.profile.snips
    if task == SNIPS:
        tuning = {STACKPROP: snips.stackprop, BERT_JOINT: snips.teacher}.get(method, snips).tuning(hidden)
    else:
        tuning = glue.tuning(hidden)
        if method in PEERS:  # copies of rows are for students: their teacher learns from the rows as they are
            tuning = tuning.model_copy(update={"learning_rate": min(tuning.learning_rate, TEACHER_RATE), "n_a": 0})
    if tuning.n_a:
        require_bert(plan.teacher.value.folder, "augmentation (n_a)")
        beside["augment_with"] = teacher_head(plan)
    if task == SNIPS:
        return SnipsTuning(encoder, tuning, seed, snips.rows, label, data, **beside)
    return GlueTuning(encoder, tuning, seed, glue.rows.get(task), label, data, task, **beside)


def record(chapter: Chapter, task: str, method: str, seed: int) -> Path:
    """The record of a model; of GLUE's tasks with what the baselines score on the same rows."""
    step = tuning_step(chapter.plan, task, method, seed)
    model = chapter.get(step)
    params: dict[str, Any] = {
        "method": method,
        "size": chapter.get(step.encoder).shape.name if isinstance(step.encoder, StudentStep) else "",
        "identity": step.asked,
    }
    metrics: dict[str, Any] = {
        "dev": model.dev,
        "test": model.test,
        "parameters": model.parameters,
        "bytes": sum(file.stat().st_size for file in model.folder.iterdir()),  # weights, settings, vocabulary
        "stage_one_tokens": model.pretraining[0],
        "stage_two_tokens": model.pretraining[1],
        "finetuning_tokens": model.tokens,
    }
    if step.teacher:
        metrics["teacher_finetuning_tokens"] = chapter.get(step.teacher).tokens
    if step.augment_with:
        head = chapter.get(step.augment_with).spent.tokens_read  # what the teacher's head was trained on
        metrics["augmented_rows"] = model.augmented_rows
        metrics["augmentation_tokens"] = head + model.augmentation_tokens
    if task != SNIPS:
        split = roles(chapter, task)
        params |= {"task": task, "roles": split.about}
        metrics["baselines"] = {kind: baseline(chapter, task, kind) for kind in BASELINES}
        metrics |= {"training_rows": len(split.train), "training_rows_available": split.available}
    return chapter.record(
        place_of(task, method, chapter.profile),
        seed=seed,
        params=chapter.profile.model_dump(mode="json") | params,
        metrics=metrics,
        curves={"dev": model.curve},
        sources=[data_of(chapter.plan, task).value.source, *chapter.text_and_teacher],
        seconds=model.seconds,
    )
