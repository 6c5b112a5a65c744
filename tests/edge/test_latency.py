import time

import pytest

from mixvocab.common.errors import UserError
from mixvocab.edge import runtime
from mixvocab.edge.runtime import measure
from mixvocab.tasks.encoding import Encoder
from mixvocab_book.steps import peers


@pytest.fixture
def encoder(make_folder):
    return Encoder.load(make_folder("joint"), 24)


def test_every_model_is_asked_for_every_length_in_turns(encoder):
    asked = []

    def model(name, seconds):
        def run(text):
            asked.append((name, len(text.ids)))
            time.sleep(seconds)

        return run

    models = {"slow": model("slow", 0.03), "quick": model("quick", 0.004)}
    found = measure(models, encoder, (5, 9), 3, threads=1)
    assert [(one.name, one.length) for one in found] == [("slow", 5), ("quick", 5), ("slow", 9), ("quick", 9)]
    assert {length for _, length in asked} == {5, 9}
    for one in found:
        assert (4 if one.name == "quick" else 30) <= one.fastest <= one.p50 <= one.p95
        assert one.text_p50 > one.p50
    names = [name for name, length in asked if length == 5]
    assert names.index("quick") < len(names) - names[::-1].index("slow")


def test_lengths_beyond_the_window(encoder):
    with pytest.raises(UserError, match="25 tokens a query: the model's window is 24"):
        measure({}, encoder, [5, 25], 1, threads=1)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("processor\t: 0\nflags\t\t: fpu avx512_vnni\n", True),
        ("processor\t: 0\nflags\t\t: fpu avx_vnni\n", True),
        ("processor\t: 0\nflags\t\t: fpu avx2\n", False),
        ("processor\t: 0\nFeatures\t: fp asimddp\n", None),  # ARM
        (None, None),
    ],
)
def test_vnni_is_known_of_x86_alone(tmp_path, monkeypatch, content, expected):
    monkeypatch.setattr(runtime, "CPUINFO", tmp_path / "cpuinfo")
    if content:
        (tmp_path / "cpuinfo").write_text(content)
    assert runtime.vnni() is expected


def test_small_contestants_run(encoder):
    models = dict(peers.contestants(1, encoder, large=False))
    assert [*models] == [f"{peers.STUDENT}, fp32", f"{peers.STUDENT}, int8", peers.EAGER, peers.STACKPROP]
    for model in models.values():
        intents, tags = model(encoder.texts("play some jazz"))
        assert (intents.shape[-1], tags.shape[-2:]) == (7, (5, 72))
