"""Records to test with: models fine-tuned on a task, students after stage II."""

from __future__ import annotations

from typing import Any

import pytest

from mixvocab_book.store import records

GUESS = {"masked": 6.5, "right": 0.052, "word": 8.1}


def record(
    method: str, seed: int, *, size: str = "L-6 H-96", profile: str = "evening", steps: int = 100, text: str = "a" * 64
) -> dict[str, Any]:
    """A record of a student of `steps` steps of 1,000 tokens, or of what is no student (`size` "")."""
    corpus = {"kind": "corpus", "name": "books", "sha256": text, "real": True}
    return {
        "name": f"runs/{method}",
        "seed": seed,
        "profile": profile,
        "live": False,
        "git": {"commit": "4b20d35e290f6d31e5e0", "dirty": False},
        "params": {
            "method": method,
            "size": size,
            "stage_two": {"steps": steps, "batch_size": 10},
            "mixing": {"length": 100},
        },
        "metrics": {"parameters": 1_214_592, "bytes": 5_000_000, "stage_one_tokens": 10, "stage_two_tokens": 90},
        "curves": {},
        "sources": [corpus, {"kind": "teacher", "name": "MiniLM", "sha256": "t", "real": True}],
    }


def scored(method: str, seed: int, task: str = "", bag: float = 0.8, **scores: float) -> dict[str, Any]:
    """A model fine-tuned on a task, with its test scores ("dev_accuracy" is "dev/accuracy" of GLUE)."""
    found = record(method, seed, size="" if method in ("stackprop", "bert-joint") else "L-6 H-96")
    test = {name.replace("_", "/", 1) if task else name: value for name, value in scores.items()}
    found["params"] |= {"task": task}
    found["metrics"] |= {
        "test": test,
        "baselines": {"majority": dict.fromkeys(test, 0.5), "bag_of_words": dict.fromkeys(test, bag)},
        "training_rows": 1000,
        "training_rows_available": 2000,
    }
    return found


def student(method: str, seed: int, masked: float, left: float | None = None, **more: Any) -> dict[str, Any]:
    """A student of 100 steps as chapter 4 records it; `left`: million tokens to the plateau's end."""
    found = record(method, seed, **more)
    found["metrics"] |= {
        "heldout": {"masked": masked, "right": 0.1, "loss": masked - 0.4, "kept": 1.0, "replaced": 8.0},
        "heldout_word_nats": masked + 1.5,
        "guess": GUESS,
        "left_plateau_tokens": left and left * 1e6,
        "spent": {"stage two": {"tokens_read": 100_000, "flops": 2e15}},
    }
    steps = (0, 50, 100)
    curve = [{"step": step, "tokens": step * 1000, "masked": masked + (100 - step) / 100} for step in steps]
    found["curves"] = {"stage_two": curve}
    return found


def commit(monkeypatch: pytest.MonkeyPatch, **places: list[dict[str, Any]]) -> None:
    """Let these be the committed records, by place: glue_sst2 is "glue/sst-2"."""
    by_place = {place.replace("_", "/").replace("sst2", "sst-2"): found for place, found in places.items()}
    monkeypatch.setattr(records, "committed", lambda place: by_place.get(place, []))
