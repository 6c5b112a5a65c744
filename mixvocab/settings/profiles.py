"""Profiles: how much a chapter computes. `profiles.yaml` describes them; unknown names and keys are errors.

A setting is replaced by its name, on the command line with `--set name=value`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mixvocab.common.errors import UserError

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(gt=0)]
NonNegative = Annotated[int, Field(ge=0)]


def _read(name: str) -> dict[str, dict[str, Any]]:
    return yaml.safe_load(Path(__file__).with_name(name).read_text(encoding="utf-8"))


PROFILES = _read("profiles.yaml")  # settings of each profile by section, smallest profile first
PRESETS = _read("presets.yaml")  # recipes of stage I by `stage_one.preset`: settings that a profile leaves open

_ALTERNATIVE = re.compile(r"constrained-\w+|literal\[.*\]")  # pydantic's names for the types that a setting may have


class Section(BaseModel):
    """A part of a profile; immutable, and it knows no key beside its own."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class CorpusSettings(Section):
    """What is read."""

    source: str = "auto"  # auto | data-dir | hub | hub:<repository> | embedded | code | a path
    megabytes: Annotated[float, Field(gt=0)] | None  # of UTF-8 text; None: all of it (see `resolve_corpus`)
    heldout: Annotated[float, Field(gt=0, lt=1)] = 0.01  # share of the documents kept for evaluation


class VocabularySettings(Section):
    """The student's vocabulary."""

    size: Annotated[int, Field(ge=300, le=100_000)] = 5000
    sizes: tuple[Annotated[int, Field(ge=300, le=100_000)], ...] = (1000, 2000, 5000, 10_000, 20_000, 30_000)
    megabytes: Annotated[float, Field(gt=0)] | None  # of text that its words are counted in; None: all of it
    # Of that text, written as `corpus.source` is, or wordfreq:<language>; None: the corpus itself, or wordfreq where
    # that is the installed documentation.
    source: str | None = None
    kind: Literal["learned", "teacher", "shared"] = "learned"  # teacher: its own; shared: those learned that it has too


class TeacherSettings(Section):
    """The pretrained model of stage I, and the masked language modelling after which it predicts its own pieces."""

    source: str = "auto"
    head_steps: NonNegative = 0  # its head alone; in stage I's batches
    whole_steps: NonNegative = 0  # all of it, after that


class StudentSettings(Section):
    """The student's shape (section 4.2 of the paper)."""

    layers: Positive = 6
    hidden: Positive = 96
    heads: Positive = 4
    intermediate: NonNegative = 0  # 0: four times the hidden size


class MixingSettings(Section):
    """How a sequence is made (sections 3.1 and 4.3)."""

    p_sv: Share = 0.5  # probability that a word is cut by the student's vocabulary
    unit: Literal["word", "span", "sequence"] = "word"  # what is drawn at once: `mixvocab.text.mixing`
    length: Annotated[int, Field(ge=8, le=512)] = 128  # tokens a sequence, [CLS] and [SEP] included
    mask_rate: Share = 0.15
    max_masks: NonNegative = 20
    max_teacher_masks: NonNegative = 10


class OptimizerSettings(Section):
    """What pretraining and fine-tuning have in common."""

    optimizer: Literal["adamw", "lamb"] = "adamw"
    warmup: Share = 0.1
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    clip: Annotated[float, Field(ge=0)] = 1.0
    accumulate: Positive = 1
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    evaluations: Positive = 10  # on held-out or development data


class StageSettings(OptimizerSettings):
    """How to train; the fields of `mixvocab.train.loop.Recipe` under their names."""

    steps: Positive
    batch_size: Positive
    learning_rate: Annotated[float, Field(gt=0)]
    heldout_batches: Positive = 8  # of 32 held-out sequences, scored at each evaluation

    def recipe(self) -> dict[str, Any]:
        """Keyword arguments for `Recipe`, in stage I with the learning rates by part."""
        return self.model_dump(include={*StageSettings.model_fields, "multipliers"} - {"heldout_batches"})


class StageOneSettings(StageSettings):
    """Stage I: the teacher reads both vocabularies (equation 1)."""

    steps: NonNegative  # 0: no stage I, its init alone
    corpus: str | None = None  # text that stage I reads, written as `corpus.source` is; None: that of stage II
    init: Literal["random", "pca"] = "random"  # where student embeddings begin; the paper: random
    weighting: Share = 0  # power of a piece's frequency by which it counts in the PCA; 0: all alike
    # Standard deviation of the entries; pca: as plain PCA has it; None: 0.02 (BERT's) at random, as it comes for PCA.
    init_std: Annotated[float, Field(gt=0)] | Literal["pca"] | None = None
    tied: bool = True  # score student tokens against their own raised embeddings
    shared: bool = False  # tie the pieces that both vocabularies have (section 6)
    projection: bool = False  # train the projection of the copied vectors as well, see `ProjectedEmbedding`
    preset: str = "paper"  # of `PRESETS`: what is not set here
    multipliers: dict[str, Annotated[float, Field(ge=0)]] = {}  # part -> factor on the rate, over the preset's

    @model_validator(mode="before")
    @classmethod
    def _fill_from_preset(cls, given: dict[str, Any]) -> dict[str, Any]:
        name = given.get("preset", "paper")
        if name not in PRESETS:
            raise UserError(f"stage_one.preset={name!r} is unknown; choose one of {', '.join(PRESETS)}")
        rates, own_rates = PRESETS[name].get("multipliers", {}), given.get("multipliers", {})
        merged = rates | own_rates if isinstance(own_rates, dict) else own_rates
        return PRESETS[name] | given | {"multipliers": merged}


class StageTwoSettings(StageSettings):
    """Stage II: the student alone (equation 2)."""

    # Spread of the sinusoids that positions begin with, in units of the word embeddings'; 0: BERT's normal(0, 0.02).
    position_spread: Annotated[float, Field(ge=0)] = 2.0
    dropout: Share = 0.0
    kd_weight: Share = 0.5  # of the teacher's distribution where a teacher labels (vanilla distillation)
    kd_temperature: Annotated[float, Field(gt=0)] = 1.0  # at which both distributions are taken there


class WordStatesSettings(Section):
    """What a teacher makes of a text's words, kept (`mixvocab.distill.word_states`), and its weight as a target."""

    stretches: Positive = 80_000  # of the text, each of a row's length
    width: Positive = 96  # principal components kept of a state, a byte each
    weight: Annotated[float, Field(ge=0)] = 1.0


class TuningSettings(OptimizerSettings):
    """How to fine-tune. The paper (section 4.3): LAMB, 1e-4, batch 64, 10 epochs for GLUE; Adam, 1e-4, 64 for SNIPS."""

    epochs: Annotated[float, Field(gt=0)]
    batch_size: Positive = 64
    learning_rate: Annotated[float, Field(gt=0)] = 1e-4
    rate_width: Positive | None = None  # hidden size that the rate is meant for; it falls as H**-1.5; None: any
    dropout: Share = 0.1
    piece_dropout: Share = 0.0  # share of the pieces that training reads as [UNK]; for intents and slots
    window: Annotated[int, Field(ge=8, le=512)] = 128  # tokens an example may have, [CLS] and [SEP] included
    n_a: NonNegative = 0  # copies of each training row with words replaced (`mixvocab.tasks.augmentation`)
    p_t: Share = 0.4  # probability that a word of a copy is replaced
    k: Positive = 15  # by one of so many candidates

    @property
    def augmentation(self) -> dict[str, Any]:
        """Keyword arguments for `Augmentation`."""
        return self.model_dump(include={"n_a", "p_t", "k"})

    def tuning(self, hidden: int | None = None) -> TuningSettings:
        """These settings alone, the learning rate that of a model of this hidden size."""
        fields = self.model_dump(include=set(TuningSettings.model_fields), exclude={"rate_width"})
        if hidden and self.rate_width:
            fields["learning_rate"] *= (self.rate_width / hidden) ** 1.5  # wide students stall at what narrow ones need
        return TuningSettings(**fields)


class GlueSettings(TuningSettings):
    """Chapter 5."""

    tasks: tuple[str, ...] = ("MRPC", "SST-2", "MNLI")
    rows: dict[str, Positive] = {}  # task -> training rows that are used; a task left out: all
    methods: tuple[str, ...] = ("nokd", "mixed")  # what is run; the rest of the table is recorded


class SnipsSettings(TuningSettings):
    """Chapter 6."""

    rows: Positive | None = None  # training rows that are used; None: all
    methods: tuple[str, ...] = ("nokd", "mixed")  # what is run; the rest of the table is recorded
    stackprop: TuningSettings  # the recurrent baseline has a recipe of its own
    teacher: TuningSettings  # and so has the teacher itself, fine-tuned


class EdgeSettings(Section):
    """Chapter 9."""

    lengths: tuple[Positive, ...] = (8, 16, 32, 128)  # tokens a query
    rounds: Positive = 20  # turns of each model at each length and number of threads
    peers: bool = True  # time BERT-base and the other large shapes as well


class SeedSettings(Section):
    """How often what is compared is repeated."""

    count: Positive = 1


class Profile(Section):
    """All settings of a run of the book."""

    name: str
    corpus: CorpusSettings
    vocabulary: VocabularySettings
    teacher: TeacherSettings = TeacherSettings()
    student: StudentSettings = StudentSettings()
    mixing: MixingSettings = MixingSettings()
    stage_one: StageOneSettings
    stage_two: StageTwoSettings
    word_states: WordStatesSettings = WordStatesSettings()
    glue: GlueSettings
    snips: SnipsSettings
    edge: EdgeSettings = EdgeSettings()
    seeds: SeedSettings = SeedSettings()

    @model_validator(mode="after")
    def _fits(self) -> Profile:
        hidden, heads = self.student.hidden, self.student.heads
        if hidden % heads:
            fits = heads * max(1, round(hidden / heads))
            raise UserError(f"student.hidden={hidden} is not a multiple of heads={heads}: choose e.g. {fits}")
        for part in (self.stage_one, self.stage_two, self.glue, self.snips):
            if part.batch_size % part.accumulate:
                raise UserError(f"batch_size={part.batch_size} does not divide into accumulate={part.accumulate}")
        return self


def load_profile(name: str, **overrides: Any) -> Profile:
    """The profile of this name with some settings replaced.

    `overrides` go by dotted name (`**{"stage_two.steps": 10}`), or by the last part alone where that is unambiguous
    (`p_sv=0.3`); None leaves the profile's value. Raises UserError for unknown profiles and settings, with the nearest
    known name, and for values out of range.
    """
    if name not in PROFILES:
        raise UserError(f"profile {name!r} is unknown{_near(name, PROFILES)}; choose one of {', '.join(PROFILES)}")
    tree: dict[str, Any] = {section: dict(values) for section, values in PROFILES[name].items()}
    for key, value in overrides.items():
        if value is not None:
            section, leaf = _place(key)
            tree.setdefault(section, {})[leaf] = value
    try:
        return Profile(name=name, **tree)
    except ValidationError as error:
        raise UserError(f"profile {name}: {explain(error)}") from None


def _place(key: str) -> tuple[str, str]:
    """("mixing", "p_sv") for "mixing.p_sv" and for "p_sv"."""
    sections = ((name, field.annotation) for name, field in Profile.model_fields.items() if name != "name")
    dotted = [f"{name}.{leaf}" for name, kind in sections for leaf in kind.model_fields]  # type: ignore
    matches = [name for name in dotted if key in (name, name.partition(".")[2])]
    if len(matches) > 1:
        raise UserError(f"setting {key!r} is ambiguous: write one of {', '.join(matches)}")
    if not matches:
        leaves = [name.partition(".")[2] for name in dotted]
        raise UserError(f"setting {key!r} is unknown{_near(key, dotted + leaves)}")
    section, _, leaf = matches[0].partition(".")
    return section, leaf


def _near(word: str, known: Iterable[str]) -> str:
    close = get_close_matches(word, known, n=1, cutoff=0.6)
    return f" (did you mean {close[0]!r}?)" if close else ""


def explain(error: ValidationError) -> str:
    """The first problem that pydantic found, as a person would say it."""
    problem = error.errors()[0]
    dotted = ".".join(str(part) for part in problem["loc"] if not _ALTERNATIVE.fullmatch(str(part)))
    if problem["type"] == "missing":
        return f"{dotted} is missing"
    if problem["type"] == "extra_forbidden":
        section: Any = Profile
        for part in problem["loc"][:-1]:
            section = section.model_fields[part].annotation
        return f"{dotted} is unknown{_near(str(problem['loc'][-1]), section.model_fields)}"
    message = problem["msg"].removeprefix("Input should be ").removeprefix("a valid ")
    return f"{dotted}={problem['input']!r} should be {message}"
