"""Turn requirements.in into requirements.lock and environment.yml (`make lock`).

The lock holds exact versions for every platform, each with the hashes of its files. Two exceptions:
torch has no hash, because its CPU and CUDA builds are different files under one version, and the
CUDA libraries that the registry's Linux build of torch asks for are not in it (see tools/install.py).
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
# The teacher's package asks for it to offer a class of its own; we read the package's files directly.
UNUSED = "sentence-transformers"
CUDA = re.compile(r"(nvidia-|cuda-|triton\b)")

LOCK_HEADER = """\
# Made from requirements.in by `make lock`; do not edit.
# Exact versions for Linux, macOS and Windows with Python >= 3.11. Hashes for all but torch, whose CPU and
# CUDA builds differ: `make` installs torch in a step of its own and everything else with --require-hashes.
"""

ENVIRONMENT_HEADER = """\
# The locked set for conda and mamba users. Made from requirements.in by `make lock`; do not edit.
#
#     conda env create -f environment.yml && conda activate mixvocab
#     make setup VENV="$CONDA_PREFIX"     # checks every hash, installs the project and the kernel
#
# conda brings Python, make and pip; the packages themselves come through pip at the lock's versions.
# On Linux the plain torch brings CUDA libraries of some gigabytes. Without an NVIDIA card, either put the
# address of PyTorch's CPU index into PIP_EXTRA_INDEX_URL before the first command (pip then prefers the CPU
# build of the same version), or make a bare environment (conda create -n mixvocab python=3.11 make) and let
# the `make setup` line install everything.
name: mixvocab
channels:
  - conda-forge
dependencies:
  - python=3.11
  - make
  - pip
  - pip:
"""


def compile_lock(upgrade: bool) -> str:
    """Resolve requirements.in for all platforms; versions already in the lock stay unless `upgrade`."""
    command = [sys.executable, "-m", "uv", "pip", "compile", "requirements.in", "--quiet", "--universal"]
    command += ["--python-version", "3.11", "--generate-hashes", "--no-header", "--no-annotate"]
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, "requirements.lock")
        if not upgrade and LOCK.exists():
            shutil.copy(LOCK, output)  # the resolver prefers the versions of the file it is about to replace
        subprocess.run([*command, "--output-file", str(output)], cwd=ROOT, check=True)
        return output.read_text(encoding="utf-8")


def split_blocks(text: str) -> dict[str, str]:
    """One block a package: its `name==version ; marker` line and the hash lines under it."""
    blocks = re.split(r"\n(?=[a-z0-9])", text.strip())
    # Two versions of one package, told apart by marker, are two blocks: hence the whole first line as key.
    return {block.split(" \\", 1)[0]: block for block in blocks}


def main() -> None:
    blocks = split_blocks(compile_lock(upgrade="--upgrade" in sys.argv))
    blocks = {line: block for line, block in blocks.items() if not CUDA.match(line)}
    locked = [
        line if line.startswith("torch==") else block
        for line, block in blocks.items()
        if not line.startswith(f"{UNUSED}==")
    ]
    LOCK.write_text(LOCK_HEADER + "\n".join(locked) + "\n", encoding="utf-8")
    items = []
    for line in blocks:
        note = "  # pip insists on it; the book does not use it" if line.startswith(UNUSED) else ""
        items.append(f'      - "{line}"{note}\n' if ";" in line else f"      - {line}{note}\n")
    (ROOT / "environment.yml").write_text(ENVIRONMENT_HEADER + "".join(items), encoding="utf-8")
    print(f"requirements.lock: {len(locked)} packages")


if __name__ == "__main__":
    main()
