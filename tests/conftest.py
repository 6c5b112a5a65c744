"""What several tests share: no network, a cache of their own, a tiny teacher, the reader's data if there is any."""

from __future__ import annotations

import os
import string
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

# Before any library reads them: tests never reach for the network and never open a window.
os.environ.update(
    HF_HUB_OFFLINE="1",
    OMP_NUM_THREADS="1",  # tests run side by side
    HF_HUB_DISABLE_TELEMETRY="1",
    TOKENIZERS_PARALLELISM="false",
    MPLBACKEND="Agg",
)

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as properties

if TYPE_CHECKING:
    from mixvocab.pipeline import Plan

# The same examples on every machine, however busy it is: a test of a property passes everywhere or nowhere.
properties.register_profile("house", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
properties.load_profile("house")

pytest_plugins = ["visiting", "overlapping"]

WORDS = (
    "the of and in a to was is for as on with by he that at from his it an were which are this be or has "
    "had first one their its new after but who not they have her she two been other when there all time "
    "cat dog house machine learning small model word teacher student train read book city river night"
).split()
ENDINGS = "s ing ed er ly est ness able".split()


@pytest.fixture(autouse=True)
def private_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the cache of whoever runs the tests."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:  # one for all workers: what one has built the others find
        folder = folder.parent
    monkeypatch.setenv("MIXVOCAB_CACHE", str(folder / "cache"))


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache for one test alone."""
    folder = tmp_path / "cache"
    folder.mkdir()
    monkeypatch.setenv("MIXVOCAB_CACHE", str(folder))
    return folder


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The reader's data folder, from MIXVOCAB_DATA."""
    if not (name := os.environ.get("MIXVOCAB_DATA")):
        pytest.skip("needs real data: set MIXVOCAB_DATA to a data folder")
    if not (folder := Path(name)).is_dir():
        pytest.fail(f"MIXVOCAB_DATA names {name}, which is no folder")
    return folder


@pytest.fixture(scope="session")
def tiny_pieces() -> list[str]:
    """About 180 word pieces: BERT's specials, ASCII characters at both places, some words and endings."""
    characters = string.ascii_lowercase + string.digits
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *string.punctuation, *characters]
    pieces += [f"##{character}" for character in characters]
    pieces += [word for word in WORDS if len(word) > 1] + [f"##{end}" for end in ENDINGS if len(end) > 1]
    return pieces


@pytest.fixture(scope="session")
def tiny_teacher(tiny_pieces: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a BERT of two layers and 32 units, random but always the same, and its tokenizer."""
    import torch
    from transformers import BertConfig, BertForMaskedLM, BertTokenizer

    config = BertConfig(
        vocab_size=len(tiny_pieces),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=128,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2021)
        model = BertForMaskedLM(config).eval()
    folder = tmp_path_factory.mktemp("teacher") / "tiny-bert"
    model.save_pretrained(folder)
    BertTokenizer(vocab={piece: i for i, piece in enumerate(tiny_pieces)}).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(tiny_pieces) + "\n", encoding="utf-8")
    return folder


@pytest.fixture
def tiny_settings() -> dict[str, Any]:
    """Overrides that make the profile `smoke` fit `tiny_corpus` and `tiny_teacher`: both stages in a second."""
    return {
        "corpus.megabytes": 1.0,
        "corpus.heldout": 0.2,
        "vocabulary.size": 300,
        "student.layers": 1,
        "student.hidden": 16,
        "student.heads": 2,
        "mixing.length": 16,
        "stage_one.steps": 2,
        "stage_one.batch_size": 4,
        "stage_two.steps": 3,
        "stage_two.batch_size": 4,
    }


@pytest.fixture
def tiny_corpus(tmp_path: Path) -> Path:
    """A data directory with 200 documents of a sentence each."""
    words = "the cat sat on a mat while dogs were running around every old house in town".split()
    lines = [" ".join(words[(i * k) % len(words)] for k in range(1, 12)) + f" number {i} ." for i in range(200)]
    folder = tmp_path / "data"
    (folder / "corpus").mkdir(parents=True)
    (folder / "corpus" / "text.txt").write_text("\n\n".join(lines), encoding="utf-8")
    return folder


@pytest.fixture
def planned(tiny_corpus: Path, tiny_teacher: Path, tiny_settings: dict[str, Any]) -> Callable[..., Plan]:
    """Plans on the tiny world with some settings changed."""
    from mixvocab.pipeline import Plan
    from mixvocab.settings.profiles import load_profile

    settings = tiny_settings | {"corpus.source": str(tiny_corpus), "teacher.source": str(tiny_teacher)}
    return lambda **more: Plan(load_profile("smoke", **settings | more))
