"""Runs that can be started within a moment, to be killed."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path

SERVER = multiprocessing.get_context("forkserver")  # each process of it begins with all this imported
SERVER.set_forkserver_preload(["mixvocab.pipeline", "mixvocab.tasks.finetune", "mixvocab_book.chapter"])


def run(program: str, arguments: list[str], environment: dict[str, str], log: Path) -> None:
    """One command, with a checkpoint after each step and what it says in `log`."""
    from mixvocab import cli
    from mixvocab.train import loop, precision
    from mixvocab_book import cli as book

    os.environ.update(environment)
    loop.MINUTE = 0.0
    precision.GAIN = float("inf")  # fp32 for all: which is faster is measured, and a killed run measures again
    said = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(said, 1)
    os.dup2(said, 2)
    {"mixvocab": cli.main, "mixbook": book.main}[program](arguments)
