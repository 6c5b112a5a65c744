"""Make the virtual environment hold what requirements.lock says (`make setup`).

The environment's own pip brings uv, and uv brings the rest: the locked packages with their hashes
checked, torch by exact version, and the project itself as an editable install. A stamp written last says what
was installed; a second call with nothing changed ends at once, and an interrupted one is taken up again.
Only the standard library is used here, since nothing else is installed yet.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import os
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
# pip's settings under the names by which uv reads them.
SETTINGS = {
    "find-links": "UV_FIND_LINKS",
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "trusted-host": "UV_INSECURE_HOST",
    "default-timeout": "UV_HTTP_TIMEOUT",
    "timeout": "UV_HTTP_TIMEOUT",
    "cert": "SSL_CERT_FILE",
    "client-cert": "SSL_CLIENT_CERT",
    "proxy": "ALL_PROXY",
}
KERNEL_ENVIRONMENT = {
    "OMP_WAIT_POLICY": "passive",
    "TOKENIZERS_PARALLELISM": "false",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}


def parse_pip_settings(listing: str) -> dict[str, str]:
    """Settings by name from the lines of `pip config list`; the environment wins over configuration files."""
    settings = {}
    for section in ("global.", "install.", ":env:."):
        for line in (line for line in listing.splitlines() if line.startswith(section)):
            key, _, value = line.removeprefix(section).partition("=")
            settings[key] = str(ast.literal_eval(value))
    return settings


def uv_environment(settings: dict[str, str], torch_index: str) -> dict[str, str]:
    """Environment variables that make uv look where pip would; the reader's own UV_* settings stay."""
    found = {SETTINGS[key]: value for key, value in settings.items() if key in SETTINGS}
    found["UV_FIND_LINKS"] = ",".join(found.get("UV_FIND_LINKS", "").split())
    found["UV_INDEX"] = " ".join([torch_index, *found.get("UV_INDEX", "").split()]).strip()
    # pip takes the best file of all indexes. That is safe here: versions are exact and hashes are checked.
    found["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    return {key: value for key, value in found.items() if value and key not in os.environ}


def split_lock(text: str) -> tuple[str, str, str]:
    """(uv's lines, the torch requirement, everything else) of the lock's text."""
    blocks = [block for block in re.split(r"\n(?=\S)", text.strip()) if not block.startswith("#")]
    uv = next(block for block in blocks if block.startswith("uv=="))
    torch = next(block for block in blocks if block.startswith("torch=="))
    return uv, torch, "\n".join(block for block in blocks if block != torch) + "\n"


class Installer:
    """One environment folder and the commands that fill it."""

    def __init__(self, venv: Path, torch_index: str) -> None:
        self.venv, self.torch_index = venv, torch_index
        self.python = str(venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))
        self.flags: list[str] = []

    def run(self, *command: str, quiet: bool = False) -> subprocess.CompletedProcess[str]:
        """Run a module of the environment's Python; `quiet` captures the output instead of showing it."""
        pipe = subprocess.PIPE if quiet else None
        return subprocess.run([self.python, "-m", *command], stdout=pipe, stderr=pipe, text=True, cwd=ROOT)

    def bootstrap(self, uv_lines: str) -> None:
        """Have pip and the locked uv in the environment, and pip's settings in uv's environment."""
        if self.run("pip", "--version", quiet=True).returncode:
            require(self.run("ensurepip", "--upgrade", quiet=True), "this Python has no pip")
        settings = parse_pip_settings(self.run("pip", "config", "list", quiet=True).stdout)
        self.flags = ["--no-index"] if settings.get("no-index", "").lower() in {"1", "true", "yes"} else []
        os.environ.update(uv_environment(settings, self.torch_index))
        done = self.run("pip", "install", "-qq", "--no-deps", "--require-hashes", "-r", self.listed(uv_lines))
        require(done, "pip could not install uv; is a package registry reachable?")

    def listed(self, lines: str) -> str:
        """A file in the environment that holds these requirements, and their hashes."""
        path = self.venv / "wanted.txt"
        path.write_text(lines, encoding="utf-8")
        return str(path)

    def install(self, *arguments: str, quiet: bool = False) -> subprocess.CompletedProcess[str]:
        command = ["uv", "pip", "install", "--quiet", "--python", self.python, *self.flags, *arguments]
        return self.run(*command, quiet=quiet)

    def install_locked(self, rest: str) -> None:
        done = self.install("--no-deps", "--require-hashes", "-r", self.listed(rest))
        require(done, "the locked packages could not be installed")

    def install_torch(self, torch: str, build: str) -> None:
        """torch in the build asked for ("cpu", "cu130", ...), from wherever it can be had.

        Tried in turn: that build from the places pip knows (and TORCH_INDEX); from PyTorch's own index,
        whose address uv knows; the registry's build of the same version. Elsewhere than on Linux only the last.
        """
        deps = ["--no-deps"] if build == "cpu" else []
        if sys.platform == "linux":
            exact = f"{torch}+{build}"
            if self.install(*deps, exact, quiet=True).returncode == 0:
                return
            if self.install(*deps, "--torch-backend", build, exact, quiet=True).returncode == 0:
                return
            print(f"torch: no {build} build within reach; taking the package registry's build", flush=True)
            # An installed build of the same version would pass for the one wanted.
            deps += ["--reinstall-package", "torch"]
        require(self.install(*deps, torch), "torch could not be installed")
        # The registry's Linux build wants CUDA libraries even where there is no GPU.
        if subprocess.run([self.python, "-c", "import torch"], stderr=subprocess.DEVNULL).returncode:
            require(self.install(torch), "torch's own dependencies could not be installed")

    def install_project(self) -> None:
        done = self.install("--no-deps", "--no-build-isolation", "--editable", ".")
        require(done, "the project itself could not be installed")
        pairs = [word for key, value in KERNEL_ENVIRONMENT.items() for word in ("--env", key, value)]
        command = ["ipykernel", "install", "--prefix", str(self.venv), "--name", "python3", *pairs]
        require(self.run(*command, quiet=True), "the notebook kernel could not be registered")


def require(done: subprocess.CompletedProcess[str], problem: str) -> None:
    """End with one line if a command failed, after whatever it said itself."""
    if done.returncode:
        if done.stderr:
            print(done.stderr.strip(), file=sys.stderr)
        sys.exit(f"set-up: {problem}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--venv", type=Path, default=ROOT / ".venv", help="folder of the environment")
    parser.add_argument("--torch", default="cpu", help="torch build: cpu, cu130, ...")
    parser.add_argument("--torch-index", default="", help="package index to look for torch in first")
    options = parser.parse_args()
    started = time.monotonic()
    venv = Path(os.path.abspath(options.venv))

    parts = [LOCK.read_bytes(), (ROOT / "pyproject.toml").read_bytes(), Path(__file__).read_bytes()]
    parts += [repr((str(ROOT), str(venv), sys.version, options.torch, options.torch_index)).encode()]
    state = hashlib.sha256(b"\0".join(parts)).hexdigest()
    stamp = venv / "installed.sha256"
    installer = Installer(venv, options.torch_index)
    if stamp.exists() and stamp.read_text() == state and Path(installer.python).exists():
        return

    stamp.unlink(missing_ok=True)
    print(f"set-up: installing the locked packages into {options.venv}, a minute or more", flush=True)
    if not Path(installer.python).exists():
        made = subprocess.run([sys.executable, "-m", "venv", str(venv)], stdout=subprocess.PIPE, text=True)
        require(made, "python could not make a virtual environment (Debian keeps it in package python3-venv)")
    uv_lines, torch, rest = split_lock(LOCK.read_text(encoding="utf-8"))
    installer.bootstrap(uv_lines)
    installer.install_locked(rest)
    installer.install_torch(torch, options.torch)
    installer.install_project()
    stamp.write_text(state)
    print(f"set-up: done in {time.monotonic() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main()
