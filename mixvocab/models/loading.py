"""Pretrained and fine-tuned models from folders of safetensors; what does not load is one line for all of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from transformers.utils import logging

from mixvocab.common.errors import UserError


def load_pretrained(model_class: Any, folder: Path, *, new_head: bool, **settings: Any) -> tuple[Any, set[str]]:
    """The model in `folder` by `model_class.from_pretrained`, ready to predict, and the names of weights it lacks.

    With `new_head` the head and the pooler may be missing or of another shape, and are then drawn from torch's global
    generator; else no weight may be. `settings` take the place of those in config.json. Raises `UserError` if the
    folder holds no model that transformers can read, or lacks weights it needs.
    """
    read_config(folder)  # transformers takes a missing one for an empty one
    try:
        with quietly():
            model, report = model_class.from_pretrained(
                folder,
                local_files_only=True,
                use_safetensors=True,
                output_loading_info=True,
                ignore_mismatched_sizes=new_head,
                **settings,
            )
    except (OSError, ValueError, TypeError, RuntimeError, SafetensorError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(
            f"model folder {folder.name} does not load ({reason}): give config.json + *.safetensors"
        ) from None
    missing = {*report["missing_keys"], *(name for name, *_ in report["mismatched_keys"])}
    body = [name for name in missing if ".embeddings." in name or ".layer." in name]
    if body:
        raise UserError(f"model folder {folder.name} lacks weights of its layers ({min(body)}): it is not pretrained")
    if missing and not new_head:
        raise UserError(f"model folder {folder.name} lacks {min(missing)}: it is not fine-tuned; save the model again")
    return model.eval(), missing


def read_config(folder: Path) -> dict[str, Any]:
    """A model folder's config.json. Raises UserError if there is none that can be read."""
    try:
        return dict(json.loads((folder / "config.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        raise UserError(
            f"{folder}: no model in it, config.json is missing or damaged; name a folder that has one"
        ) from None


@contextmanager
def quietly() -> Iterator[None]:
    """Silence transformers' reports on missing and unexpected weights, and its progress bars."""
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
