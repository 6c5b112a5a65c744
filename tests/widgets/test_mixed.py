"""One line of text as a mixed sequence: the row that the library's mixer draws."""

from __future__ import annotations

import numpy as np
import pytest

from mixvocab.common.errors import UserError
from mixvocab.models.pretrained import load_tokenizer
from mixvocab.settings.profiles import MixingSettings
from mixvocab.text.masking import IGNORED
from mixvocab.text.mixing import Mixer
from mixvocab.text.wordpiece import Vocabulary
from mixvocab.text.words import WordStore
from mixvocab.widgets.vocabularies import mixed_line

LINES = [
    "the teacher reads one book.",
    "Cats, dogs & machine learning: " * 4,
    "reading " * 60,  # of the student's pieces, more than fit
    "a" * 40 + " " + "reading " * 3,  # a first word that is longer than a short row
]


@pytest.fixture
def teacher(tiny_teacher):
    return load_tokenizer(tiny_teacher)


@pytest.fixture
def student(tiny_pieces):
    return Vocabulary(tuple(tiny_pieces[:110])).tokenizer()


@pytest.mark.parametrize("length", [16, 128])
def test_it_is_the_mixers_row(tmp_path, teacher, student, length):
    for number, text in enumerate(LINES):
        store = WordStore.build([text], tmp_path / f"{number}", student, teacher=teacher, heldout=0)
        for p in (0, 0.2, 0.5, 1):
            for seed in range(5):
                line = mixed_line(text, teacher, student, p_sv=p, seed=seed, length=length)
                mixer = Mixer(store, store.table(student), store.table(teacher), MixingSettings(p_sv=p, length=length))
                if len(store.words("train")) > length - 2:  # the mixer would begin at a random word
                    windows = mixer._windows(store.words("train"), np.array([0]))
                    rng = np.random.default_rng(seed)
                    row = mixer._masked(windows, mixer.choose(rng, windows.shape, p), rng)
                else:
                    row = mixer.batch(1, np.random.default_rng(seed))
                there = row.attention[0]
                assert line.inputs == row.ids[0][there].tolist()
                assert line.labels == row.labels[0][there].tolist()
                assert line.student == row.student[0][there].tolist()


def test_what_it_says(teacher, student):
    text = "the machine [MASK] sings " + "z" * 2000
    line = mixed_line(text, teacher, student, p_sv=0.5, seed=3)
    assert line.words == ["[CLS]", "the", "machine", "[MASK]", "sings", "z" * 2000, "[SEP]"]
    place = 0
    for word in line.words:
        pieces = (student if line.student[place] else teacher).tokenize(word)
        assert line.pieces[place : place + len(pieces)] == pieces
        place += len(pieces)
    assert place == len(line.pieces)
    for piece, label, shown in zip(line.pieces, line.labels, line.shown, strict=True):
        assert piece not in ("[CLS]", "[SEP]", "[MASK]", "[UNK]") or label == IGNORED
        assert label != IGNORED or shown == piece
    marked = str(line).split()
    assert len(marked) == len(line.pieces)
    assert sum("(" in each for each in marked) == sum(label != IGNORED for label in line.labels) > 0
    assert all(each.endswith("/S" if mine else "/T") for each, mine in zip(marked, line.student, strict=True))


def test_more_text_changes_no_earlier_word(teacher, student):
    short = mixed_line("the cat has read", teacher, student, seed=5)
    long = mixed_line("the cat has read one book more", teacher, student, seed=5)
    before = len(short.pieces) - 1
    assert long.pieces[:before] == short.pieces[:before]
    assert long.student[:before] == short.student[:before]


def test_nothing_typed(teacher, student):
    assert mixed_line(" ", teacher, student).pieces == ["[CLS]", "[SEP]"]


@pytest.mark.parametrize(
    ("given", "problem"), [({"p_sv": 1.5}, "p_sv=1.5 should be less"), ({"length": 4}, "length=4")]
)
def test_what_is_out_of_range_is_one_line(teacher, student, given, problem):
    with pytest.raises(UserError, match=problem) as error:
        mixed_line("the cat", teacher, student, **given)
    assert "\n" not in str(error.value)
