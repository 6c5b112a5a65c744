"""Whole-file writes: the new content or the old, never half."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from mixvocab.common.files import atomic_write, file_sha256, size_on_disk, write_json


def test_the_file_appears_with_its_folders(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "text.txt"
    with atomic_write(path) as file:
        file.write("naïve\n")
        assert not path.exists()
    assert path.read_bytes() == "naïve\n".encode()


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("old")

    def write() -> None:
        with atomic_write(path) as file:
            file.write("half of the new")
            raise RuntimeError("interrupted")

    with pytest.raises(RuntimeError, match="interrupted"):
        write()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_binary_content_is_kept_as_it_is(tmp_path: Path) -> None:
    content = bytes(range(256)) + b"\r\n"
    with atomic_write(tmp_path / "bytes", "wb") as file:
        file.write(content)
    assert (tmp_path / "bytes").read_bytes() == content


def test_others_may_read_the_result_as_any_file(tmp_path: Path) -> None:
    usual = tmp_path / "usual"
    usual.write_text("")
    with atomic_write(tmp_path / "ours") as file:
        file.write("x")
    assert (tmp_path / "ours").stat().st_mode == usual.stat().st_mode


def test_json_keeps_the_order_of_keys_and_plain_letters(tmp_path: Path) -> None:
    value = {"z": 1, "a": ["ü", None]}
    write_json(tmp_path / "value.json", value)
    text = (tmp_path / "value.json").read_text(encoding="utf-8")
    assert list(json.loads(text)) == ["z", "a"]
    assert json.loads(text) == value
    assert "ü" in text
    assert text.endswith("}\n")


def test_sha256_is_that_of_the_bytes_however_many(tmp_path: Path) -> None:
    content = b"0123456789abcdef" * (1 << 17)  # two of the blocks it reads at a time
    path = tmp_path / "large"
    path.write_bytes(content)
    assert file_sha256(path) == hashlib.sha256(content).hexdigest()


def test_bytes_of_files_and_folders(tmp_path) -> None:
    (tmp_path / "folder" / "deeper").mkdir(parents=True)
    (tmp_path / "folder" / "deeper" / "a").write_bytes(b"12345")
    (tmp_path / "b").write_bytes(b"123")
    assert size_on_disk(tmp_path / "folder", tmp_path / "b") == 8
