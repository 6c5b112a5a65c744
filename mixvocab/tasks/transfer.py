"""A student's task model beside a fine-tuned teacher's, put together by the method that knows how one teaches."""

from __future__ import annotations

from pathlib import Path

from mixvocab.common.errors import UserError
from mixvocab.distill.methods import find_method, methods
from mixvocab.distill.task_transfer import TaskTransfer
from mixvocab.tasks.encoding import Bundle
from mixvocab.tasks.glue import GlueTask, load_classifier
from mixvocab.tasks.joint import JointTask, load_joint_bert
from mixvocab.text.reading import reads_like_bert


def new_transfer(method: str, student: GlueTask | JointTask, teacher: Path) -> TaskTransfer:
    """What `finetune` trains in the student's place, with the model that it wrote to the folder `teacher`.

    Raises UserError for a method that fine-tunes its students alone, and for a teacher of another task, of other
    labels or of another order of them, or of other pieces.
    """
    known = find_method(method)
    if not known.transfer:
        able = ", ".join(name for name, other in methods().items() if other.transfer)
        raise UserError(f"method {method} fine-tunes its students alone: leave out --teacher, or choose from {able}")
    load = load_joint_bert if Bundle.load(teacher).kind == "joint" else load_classifier
    taught: GlueTask | JointTask = load(teacher)
    own, other = labels(student), labels(taught)
    if own != other:
        raise UserError(
            f"--teacher {teacher.name} answers {_few(other)} and this task's labels are {_few(own)}: they must be the "
            "same in the same order; fine-tune the teacher on this task's training rows"
        )
    if known.by_words and not (cut_as_bert(student) and cut_as_bert(taught)):
        raise UserError(
            f"{method} compares words and one of the two models splits text in another way than BERT does: leave out "
            "--teacher, or take a teacher with a BERT's tokenizer"
        )
    if not known.by_words and student.encoder.tokenizer.get_vocab() != taught.encoder.tokenizer.get_vocab():
        raise UserError(
            f"{method}: student and teacher have other pieces, and it compares them piece by piece; give a student of "
            f"`mixvocab distill --method {method}`, choose --method mixed-tinybert, which compares words, or leave out "
            "--teacher: alone, one of any pieces will do"
        )
    return known.transfer(student, taught)


def labels(model: GlueTask | JointTask) -> list[str]:
    """The names of all heads' logits in their order."""
    return [*model.intents, *model.slots] if isinstance(model, JointTask) else [model.task, *model.labels]


def cut_as_bert(model: GlueTask | JointTask) -> bool:
    """Whether the model's tokenizer splits text into words as BERT's does, with capitals or without."""
    return any(reads_like_bert(model.encoder.tokenizer, lowercase) for lowercase in (True, False))


def _few(names: list[str]) -> str:
    return ", ".join(names[:6]) + ", ..." * (len(names) > 6)
