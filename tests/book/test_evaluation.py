"""Tables of chapter 6: seeds grouped, twins paired by seed, live and recorded kept apart."""

from typing import Any

import pytest

from mixvocab_book.show import evaluation


def record(method: str, seed: int, f1: float, size: str = "L-6 H-96", profile: str = "laptop") -> dict[str, Any]:
    return {
        "chapter": "06_snips",
        "seed": seed,
        "profile": profile,
        "seconds": 60.0,
        "sources": [{"kind": "corpus", "name": "text"}, {"kind": "teacher", "name": "MiniLM"}],
        "params": {"method": method, "size": size},
        "metrics": {
            "test": {"slot_f1": f1, "intent_accuracy": 0.98},
            "parameters": 1_250_000,
            "bytes": 5_000_000,
            "stage_one_tokens": 10,
            "stage_two_tokens": 90,
        },
    }


def test_grouped_by_method_size_and_profile_in_a_fixed_order() -> None:
    found = evaluation.entries(
        [
            record("mixed", 1, 0.90),
            record("stackprop", 0, 0.93, ""),
            record("mixed", 0, 0.88),
            record("mixed", 0, 0.92, "L-6 H-256"),
            record("nokd", 0, 0.80),
            record("mixed", 0, 0.5, profile="smoke"),
        ]
    )
    assert [(e.method, e.size, e.profile, e.seeds) for e in found] == [
        ("nokd", "L-6 H-96", "laptop", (0,)),
        ("mixed", "L-6 H-96", "laptop", (0, 1)),
        ("mixed", "L-6 H-96", "smoke", (0,)),
        ("mixed", "L-6 H-256", "laptop", (0,)),
        ("stackprop", "", "laptop", (0,)),
    ]
    assert found[1].values("slot_f1") == pytest.approx([88.0, 90.0])
    assert found[1].title == "mixed-vocab from PCA L-6 H-96"
    assert found[4].title == "StackProp"
    assert found[1].minutes() == 1.0


def test_twins_are_compared_on_the_seeds_they_share() -> None:
    mixed, nokd = evaluation.entries(
        [record("mixed", s, f) for s, f in ((0, 0.90), (1, 0.91), (3, 0.10))]
        + [record("nokd", s, f) for s, f in ((0, 0.80), (1, 0.83), (2, 0.99))]
    )[::-1]
    gain = evaluation.difference(mixed, nokd, "slot_f1")
    assert gain.n == 2
    assert gain.mean == pytest.approx(9.0)


def test_only_students_of_the_same_settings_are_twins() -> None:
    found = evaluation.entries([record("mixed", 0, 0.9), record("nokd", 0, 0.8), record("nokd-wide", 0, 0.85)])
    assert [(a.method, b.method) for a, b in evaluation.twins(found)] == [("mixed", "nokd"), ("mixed", "nokd-wide")]
    longer = record("nokd", 0, 0.8)
    longer["params"] |= {"snips": {"epochs": 20, "methods": ["nokd"]}, "glue": {"epochs": 1}}
    shorter = record("mixed", 0, 0.8)
    shorter["params"] |= {"snips": {"epochs": 10, "methods": ["mixed"]}}
    assert not evaluation.twins(evaluation.entries([longer, shorter]))
    shorter["params"]["snips"]["epochs"] = 20
    assert len(evaluation.twins(evaluation.entries([longer, shorter]))) == 1
    assert not evaluation.twins(evaluation.entries([record("mixed", 0, 0.9), record("nokd", 0, 0.8, "L-6 H-256")]))


def test_the_entry_with_more_seeds_is_the_better_known() -> None:
    now = evaluation.entries([record("mixed", 0, 0.9), record("nokd", 0, 0.8)])
    before = evaluation.entries([record("mixed", s, 0.85) for s in range(3)] + [record("nokd", 7, 0.1)])
    known = {e.method: e for e in evaluation.best_known(now, before)}
    assert known["mixed"].seeds == (0, 1, 2)
    assert known["nokd"].values("slot_f1") == pytest.approx([80.0])


def test_the_student_of_most_tasks_is_the_better_known_and_no_other_stands_beside_it() -> None:
    def glue(task: str, f1: float, profile: str = "evening", steps: int = 100) -> dict[str, Any]:
        found = record("pca", 0, f1, profile=profile)
        found["params"] |= {"task": task, "stage_two": {"steps": steps, "batch_size": 1}, "mixing": {"length": 10}}
        return found

    of_tasks = [
        evaluation.entries(records)
        for records in (
            [glue("SST-2", 0.7, "laptop"), glue("SST-2", 0.8)],
            [glue("MRPC", 0.6)],
            [glue("SST-2", 0.9, steps=300), glue("MRPC", 0.9, "laptop", steps=900)],
        )
    ]
    now, before = [*of_tasks[0], *of_tasks[1]], of_tasks[2]
    known = evaluation.best_known(now, before)
    assert [(entry.profile, entry.read, *entry.values("slot_f1")) for entry in known] == [
        ("evening", 1000, 80.0),
        ("evening", 1000, 60.0),
    ]
    assert evaluation.best_known(of_tasks[0], before)[0].read == 9000  # of equals the one that has read most


def test_rows_beside_the_paper() -> None:
    found = evaluation.entries(
        [
            record("mixed", 0, 0.9),
            record("mixed", 0, 0.9, "L-2 H-32"),
            record("nokd", 0, 0.8),
            record("stackprop", 0, 0.93, ""),
            record("bert-joint", 0, 0.95, ""),
        ]
    )
    rows = {row.name: row for row in evaluation.ours(found)}
    assert {name: row.beside for name, row in rows.items()} == {
        "NoKD L-6 H-96": "",
        "Mixed-vocab from PCA L-6 H-96": "Mixed-vocab L-6 H-96",
        "Mixed-vocab from PCA L-2 H-32": "",
        "StackProp": "StackProp",
        "BERT-joint": "BERT-base",
    }
    assert rows["Mixed-vocab from PCA L-6 H-96"].scores["slot_f1"].mean == pytest.approx(90.0)
    assert (rows["Mixed-vocab from PCA L-6 H-96"].teacher, rows["NoKD L-6 H-96"].teacher) == ("MiniLM", "none")
    assert rows["BERT-joint"].tokens is None
    assert rows["Mixed-vocab from PCA L-6 H-96"].tokens == 100


def test_utterances_with_their_slots_in_brackets() -> None:
    words = "play a bit of jazz now".split()
    told = evaluation.bracketed(words, ["O", "B-size", "I-size", "O", "B-genre", "O"])
    assert told == "play [size: a bit] of [genre: jazz] now"
    assert evaluation.bracketed(words, ["O"] * 6) == "play a bit of jazz now"
