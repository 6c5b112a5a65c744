import time

import numpy as np
import pytest

from mixvocab.common.errors import UserError
from mixvocab.edge import peers
from mixvocab.edge.latency import Contestant, exported, measure, vnni
from mixvocab.edge.network import Floats, Integers, Rounded
from mixvocab.edge.runtime import open_session
from mixvocab.models.parameters import BertShape
from mixvocab.tasks.encoding import Encoder


@pytest.fixture
def encoder(make_folder):
    return Encoder.load(make_folder("joint"), 24)


def test_every_model_is_asked_for_every_length_in_turns(encoder):
    asked = []

    def model(name, seconds):
        def run(feed):
            asked.append((name, feed["input_ids"].shape))
            time.sleep(seconds)

        return Contestant(name, 1, encoder, run)

    found = measure([model("slow", 0.03), model("quick", 0.004)], (5, 9), 3)
    assert [(one.name, one.length) for one in found] == [("slow", 5), ("quick", 5), ("slow", 9), ("quick", 9)]
    assert {shape for _, shape in asked} == {(1, 5), (1, 9)}
    for one in found:
        assert (4 if one.name == "quick" else 30) <= one.fastest <= one.p50 <= one.p95
        assert one.text_p50 > one.p50
    assert found[0].queries == 3  # one a turn
    names = [name for name, shape in asked if shape == (1, 5)][6:]  # after warming up
    assert names.index("quick") < len(names) - names[::-1].index("slow")


def test_exported_folders_and_lengths_beyond_the_window(exported_folder):
    one = exported(exported_folder, numbers="int8", threads=1)
    assert measure([one], [24], 1)[0].name.endswith("int8")
    with pytest.raises(UserError, match="25 tokens: this model takes 3 to 24"):
        measure([one], [25], 1)


@pytest.fixture
def exported_folder(request):
    return request.getfixturevalue("exported")("joint").folder


@pytest.mark.parametrize("numbers", [Floats(), Rounded(), Integers()])
def test_random_graphs_answer_and_have_the_shape_asked_for(numbers):
    session = open_session(peers.random_graph(BertShape(2, 32, 50), numbers))
    ids = np.arange(12).reshape(2, 6)
    intent, slots = session.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids)})
    assert intent.shape == (2, peers.INTENTS)
    assert slots.shape == (2, 6, peers.SLOTS)
    assert np.isfinite(slots).all()


def test_small_contestants_run(encoder):
    found = measure(list(peers.contestants(1, encoder, large=False)), [6], 1)
    student = [f"{peers.STUDENT}, {kind}" for kind in ("fp32", "int8")]
    assert [one.name for one in found] == [*student, peers.EAGER, peers.STACKPROP]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("processor : 0\nflags\t: fpu avx2 fma\n", False),
        ("processor : 0\nflags\t: fpu avx2 avx512_vnni\n", True),
        ("flags\t: avx_vnni\n", True),
        ("Features : asimddp\n", None),
    ],
)
def test_vnni_is_read_from_the_processors_flags(tmp_path, text, expected):
    (tmp_path / "cpuinfo").write_text(text)
    assert vnni(tmp_path / "cpuinfo") is expected
    assert vnni(tmp_path / "nothing") is None
