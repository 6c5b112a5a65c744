"""What produced a result: commit, package versions, hardware. Never a path or the name of a machine."""

from __future__ import annotations

import os
import platform
import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

BANNER = "application/vnd.mixvocab.banner+json"
"""MIME type under which an executed notebook carries what produced it, beside the banner's HTML."""
PACKAGES = "torch transformers tokenizers accelerate numpy pytorch-optimizer scikit-learn onnxruntime".split()
ROOT = Path(__file__).resolve().parents[2]


@cache
def project_root() -> Path | None:
    """The checkout that this library is imported from, or None if it was installed by itself."""
    return ROOT if (ROOT / "_toc.yml").is_file() and (ROOT / "notebooks").is_dir() else None


def git_state() -> dict[str, Any]:
    """{"commit": hash or None, "dirty": whether tracked files differ from it, or None when unknown}."""
    if project_root() is None:  # git would report on whatever repository an installed library happens to lie in
        return {"commit": None, "dirty": None}
    command = ["git", "-C", str(ROOT), "status", "--porcelain=v2", "--branch", "--untracked-files=no"]
    try:
        status = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout.splitlines()
    except (OSError, subprocess.SubprocessError):
        return {"commit": None, "dirty": None}
    changed = [line for line in status if not line.startswith("#")]
    return {"commit": status[0].removeprefix("# branch.oid "), "dirty": bool(changed)}


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
    import torch  # here, because a status page should not pay for it

    return {
        "cpu": _cpu_name(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9),
        "gpu": torch.cuda.get_device_name(0) if torch.cuda.is_available() else None,
        "system": f"{platform.system()} {platform.machine()}",
    }


def hardware_line() -> str:
    """Such as "2 cores of an Intel Xeon, 16 GB"."""
    known = hardware()
    gpu = f", {known['gpu']}" if known["gpu"] else ""
    return f"{known['cores']} cores of {known['cpu']}, {known['memory_gb']} GB{gpu}"


def provenance() -> dict[str, Any]:
    """All of it, as records keep it."""
    return {"git": git_state(), "versions": versions(), "hardware": hardware()}


def _cpu_name() -> str:
    cpuinfo = Path("/proc/cpuinfo")  # of Linux, where `platform` names the architecture alone
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
