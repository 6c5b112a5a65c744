"""Whatever is killed at whatever moment goes on when it is called again, and ends as if nothing had happened.

`make test` kills ten times, `make faults` a hundred times: MIXVOCAB_KILLS is how often.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import time
from collections.abc import Callable, Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest
from killing import SERVER, run

KILLS = int(os.environ.get("MIXVOCAB_KILLS", "10"))
CLOCK = {"seconds", "created", "tokens_a_second", "manifest"}  # names of what two runs need not share

Job = Callable[[Path], BaseProcess]


@pytest.fixture
def jobs(tiny_corpus: Path, tiny_teacher: Path, tiny_settings: dict[str, Any]) -> dict[str, Job]:
    """What is killed, by name: each starts it, with all that it writes below a folder."""
    settings = tiny_settings | {"stage_two.steps": 40}
    sizes = [part for name, value in settings.items() for part in ("--set", f"{name}={value}")]
    source = ["--teacher", str(tiny_teacher), "--text", str(tiny_corpus / "corpus")]
    distil = ["distill", "--profile", "smoke", *source, *sizes]
    tune = ["finetune", str(tiny_teacher), "--task", "snips", "--data", "embedded", "--profile", "smoke"]
    small = [*sizes, "--set", f"teacher.source={tiny_teacher}", "--data-dir", str(tiny_corpus)]
    sweep = ["sweep", "reduced", "--profile", "smoke", *small]
    chapter = ["run", "--only", "2", "--profile", "smoke"]

    def started(program: str, arguments: list[str]) -> Job:
        def start(folder: Path) -> BaseProcess:
            folder.mkdir(exist_ok=True)
            out = ["--out", f"{folder}/out"] if program == "mixvocab" else []
            pages = ["--output", f"{folder}/html"] if arguments[0] == "run" else []
            own = {"MIXVOCAB_CACHE": f"{folder}/cache", "MIXVOCAB_DATA": ""}
            process = SERVER.Process(target=run, args=(program, arguments + out + pages, own, folder / "log.txt"))
            process.start()
            return process

        return start

    return {
        "distil": started("mixvocab", distil),
        "fine-tune": started("mixvocab", [*tune, "--rows", "300"]),
        "sweep": started("mixbook", sweep),
        "chapter": started("mixbook", chapter),
    }


def without_clock(value: Any) -> Any:
    """JSON without what the clock wrote."""
    if isinstance(value, dict):
        return {name: without_clock(part) for name, part in value.items() if name not in CLOCK}
    return [without_clock(part) for part in value] if isinstance(value, list) else value


def left(folder: Path) -> Iterator[tuple[str, str]]:
    """Every result below the folder with a digest: of bytes, or of JSON without the clock. Pages show times."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        passing = path.stem in CLOCK or path.suffix == ".lock" or name.startswith(("html", "log"))
        if path.is_file() and not passing and not path.name.startswith("."):  # a draft may stay, which nobody reads
            content = path.read_bytes()
            if path.suffix == ".json":
                content = json.dumps(without_clock(json.loads(content))).encode()
            yield name, hashlib.sha256(content).hexdigest()


SHARES = {"distil": 0.5, "fine-tune": 0.3, "sweep": 0.2}
if KILLS > 10:  # a kernel takes long to start
    SHARES["chapter"] = 0.1


@pytest.mark.parametrize(("job", "share"), SHARES.items())
def test_killed_at_random_it_ends_as_undisturbed(job: str, share: float, jobs: dict[str, Job], tmp_path: Path) -> None:
    start, whole, broken = jobs[job], tmp_path / "whole", tmp_path / "broken"
    began = time.monotonic()
    undisturbed = start(whole)
    undisturbed.join()
    assert undisturbed.exitcode == 0, (whole / "log.txt").read_text()
    seconds, draw = time.monotonic() - began, random.Random(job)
    for _ in range(round(share * KILLS)):
        process = start(broken)
        process.join(draw.uniform(0, seconds))
        process.kill()
        process.join()
        published = (broken / "out" / "config.json").exists() and not (broken / "out/.work/settings.json").exists()
        if process.exitcode == 0 or published:  # it had ended: once more from the start
            broken = broken.with_name(f"{broken.name}-again")
    last = start(broken)
    last.join()
    assert last.exitcode == 0, (broken / "log.txt").read_text()
    assert dict(left(broken)) == dict(left(whole))
