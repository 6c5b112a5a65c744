"""Where text, teachers and tasks come from, and what is known of them."""

from mixvocab.sources.corpus import Corpus, resolve_corpus
from mixvocab.sources.glue import resolve_glue
from mixvocab.sources.rows import GlueData, GlueRow, Sizes, SnipsData, SnipsRow
from mixvocab.sources.snips import resolve_snips
from mixvocab.sources.source import Source, data_directory
from mixvocab.sources.teacher import TeacherSource, resolve_teacher

__all__ = [
    "Corpus",
    "GlueData",
    "GlueRow",
    "Sizes",
    "SnipsData",
    "SnipsRow",
    "Source",
    "TeacherSource",
    "data_directory",
    "resolve_corpus",
    "resolve_glue",
    "resolve_snips",
    "resolve_teacher",
]
