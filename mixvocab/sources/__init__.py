"""Where text, teachers and tasks come from, and what is known of them."""

from mixvocab.sources.corpus import Corpus, resolve_corpus
from mixvocab.sources.source import Source, data_directory
from mixvocab.sources.teacher import TeacherSource, resolve_teacher

__all__ = [
    "Corpus",
    "Source",
    "TeacherSource",
    "data_directory",
    "resolve_corpus",
    "resolve_teacher",
]
