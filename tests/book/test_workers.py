"""A launcher's process: its number, and an environment in which it works alone on a GPU of its own."""

import os

import pytest

from mixvocab_book.sweep.workers import Worker, take_part

LAUNCHED = {
    "RANK": "3",
    "LOCAL_RANK": "1",
    "WORLD_SIZE": "4",
    "LOCAL_WORLD_SIZE": "2",
    "GROUP_RANK": "1",
    "ROLE_RANK": "3",
    "MASTER_ADDR": "127.0.0.1",
    "MASTER_PORT": "29500",
    "TORCHELASTIC_RUN_ID": "none",
}


def test_a_process_of_its_own_needs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in LAUNCHED:
        monkeypatch.delenv(name, raising=False)
    before = dict(os.environ)
    worker = take_part()
    assert (worker, worker.is_main, str(worker)) == (Worker(0, 1), True, "")
    assert dict(os.environ) == before


@pytest.mark.parametrize(("visible", "expected"), [("4,5,6", "5"), ("7", "7")])
def test_a_launched_process_sees_one_gpu_and_no_launcher(
    monkeypatch: pytest.MonkeyPatch, visible: str, expected: str
) -> None:
    for name, value in (LAUNCHED | {"CUDA_VISIBLE_DEVICES": visible}).items():
        monkeypatch.setenv(name, value)
    worker = take_part()
    assert (worker.rank, worker.count, worker.is_main) == (3, 4, False)
    assert str(worker) == ", process 4 of 4"
    assert not set(LAUNCHED) & set(os.environ)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == expected
    assert take_part() == Worker(0, 1)


def test_accelerate_then_trains_in_a_single_process(monkeypatch: pytest.MonkeyPatch) -> None:
    from accelerate.state import PartialState

    for name, value in LAUNCHED.items():
        monkeypatch.setenv(name, value)
    PartialState._reset_state()
    take_part()
    assert PartialState(cpu=True).num_processes == 1
    PartialState._reset_state()
