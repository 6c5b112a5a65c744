"""Code of the library, shown where a chapter speaks of it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from textwrap import dedent
from typing import Any

from IPython.display import Markdown, display


def listing(*objects: Callable[..., Any]) -> None:
    """Display the source of classes and functions, in colours, as it stands in the installed library."""
    source = "\n".join(dedent(inspect.getsource(each)) for each in objects)
    display(Markdown(f"```python\n{source}```"))
