"""What produced a result: commit, package versions, hardware. Never a path or the name of a machine."""

from __future__ import annotations

import os
import platform
import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = "torch transformers tokenizers accelerate numpy pytorch-optimizer scikit-learn onnxruntime".split()
ROOT = Path(__file__).resolve().parents[2]


@cache
def project_root() -> Path | None:
    """The checkout that this library is imported from, or None if it was installed by itself."""
    return ROOT if (ROOT / "_toc.yml").is_file() and (ROOT / "notebooks").is_dir() else None


def git_state() -> dict[str, Any]:
    """{"commit": hash or None, "dirty": whether tracked files differ from it, or None when unknown}."""
    try:
        commit = _git("rev-parse", "HEAD")
        dirty = bool(_git("status", "--porcelain", "--untracked-files=no"))
    except (OSError, subprocess.SubprocessError):
        return {"commit": None, "dirty": None}
    return {"commit": commit, "dirty": dirty}


def _git(*arguments: str) -> str:
    # Without the root, git would report on whatever repository an installed library happens to lie in.
    if project_root() is None:
        raise OSError("not a checkout")
    done = subprocess.run(
        ["git", "-C", str(ROOT), *arguments],
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
        stdin=subprocess.DEVNULL,
    )
    return done.stdout.strip()


@cache
def versions() -> dict[str, str]:
    """Versions of Python, of this library and of the packages that numbers depend on."""
    found = {"python": platform.python_version()}
    for package in ("mixvocab", *PACKAGES):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


@cache
def hardware() -> dict[str, Any]:
    """{"cpu", "cores", "memory_gb", "gpu", "system"}; `cores` are those this process may use."""
    return {
        "cpu": _cpu_name(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gb": _memory_gb(),
        "gpu": _gpu_name(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def hardware_line() -> str:
    """The hardware in a few words: "2 cores of an Intel Xeon, 16 GB"."""
    found = hardware()
    parts = [f"{found['cores']} cores of {found['cpu']}"]
    parts += [f"{found['memory_gb']} GB"] if found["memory_gb"] else []
    parts += [found["gpu"]] if found["gpu"] else []
    return ", ".join(parts)


def provenance() -> dict[str, Any]:
    """All of it, as records keep it."""
    return {"git": git_state(), "versions": versions(), "hardware": hardware()}


def _cpu_name() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _memory_gb() -> int | None:
    try:
        return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9)
    except (AttributeError, ValueError, OSError):
        return None


def _gpu_name() -> str | None:
    import torch  # here, because a status page should not pay for it

    return torch.cuda.get_device_name(0) if torch.cuda.is_available() else None
