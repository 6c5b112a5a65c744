"""Live models in chapters: published for the rendered page, a table of answers in a notebook."""

from __future__ import annotations

from collections.abc import Sequence

from IPython.display import HTML, display

from mixvocab.book.publish import publish, publish_file
from mixvocab.sources.rows import SnipsRow
from mixvocab.widgets.demo import Demo

EXAMPLE_WORDS = range(6, 11)  # of an utterance that fits a button


def show_live(demo: Demo) -> None:
    """Publish the model and display its place."""
    publish(demo.name, demo.value)
    publish_file(f"{demo.name}.onnx", demo.model)
    display(HTML(demo.html()))


def one_an_intent(rows: Sequence[SnipsRow]) -> list[str]:
    """The first utterance of every intent that is neither short nor long."""
    found: dict[str, str] = {}
    for row in rows:
        if len(row.words) in EXAMPLE_WORDS:
            found.setdefault(row.intent, " ".join(row.words))
    return list(found.values())
