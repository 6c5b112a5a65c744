from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixvocab.common.errors import UserError
from mixvocab.text.learner import ascii_pieces, learn_vocabularies, learn_vocabulary, merged_pieces
from mixvocab.text.reading import count_words, words_of
from mixvocab.text.reports import segmentation
from mixvocab.text.wordpiece import MAX_WORD_CHARACTERS, SPECIAL_PIECES, UNK, Vocabulary

FIXED = len(SPECIAL_PIECES) + len(ascii_pieces())


@pytest.fixture(scope="module")
def documents() -> list[str]:
    """Real English prose that every installation has: docstrings of the standard library."""
    texts = []
    for name in ("collections", "heapq", "json", "random", "re", "string"):
        module = __import__(name)
        texts += [str(getattr(value, "__doc__", "")) for _, value in sorted(vars(module).items())]
    return texts


@pytest.fixture(scope="module")
def counts(documents: list[str]) -> dict[str, int]:
    return count_words(documents)


@pytest.fixture(scope="module")
def vocabulary(counts: dict[str, int]) -> Vocabulary:
    return learn_vocabulary(counts, 600)


def test_the_alphabet_is_what_survives_normalisation() -> None:
    assert len(ascii_pieces(lowercase=True)) == 2 * (94 - 26)
    assert len(ascii_pieces(lowercase=False)) == 2 * 94


@pytest.mark.parametrize("size", [FIXED, FIXED + 1, 300, 1000])
def test_the_size_is_exact(counts: dict[str, int], size: int) -> None:
    assert len(learn_vocabulary(counts, size)) == size


def test_a_word_that_is_always_unknown_trains_nothing(counts: dict[str, int], vocabulary: Vocabulary) -> None:
    unbroken = "abcdefghij" * 5000
    assert vocabulary.segment(unbroken) == [UNK]
    assert learn_vocabulary({**counts, unbroken: 9, "é" * (MAX_WORD_CHARACTERS + 1): 9}, 600) == vocabulary


def test_ids_are_special_then_ascii_then_by_use(counts: dict[str, int], vocabulary: Vocabulary) -> None:
    assert vocabulary.pieces[: len(SPECIAL_PIECES)] == SPECIAL_PIECES
    assert list(vocabulary.pieces[len(SPECIAL_PIECES) : FIXED]) == ascii_pieces()
    use = dict.fromkeys(vocabulary.pieces, 0)
    for word, count in counts.items():
        for piece in vocabulary.segment(word):
            use[piece] += count
    learned = vocabulary.pieces[FIXED:]
    assert list(learned) == sorted(learned, key=lambda piece: (-use[piece], piece))


def test_same_bytes_whatever_the_processes_and_the_hash_seed(documents: list[str], tmp_path: Path) -> None:
    (tmp_path / "text").write_text("\f".join(documents), encoding="utf-8")
    script = tmp_path / "learn.py"
    script.write_text(
        "import sys\n"
        "from pathlib import Path\n"
        "from mixvocab.text import reading\n"
        "from mixvocab.text.learner import learn_vocabulary\n"
        "if __name__ == '__main__':\n"
        "    documents = Path('text').read_text('utf-8').split('\\f')\n"
        "    reading.CHUNK_CHARACTERS = 20_000\n"
        "    counts = reading.count_words(documents, processes=int(sys.argv[1]))\n"
        "    learn_vocabulary(counts, 500).save(sys.argv[2])\n",
        encoding="utf-8",
    )
    folders = []
    for processes, seed in ((1, "1"), (2, "2")):
        folders.append(tmp_path / f"with-{processes}")
        subprocess.run(
            [sys.executable, script.name, str(processes), str(folders[-1])],
            cwd=tmp_path,
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
        )
    for name in ("vocab.txt", "tokenizer.json", "tokenizer_config.json"):
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes()


@settings(max_examples=200, deadline=None)
@given(text=st.text(alphabet=[chr(code) for code in range(32, 127)], max_size=200))
def test_no_printable_ascii_is_unknown(vocabulary: Vocabulary, text: str) -> None:
    assert all(vocabulary.segment(word) != [UNK] for word in words_of(text))


def test_several_sizes_at_once_are_those_learned_alone(counts: dict[str, int]) -> None:
    together = learn_vocabularies(counts, [400, 250, 400])
    assert list(together) == [250, 400]
    assert together[250] == learn_vocabulary(counts, 250)


def test_taking_out_saves_tokens_over_merging_alone(counts: dict[str, int], vocabulary: Vocabulary) -> None:
    merged = dict.fromkeys((*SPECIAL_PIECES, *ascii_pieces()))
    for piece in merged_pieces(counts):
        if len(merged) == len(vocabulary):
            break
        merged[piece] = None
    plain = segmentation(Vocabulary(tuple(merged)), counts)
    assert segmentation(vocabulary, counts).fertility < plain.fertility


def test_a_frequent_foreign_character_earns_its_place_and_a_rare_one_does_not() -> None:
    counts = {"—": 5000, "é": 1, "the": 300, "then": 200, "them": 150, "theme": 90, "hen": 80}
    pieces = learn_vocabulary(counts, FIXED + 4).pieces
    assert "—" in pieces
    assert "é" not in pieces


def test_a_size_out_of_reach_says_what_can_be_had() -> None:
    counts = {"banana": 3, "band": 2}
    with pytest.raises(UserError, match=f"ask for {FIXED} or more"):
        learn_vocabulary(counts, FIXED - 1)
    with pytest.raises(UserError, match="the text gives") as caught:
        learn_vocabulary(counts, 5000)
    most = int(str(caught.value).split("gives ")[1].split()[0])
    assert len(learn_vocabulary(counts, most)) == most
