"""Live models in chapters: published for the rendered page, a table of answers in a notebook."""

from __future__ import annotations

from IPython.display import HTML, display

from mixvocab.book.publish import publish, publish_file
from mixvocab.widgets.demo import Demo


def show_live(demo: Demo) -> None:
    """Publish the model and display its place."""
    publish(demo.name, demo.value)
    publish_file(f"{demo.name}.onnx", demo.model)
    display(HTML(demo.html()))
