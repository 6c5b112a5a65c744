"""What chapters put alive into their pages: models that answer, and elements that show a chapter's vocabularies.

In a notebook a model is a table of its answers, and the elements are widgets.
"""

from __future__ import annotations

from typing import Any

from IPython.display import HTML, display

from mixvocab.distill.steps import StudentStep
from mixvocab.distill.teacher_head import teacher_head
from mixvocab.models.pretrained import teacher_shape
from mixvocab.text.reading import backend, reads_like_bert, words_of
from mixvocab.text.wordpiece import Vocabulary
from mixvocab.widgets.attention import AttentionWidget
from mixvocab.widgets.demo import Demo
from mixvocab.widgets.forward import ForwardWidget
from mixvocab.widgets.live import ExplorerWidget, OverlapWidget, frequent_words
from mixvocab.widgets.shape import ShapeWidget
from mixvocab.widgets.vocabularies import most_telling, published
from mixvocab_book.chapter import Chapter
from mixvocab_book.show import shape_data
from mixvocab_book.show.cited import cited
from mixvocab_book.show.page_data import provide
from mixvocab_book.steps.looks import Looks

LARGEST = 10_000
"""Pieces in the largest vocabulary that pages carry, unless the chapter's own is larger."""
EXAMPLES = (
    "My grandmother whispered a forgotten recipe to the astonished chemist.",
    "The veterinarian vaccinated seventeen hedgehogs on Wednesday.",
    "The orchestra rehearsed an unfamiliar symphony before breakfast.",
    "Small models translate complicated sentences on inexpensive telephones.",
    "Knowledge distillation compresses pretrained language models.",
)
"""Sentences of which the chapters show one: which of them tells most depends on the vocabulary."""

SENTENCES = {
    "A fact": "Paris is the capital and largest city of France.",
    "Dickens, 1859": "It was the best of times, it was the worst of times.",
    "Tolstoy, translated 1901": "Happy families are all alike; every unhappy family is unhappy in its own way.",
}
"""Real ones, by where they are from, in which teacher and student are compared."""
_SETUP = """\
from mixvocab_book.chapter import open_chapter
from mixvocab_book.show import live_elements

chapter = open_chapter({name!r}, profile={profile!r})
teacher = chapter.plan.teacher_tokenizer
students = {{size: vocabulary.tokenizer() for size, vocabulary in live_elements.students(chapter).items()}}
"""


def show_model(demo: Demo) -> None:
    """Provide the model and display its place."""
    provide(demo.name, demo.value)
    provide(f"{demo.name}.onnx", demo.model)
    display(HTML(demo.html()))


def students(chapter: Chapter) -> dict[int, Vocabulary]:
    """The vocabularies that a reader can choose from, by size: of the profile's sizes, and the student's own."""
    own = chapter.profile.vocabulary.size
    sizes = sorted({*chapter.profile.vocabulary.sizes, own})  # all, since chapter 1 learns them in one go
    learned = chapter.get(chapter.plan.vocabularies(tuple(sizes))).items()
    return {size: vocabulary for size, vocabulary in learned if size <= max(LARGEST, own)}


def vocabularies(chapter: Chapter) -> dict[str, Any] | None:
    """The teacher's vocabulary and the students', for pages; None if the teacher cuts other words than they do."""
    teacher = chapter.plan.teacher_tokenizer
    if not reads_like_bert(teacher):
        return None
    source = chapter.plan.words().value.source
    about = f"{source.name} ({'real' if source.real else 'synthetic'})"
    return published(teacher, students(chapter), default=chapter.profile.vocabulary.size, about=about)


def example(chapter: Chapter) -> str:
    """The sentence whose words teacher and student cut most differently."""
    teacher, student = chapter.plan.teacher_tokenizer, chapter.get(chapter.plan.vocabulary()).backend()
    return most_telling(EXAMPLES, backend(teacher), student) if reads_like_bert(teacher) else EXAMPLES[0]


def explorer(chapter: Chapter) -> ExplorerWidget | None:
    """The explorer; provides what it and the overlap widget read. None as for `vocabularies`."""
    packs = vocabularies(chapter)
    if packs is None:
        return None
    words = frequent_words(chapter.get(chapter.plan.counts()))
    provide("vocabularies", packs)
    provide("words", words)
    return ExplorerWidget(packs, words=words)


def overlap(chapter: Chapter) -> OverlapWidget | None:
    """The overlap widget, whose "Copy as Python" finds the very vocabularies. None as for `vocabularies`."""
    packs, setup = vocabularies(chapter), _SETUP.format(name=chapter.name, profile=chapter.profile.name)
    return None if packs is None else OverlapWidget(packs, setup=setup, text=example(chapter))


def shape() -> None:
    """Display the choice of a shape beside what is recorded, where something is, and provide that."""
    known = shape_data.recorded()
    if known is None:
        return
    provide("shape", known.value)
    display(ShapeWidget(known.value))
    display(HTML(cited(known.records)))


def forward(chapter: Chapter) -> ForwardWidget | None:
    """The mixed teacher's forward pass, of the chapter's sizes. None as for `vocabularies`, and for tied pieces, which
    go another way (section 6)."""
    packs, settings = vocabularies(chapter), chapter.profile.stage_one
    if packs is None or settings.shared:
        return None
    teacher, narrow = teacher_shape(chapter.plan.teacher.value.folder), chapter.profile.student.hidden
    sizes = {"layers": teacher.layers, "wide": teacher.hidden, "narrow": narrow}
    return ForwardWidget(packs, p=chapter.profile.mixing.p_sv, tied=settings.tied, **sizes)


def attention(chapter: Chapter, student: StudentStep, title: str) -> AttentionWidget | None:
    """Attention and guesses of the teacher, its head trained, and of a student, called `title`; they are provided.

    None if the teacher cuts other words than the student does.
    """
    if not reads_like_bert(chapter.plan.teacher_tokenizer):
        return None
    head, texts = teacher_head(chapter.plan), tuple(SENTENCES.values())
    of_teacher, of_student = chapter.get(Looks(head, texts)), chapter.get(Looks(student, texts))
    sentences = [
        {"source": source, "words": words_of(text), "teacher": theirs, "student": own}
        for (source, text), theirs, own in zip(SENTENCES.items(), of_teacher, of_student, strict=True)
    ]
    sources = (ref.value.source for ref in (chapter.plan.corpus(), chapter.plan.teacher))
    corpus, model = (f"{source.name} ({'real' if source.real else 'synthetic'})" for source in sources)
    teacher, made = chapter.get(head), chapter.get(student)
    about = (
        "Both models read these sentences when this page was made, each word hidden in turn, with all its pieces; no "
        "model runs here. Attention is told by words: the mean over the pieces that look, the sum over those looked "
        f"at; rounded to 8 bits. Teacher: {model}, {teacher.shape.name}, its head trained on "
        f"{teacher.spent.tokens_read:,} tokens. Student: {title}, {made.shape.name}, {made.shape.total_params:,} "
        f"parameters, profile {chapter.profile.name}, {made.result.tokens:,} tokens read. Both read {corpus}."
    )
    looks = {"sentences": sentences, "about": about}
    provide("attention", looks)
    return AttentionWidget(looks=looks, word=3)
