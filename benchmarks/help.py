"""Seconds until a command answers `--help`: ours beside Hugging Face's and a bare Python, in turns.

python benchmarks/help.py [--rounds 15]
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from common import options, write

BIN = Path(sys.executable).parent
COMMANDS = {
    "mixvocab --help": [str(BIN / "mixvocab"), "--help"],
    "mixbook --help": [str(BIN / "mixbook"), "--help"],
    "hf --help": [str(BIN / "hf"), "--help"],
    "python -c pass": [sys.executable, "-c", "pass"],
}


def main() -> None:
    rounds = options(__doc__, rounds=15).rounds
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for turn in range(-1, rounds):  # the first turn fills the disk's cache
        for name, command in COMMANDS.items():
            started = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            if turn >= 0:
                seconds[name].append(time.perf_counter() - started)
    medians = {name: round(float(np.median(values)), 3) for name, values in seconds.items()}
    for name, median in medians.items():
        print(f"{name:18}{median:7.3f} s")
    write(__file__, what="seconds by wall clock, medians", rounds=rounds, seconds=medians)


if __name__ == "__main__":
    main()
