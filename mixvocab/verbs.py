"""What the commands do, for Python.

    from mixvocab import verbs

    verbs.vocab("my_text.txt", "my_vocabulary", size=5000)
    verbs.distill("my_student", text="my_text.txt", teacher="my_bert", settings={"hidden": 192})
    verbs.finetune("my_student", "snips", "my_model", data="my_commands", settings={"epochs": 20})
    verbs.export("my_model", "my_app")
    verbs.predict("my_app", ["play some jazz on spotify"])

Each raises UserError, one line, for bad input. `distill` and `finetune` do so before anything long begins, and one of
them that was killed goes on where it was when it is called again. What a call needs is imported by it: a device that
predicts needs no torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixvocab.common.errors import UserError, need
from mixvocab.common.progress import say

if TYPE_CHECKING:
    from mixvocab.edge.runtime import Answer, Kind
    from mixvocab.settings.profiles import TuningSettings
    from mixvocab.tasks.finetune import Tuned
    from mixvocab.text.wordpiece import Vocabulary

Place = Path | str


def vocab(
    text: Place | Sequence[Place],
    out: Place | None = None,
    *,
    size: int = 5000,
    cased: bool = False,
    megabytes: float | None = None,
    processes: int = 1,
) -> Vocabulary:
    """Learn a WordPiece vocabulary from text and, with `out`, write vocab.txt and tokenizer.json to that folder.

    Args:
        text: files or folders, or auto, embedded, code, hub:NAME.
        size: number of pieces, special ones and characters included.
        cased: keep capitals and accents.
        megabytes: read at most so much of each text.
        processes: so many count words; the result is equal.
    """
    from mixvocab.text.learner import learn_vocabulary

    if out and Path(out).exists() and not Path(out).is_dir():
        raise UserError(f"--out {out} is a file; name a folder")
    counts = read_counts(text, megabytes, processes)(not cased)
    vocabulary = learn_vocabulary(counts, size, lowercase=not cased)
    if out:
        vocabulary.save(out)
    return vocabulary


def read_counts(
    text: Place | Sequence[Place], megabytes: float | None = None, processes: int = 1
) -> Callable[[bool], dict[str, int]]:
    """What counts the words of texts, which are found at once: as lower case or, given False, as they are written."""
    from mixvocab.sources.corpus import resolve_corpus
    from mixvocab.text.reading import count_words

    named = [text] if isinstance(text, Path | str) else text
    corpora = [resolve_corpus(str(spec), megabytes=megabytes) for spec in named]

    def counted(lowercase: bool) -> dict[str, int]:
        documents = (document for corpus in corpora for document in corpus.documents())
        return count_words(documents, processes=processes, lowercase=lowercase)

    return counted


def distill(
    out: Place,
    *,
    text: Place = "auto",
    teacher: Place = "auto",
    vocabulary: Vocabulary | Place | None = None,
    profile: str = "laptop",
    method: str = "mixed",
    seed: int = 0,
    data_dir: Place | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Path:
    """Compress a BERT to a small student with a small vocabulary; returns the new folder `out`.

    Args:
        text: file or folder, or auto, embedded, code, hub:NAME.
        teacher: folder of a masked language model, or auto, embedded, hub:NAME.
        vocabulary: one that `vocab` made, or its folder; None: it is learned from the text.
        profile: how much is computed: smoke, laptop, evening, gpu, paper.
        method: mixed (stage I, then stage II), pca, nokd, tinybert, ...
        seed: of everything drawn.
        data_dir: data folder; None: the one in MIXVOCAB_DATA.
        settings: replace the profile's: `{"stage_two.steps": 5000}`, or by the last part alone where that is clear.
    """
    from mixvocab.pipeline import Plan
    from mixvocab.pipeline import distill as run
    from mixvocab.settings.profiles import load_profile
    from mixvocab.sources.source import data_directory
    from mixvocab.text.wordpiece import Vocabulary

    check_seed(seed)
    chosen = load_profile(
        profile, **{"corpus.source": str(text), "teacher.source": str(teacher)} | dict(settings or {})
    )
    if vocabulary and chosen.vocabulary.kind != "learned":
        raise UserError(f"vocabulary.kind={chosen.vocabulary.kind} and --vocab exclude each other: leave one out")
    given = Vocabulary.load(vocabulary) if isinstance(vocabulary, Path | str) else vocabulary
    return run(Plan(chosen, data_directory(data_dir), given), Path(out), method=method, seed=seed)


def finetune(
    model: Place,
    task: str,
    out: Place,
    *,
    data: Place = "auto",
    profile: str = "laptop",
    rows: int | None = None,
    seed: int = 0,
    teacher: Place | None = None,
    method: str | None = None,
    augment_with: Place | None = None,
    glove: Place | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Tuned:
    """Fine-tune a BERT on intents and slots or on a GLUE task; development data chooses, the rest is scored once.

    Args:
        model: folder of a student, or of another BERT.
        task: snips (any intents and slots in its layout), or a GLUE task by name.
        out: new folder for the model.
        data: the task's folder, or auto, embedded, hub:NAME.
        profile: whose recipe.
        rows: train on at most so many; None: on all.
        seed: of the order of rows, of dropout and of the new heads.
        teacher: folder of a model that was fine-tuned on the task, to learn from by `method` (pkd, tinybert, ...).
        augment_with: folder of a BERT that proposes words for copies of rows, with `n_a=20`.
        glove: GloVe text file, for words of several pieces there.
        settings: replace the recipe's: `{"epochs": 20}`.
    """
    if bool(teacher) != bool(method):
        raise UserError("--teacher and --method go together: give both, or neither to fine-tune the model alone")
    if rows is not None and rows < 1:
        raise UserError(f"rows={rows}: train on one or more")
    check_seed(seed)
    need("tasks", "sklearn", "seqeval")
    from mixvocab.common.card import write_card
    from mixvocab.common.files import claim, publish
    from mixvocab.models.pretrained import read_config
    from mixvocab.sources.glue import resolve_glue
    from mixvocab.sources.snips import resolve_snips
    from mixvocab.tasks.augmentation import augmented, new_augmentation
    from mixvocab.tasks.finetune import finetune as run
    from mixvocab.tasks.glue import new_classifier
    from mixvocab.tasks.joint import new_joint_bert, unseen_labels
    from mixvocab.tasks.scores import glue_roles, snips_roles
    from mixvocab.tasks.transfer import new_transfer

    model, out = Path(model), Path(out)
    beside = {"teacher": teacher, "augment_with": augment_with, "glove": glove}
    folders = {name: Path(place) if place else None for name, place in beside.items()}
    joint = task.lower() == "snips"
    tuning = recipe(profile, settings or {}, "snips" if joint else "glue").tuning(read_config(model).get("hidden_size"))
    augmentation = new_augmentation(tuning, folders["augment_with"], folders["glove"])
    resolved: Any = resolve_snips(str(data)) if joint else resolve_glue(task, str(data))
    roles = snips_roles(resolved, rows) if joint else glue_roles(resolved, rows)
    if joint and (unseen := unseen_labels(resolved)):
        say(f"note: never in train, so each counts as an error: {', '.join(unseen)}")
    fresh = (
        new_joint_bert(model, resolved, roles, tuning, seed) if joint else new_classifier(model, resolved, tuning, seed)
    )
    transfer = new_transfer(method, fresh, folders["teacher"]) if method and folders["teacher"] else None
    places = {name: str(place.resolve()) for name, place in (folders | {"model": model}).items() if place}
    asked = {"tuning": tuning.model_dump(), "source": resolved.source.as_record(), "rows": rows, "seed": seed}
    work = claim(out, places | asked | {"method": method})
    say(f"training on {len(roles.train):,} of {roles.available:,} rows; {roles.about}")
    if augmentation:
        roles = augmented(roles, augmentation, seed)
        say(f"training on copies of rows as well, {len(roles.train):,} in all")
    tuned = run(fresh, roles, tuning, work, seed=seed, transfer=transfer)
    write_card(
        work / "model",
        f"{task}, fine-tuned",
        f"Fine-tuned from {model.resolve().name} on {len(roles.train):,} rows with seed {seed}; {roles.about}.",
        sources=[resolved.source.as_record()],
        scores={
            f"{name} of {split}": f"{100 * value:.2f}"
            for split, values in tuned.reported.items()
            for name, value in values.items()
        },
        use='from mixvocab import verbs\n\nverbs.export("this folder", "app")\nverbs.predict("app", ["a text"])',
    )
    publish(work / "model", out)
    return tuned


def check_seed(seed: int) -> None:
    """Raises UserError for a seed from which nothing can be drawn."""
    if seed < 0:
        raise UserError(f"seed={seed}: it should be 0 or more")


def recipe(profile: str, settings: Mapping[str, Any], section: str) -> TuningSettings:
    """A profile's settings for the task, some replaced. Raises UserError for one that fine-tuning does not read."""
    from mixvocab.settings.profiles import TuningSettings, load_profile

    read = TuningSettings.model_fields.keys() - ({"piece_dropout"} if section == "glue" else set())
    if unread := settings.keys() - read:
        raise UserError(f"--set {min(unread)}: this task does not read it; it reads {', '.join(sorted(read))}")
    return getattr(load_profile(profile, **{f"{section}.{key}": value for key, value in settings.items()}), section)


def export(folder: Place, out: Place) -> dict[Kind, float]:
    """Write a model as ONNX with 32-bit and 8-bit weights to the new folder `out`, checked against PyTorch.

    Returns the largest difference of a logit from PyTorch's, by kind of numbers (fp32, w8, int8).
    """
    need("export", "onnx", "onnxruntime")
    from mixvocab.edge.export import export as run

    return run(Path(folder), Path(out))


def predict(folder: Place, texts: Sequence[str | tuple[str, str]], *, numbers: Kind = "w8") -> list[Answer]:
    """What an exported model says of each text, or pair of texts; `Predictor` keeps it loaded between calls."""
    need("export", "onnxruntime")
    from mixvocab.edge.runtime import Predictor

    predictor = Predictor.load(Path(folder), numbers=numbers)
    return [predictor.predict(*([text] if isinstance(text, str) else text)) for text in texts]
