"""Run one chapter by papermill, in a kernel of its own, and keep its executed copy if it passes the gate."""

from __future__ import annotations

import json
import logging
import os
import time
from pathlib import Path
from typing import Any

from mixvocab.common.errors import UserError
from mixvocab.common.files import write_json
from mixvocab.sources.source import DATA_VARIABLE
from mixvocab_book.press import gate
from mixvocab_book.press.layout import Layout, Settings


def run_chapter(layout: Layout, settings: Settings, name: str, key: str) -> float:
    """Execute a chapter, check it, move it into place with its `key`; returns seconds.

    Raises UserError with what went wrong; an earlier copy stays then, and the half-run one lies beside it.
    """
    # Someone who presses Ctrl-C need not read what asyncio and the kernel's client think of it.
    for library in ("asyncio", "traitlets", "papermill"):
        logging.getLogger(library).setLevel(logging.CRITICAL)
    import papermill  # costs a second, which a build with nothing to run should not pay
    from nbclient.exceptions import DeadKernelError

    half = layout.executed / ".running" / f"{name}.ipynb"
    half.parent.mkdir(parents=True, exist_ok=True)
    kept = half.relative_to(layout.root) if half.is_relative_to(layout.root) else half
    # Through the environment, not as a parameter: an executed copy should name no path of this machine.
    if settings.data_dir is not None:
        os.environ[DATA_VARIABLE] = str(settings.data_dir)
    started = time.perf_counter()
    try:
        papermill.execute_notebook(
            str(layout.notebook(name)),
            str(half),
            parameters={"profile": settings.profile, "seed": settings.seed},
            cwd=str(layout.root / "notebooks"),
            progress_bar=False,
            extra_arguments=["--log-level=40"],  # the kernel's own remarks on its connection are for nobody here
            stderr_file=_Prefixed(f"  {name.partition('_')[0]} | "),  # progress, and warnings
        )
    except papermill.PapermillExecutionError as error:
        line = " ".join(str(error.evalue).split())
        if error.ename == "UserError":
            raise UserError(f"{name}: {line}") from None
        raise UserError(
            f"{name}: code cell {error.exec_count} failed with {error.ename}: {line}; the half-run copy is {kept}"
        ) from None
    except DeadKernelError:
        raise UserError(
            f"{name}: its kernel died, perhaps for lack of memory; try a smaller profile. The half-run copy is {kept}"
        ) from None
    except KeyboardInterrupt:
        print(f"{name}: stopped; what was made so far is kept, and the next run goes on from there", flush=True)
        raise
    seconds = time.perf_counter() - started
    if problems := gate.problems(half, name, settings):
        raise UserError(f"{name}: {'; '.join(problems)}; the copy is {kept}")
    finished = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    _keep(half, layout.copy(name), {"key": key, "seconds": round(seconds, 1), "finished": finished})
    return seconds


def _keep(half: Path, final: Path, facts: dict[str, Any]) -> None:
    """Stamp the executed copy, drop paths of this machine from its metadata, and put it into place."""
    notebook = json.loads(half.read_text(encoding="utf-8"))
    run = notebook["metadata"]["papermill"]
    run["input_path"] = run["output_path"] = final.name
    run.get("environment_variables", {}).clear()
    notebook["metadata"]["mixvocab"] = facts
    write_json(final, notebook)
    half.unlink()


class _Prefixed:
    """A text file that prints what is written to it, line by line, behind a prefix."""

    def __init__(self, prefix: str) -> None:
        self.prefix, self.pending = prefix, ""

    def write(self, text: str) -> int:
        *lines, self.pending = (self.pending + text).split("\n")
        for line in lines:
            print(self.prefix + line, flush=True)
        return len(text)

    def flush(self) -> None:
        """Lines are printed as they end."""
