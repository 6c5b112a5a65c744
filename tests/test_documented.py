"""What README and the page on your own BERT show is what works: their examples are run as shown, at tiny sizes."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from huggingface_hub import CommitOperationAdd, HfApi, ModelCard, repocard
from transformers import AutoModelForMaskedLM, AutoTokenizer

from mixvocab.cli import main

ROOT = Path(__file__).resolve().parents[1]
SMALL = {"student.layers": 1, "student.hidden": 16, "student.heads": 2, "mixing.length": 16, "stage_two.steps": 20}
SIZES = {
    "distill": ["--profile", "smoke", *(f"--set={name}={value}" for name, value in SMALL.items())],
    "finetune": ["--profile", "smoke"],
}
WORDS = "play read book find some the a my jazz story table house city river night cat dog on in at by for".split()


def blocks(kind: str, name: str) -> list[str]:
    """The blocks of code of one language in a file."""
    return re.findall(rf"```{kind}\n(.*?)```", (ROOT / name).read_text(encoding="utf-8"), re.DOTALL)


def commands(block: str) -> list[list[str]]:
    """The commands of a block, without what is said beside them."""
    lines = (shlex.split(line, comments=True) for line in block.splitlines())
    return [line for line in lines if line[:1] == ["mixvocab"]]


def run(arguments: list[str], folder: Path) -> str:
    """What a program prints in the folder, where nothing but this checkout is known."""
    environment = os.environ | {"MIXVOCAB_DATA": "", "PYTHONPATH": str(ROOT), "MIXVOCAB_CACHE": str(folder / "cache")}
    done = subprocess.run(arguments, cwd=folder, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, f"{arguments}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def tried(command: list[str], folder: Path) -> str:
    """What a documented command prints, with sizes that fit the tiny world; here, where much is imported."""
    small = ["300" if part == "5000" else part for part in command[1:]]
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(StringIO()) as said:
        patch.chdir(folder)
        patch.setenv("MIXVOCAB_DATA", "")
        patch.setenv("MIXVOCAB_CACHE", str(folder / "cache"))
        with pytest.raises(SystemExit) as ended:
            main([*small, *SIZES.get(small[0], [])])
    assert not ended.value.code, command
    return said.getvalue()


@pytest.fixture(scope="module")
def folder(tiny_teacher: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A reader's folder: my_text.txt, my_bert, my_commands."""
    folder = tmp_path_factory.mktemp("reader")
    lines = [" ".join(f"{WORDS[(i * k) % len(WORDS)]}{'s' * (i % k == 2)}" for k in range(1, 9)) for i in range(300)]
    (folder / "my_text.txt").write_text("\n\n".join(f"{line} {i:o} {i * i:x}" for i, line in enumerate(lines)))
    shutil.copytree(tiny_teacher, folder / "my_bert")
    for split in ("train", "valid", "test"):
        place = folder / "my_commands" / split
        place.mkdir(parents=True)
        (place / "seq.in").write_text("play some jazz\nread the story book\n" * 40)
        (place / "seq.out").write_text("O O B-music\nO O B-object I-object\n" * 40)
        (place / "label").write_text("Play\nRead\n" * 40)
    return folder


@pytest.fixture(scope="module")
def made(folder: Path) -> list[str]:
    """What README's five verbs print, one after the other."""
    shown = [command for block in blocks("sh", "README.md") for command in commands(block)]
    assert [command[1] for command in shown] == ["vocab", "distill", "finetune", "export", "predict", "bench"]
    return [tried(command, folder) for command in shown]


def test_readmes_commands_make_an_app_that_answers(made: list[str], folder: Path) -> None:
    assert "play some jazz on spotify" in made[4]
    assert all((folder / name / "README.md").is_file() for name in ("my_student", "my_model"))
    assert "| teacher | my_bert |" in (folder / "my_student" / "README.md").read_text()


@pytest.mark.parametrize("loads", [("transformers",), ("onnxruntime", "tokenizers")])
def test_what_was_made_loads_without_this_library(loads: tuple[str, ...], made: list[str], folder: Path) -> None:
    code, *_ = (block for block in blocks("python", "book/your-own-bert.md") if all(name in block for name in loads))
    alone = "import sys\nsys.modules['mixvocab'] = None\n"
    if "onnxruntime" in loads:
        alone += "sys.modules['torch'] = sys.modules['transformers'] = None\n"
    assert run([sys.executable, "-c", alone + code], folder).strip()


def test_a_student_is_pushed_to_a_hub_with_its_card(
    made: list[str], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    student, pushed = folder / "my_student", {}

    def commit(api: HfApi, repo_id: str, operations: list[CommitOperationAdd], **_: Any) -> SimpleNamespace:
        for operation in operations:
            with operation.as_file() as file:
                pushed[operation.path_in_repo] = file.read()
        return SimpleNamespace(commit_url="", pr_url=None, oid="")

    def download(*_: Any, **__: Any) -> str:
        (tmp_path / "README.md").write_bytes(pushed["README.md"])
        return str(tmp_path / "README.md")

    monkeypatch.setattr(HfApi, "create_repo", lambda api, repo_id, **_: SimpleNamespace(repo_id=repo_id))
    monkeypatch.setattr(HfApi, "create_commit", commit)
    monkeypatch.setattr(repocard, "hf_hub_download", download)
    monkeypatch.setattr(ModelCard, "validate", lambda card, **_: None)  # asks the hub
    (code,) = (block for block in blocks("python", "book/your-own-bert.md") if "push_to_hub" in block)
    monkeypatch.chdir(folder)
    exec(compile(code, "your-own-bert.md", "exec"), {})
    card = ModelCard.load(student / "README.md")
    assert "| teacher | my_bert |" in card.text == ModelCard(pushed["README.md"].decode()).text
    for name, content in pushed.items():
        (tmp_path / name).write_bytes(content)
    model, tokenizer = AutoModelForMaskedLM.from_pretrained(tmp_path), AutoTokenizer.from_pretrained(tmp_path)
    assert model.config.vocab_size == len(tokenizer) == 300
    weights = AutoModelForMaskedLM.from_pretrained(student).state_dict()
    assert all(torch.equal(weights[name], tensor) for name, tensor in model.state_dict().items())
    said = card.data.to_dict()
    assert (said["library_name"], said["license"], said["license_name"]) == (
        "transformers",
        "other",
        "as-of-its-sources",
    )


def test_the_pages_commands(made: list[str], folder: Path) -> None:
    five, *others = blocks("sh", "book/your-own-bert.md")
    readme = [command for block in blocks("sh", "README.md") for command in commands(block)]
    assert [command[1] for command in commands(five)] == [command[1] for command in readme[:5]]
    for command in (command for block in others for command in commands(block)):
        tried(command, folder)


def test_text_read_by_many(folder: Path) -> None:
    pytest.importorskip("datatrove")
    (folder / "my_texts").mkdir()
    shutil.copy(folder / "my_text.txt", folder / "my_texts" / "a.txt")
    (code,) = (block for block in blocks("python", "book/your-own-bert.md") if "datatrove" in block)
    said = run([sys.executable, "-c", code.replace("5000", "300")], folder).splitlines()
    assert int(said[-1]) > 300
    assert len((folder / "my_vocabulary_of_all" / "vocab.txt").read_text().splitlines()) == 300


def test_the_verbs_from_python(made: list[str], folder: Path, tmp_path: Path) -> None:
    for name in ("my_text.txt", "my_bert", "my_commands"):
        (tmp_path / name).symlink_to(folder / name)
    (code,) = (block for block in blocks("python", "book/your-own-bert.md") if "verbs.distill" in block)
    code = code.replace("size=5000", "size=300").replace('settings={"epochs"', 'profile="smoke", settings={"epochs"')
    code = code.replace('settings={"student.hidden": 96}', f'profile="smoke", settings={SMALL}')
    said = run([sys.executable, "-c", code], tmp_path).splitlines()
    assert len(said) == 3
    assert 0 <= float(said[0]) <= 1
