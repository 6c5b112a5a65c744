"""Whole-file writes: the new content or the old, never half; output folders fill at once and theirs are not touched."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from mixvocab.common.errors import UserError, need
from mixvocab.common.files import atomic_write, claim, file_sha256, publish, write_json


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "new" / "text.txt"
    with atomic_write(path) as file:
        file.write("naïve\n")
        assert not path.exists()
    with pytest.raises(ZeroDivisionError), atomic_write(path) as file:
        file.write(f"half of the new, {1 // 0}")
    assert path.read_bytes() == "naïve\n".encode()
    assert list(path.parent.iterdir()) == [path]


def test_binary_content_is_kept_as_it_is_and_others_may_read_it(tmp_path: Path) -> None:
    content = b"0123456789abcdef\r\n" * (1 << 16)
    (tmp_path / "usual").write_text("")
    with atomic_write(tmp_path / "bytes", "wb") as file:
        file.write(content)
    assert (tmp_path / "bytes").read_bytes() == content
    assert (tmp_path / "bytes").stat().st_mode == (tmp_path / "usual").stat().st_mode
    assert file_sha256(tmp_path / "bytes") == hashlib.sha256(content).hexdigest()


def test_json_keeps_the_order_of_keys_and_plain_letters(tmp_path: Path) -> None:
    value = {"z": 1, "a": ["ü", None]}
    write_json(tmp_path / "value.json", value)
    text = (tmp_path / "value.json").read_text(encoding="utf-8")
    assert list(json.loads(text).items()) == list(value.items())
    assert "ü" in text
    assert text.endswith("}\n")


def test_results_appear_when_all_is_done(tmp_path: Path) -> None:
    out = tmp_path / "out"
    work = claim(out, {"seed": 1, "names": ("a",)})
    (work / "model").mkdir()
    (work / "model" / "weights").write_text("w")
    with pytest.raises(UserError, match="unfinished run with other settings"):
        claim(out, {"seed": 2, "names": ("a",)})
    assert claim(out, {"seed": 1, "names": ("a",)}) == work, "the same run goes on"
    assert [path.name for path in out.iterdir()] == [work.name]
    publish(work / "model", out)
    assert [path.name for path in out.iterdir()] == ["weights"]


def test_what_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UserError, match="not empty"):
        claim(tmp_path, {})
    with pytest.raises(UserError, match="is a file"):
        claim(tmp_path / "file", {})
    assert (tmp_path / "file").read_text() == "mine"


def test_a_missing_package_is_named_with_the_extra_that_has_it() -> None:
    need("tasks", "sklearn", "seqeval")
    with pytest.raises(UserError, match=r"needs no_such_package: pip install 'mixvocab\[export\]'"):
        need("export", "onnx", "no_such_package")
