"""Augmented rows: candidates against one pass a word, bytes that no batch changes, what stays of a row, GloVe files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import (
    BertConfig,
    BertModel,
    DistilBertConfig,
    DistilBertForMaskedLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from mixvocab.common.errors import UserError
from mixvocab.models.pretrained import load_teacher, load_tokenizer
from mixvocab.settings.profiles import TuningSettings
from mixvocab.sources.rows import GlueRow, SnipsRow
from mixvocab.tasks.augmentation import Augmentation, augmented, new_augmentation
from mixvocab.tasks.scores import Roles
from mixvocab.tasks.vectors import GLOVE_WORDS, WordVectors, read_glove

ROWS = [
    GlueRow("The old house, in THE city; she had 2 dogs!", "(her first  dog)", "entailment"),
    GlueRow("it was not there", None, 3.5),
    GlueRow("machine learning machine learning was the first word that they had read at night", "no", None),
    GlueRow("", "a cat", "0"),
    GlueRow("naïve mp3_river... ☃ 2021", None, "1"),
]
COMMANDS = [
    SnipsRow(("play", "the", "o'clock", "2021", "houses", "first"), ("O", "O", "B-x", "I-x", "B-y", "I-y"), "Play"),
    SnipsRow(("city",), ("B-place",), "GoHome"),
]
Maker = Callable[..., Augmentation]


def reader(folder: Path) -> PreTrainedModel:
    """The tiny teacher with larger weights, which minds what it reads beside a word."""
    model = load_teacher(folder)
    with torch.no_grad():
        for matrix in (weight for weight in model.parameters() if weight.ndim > 1):
            matrix.mul_(10)
    return model


@pytest.fixture
def made(tiny_teacher: Path) -> Maker:
    tokenizer = load_tokenizer(tiny_teacher)
    return lambda **more: Augmentation(reader(tiny_teacher), tokenizer, **{"k": 5, "n_a": 4} | more)


def slow_candidates(
    folder: Path, tokenizer: PreTrainedTokenizerFast, parts: list[list[str]], k: int
) -> dict[tuple[int, int], set[str]]:
    """One forward pass a word, one text at a time, in float64."""
    model, found = reader(folder).double(), {}
    read = tokenizer(*parts, is_split_into_words=True)
    vocabulary = {i: piece for piece, i in tokenizer.get_vocab().items()}
    for text, words in enumerate(parts):
        for number, word in enumerate(words):
            if not word.isalpha():
                continue
            pieces = tokenizer(word, add_special_tokens=False)["input_ids"]
            if tokenizer.unk_token_id in pieces:
                continue
            if len(pieces) == 1:
                at = [i for i, w in enumerate(read.word_ids()) if w == number and read.sequence_ids()[i] == text]
                ids, types = torch.tensor([read["input_ids"]]), torch.tensor([read["token_type_ids"]])
                ids[0, at] = tokenizer.mask_token_id
                with torch.no_grad():
                    scores = model(ids, token_type_ids=types).logits[0, at[0]].tolist()
            else:
                table = model.get_input_embeddings().weight.detach()
                scores = torch.cosine_similarity(table[pieces].mean(dim=0, keepdim=True), table).tolist()
            asked = [i for i, piece in vocabulary.items() if piece.isalpha() and [i] != pieces]
            best = sorted(asked, key=lambda i: (-scores[i], i))[:k]
            found[text, number] = {vocabulary[i] for i in best}
    return found


def test_candidates_are_those_of_one_pass_a_word(made: Maker, tiny_teacher: Path) -> None:
    texts = [row.parts() for row in [*ROWS, *COMMANDS]]
    tokenizer = load_tokenizer(tiny_teacher)
    for parts, found in zip(texts, made().candidates(texts), strict=True):
        expected = slow_candidates(tiny_teacher, tokenizer, parts, 5)
        assert list(found) == sorted(expected)
        for place, words in found.items():
            assert len(words) == 5
            assert set(words) == expected[place]


def test_close_calls_are_taken_in_float64(made: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    """With every call a close one nothing changes; and pieces of one score go by their id."""
    texts, usual = [row.parts() for row in ROWS], made()
    found = usual.candidates(texts)
    monkeypatch.setattr("mixvocab.tasks.augmentation.CLOSE", float("inf"))
    assert made().candidates(texts) == found
    equal = made(k=7)
    with torch.no_grad():
        equal.teacher.get_output_embeddings().weight.zero_()  # type: ignore[operator]
    monkeypatch.undo()
    (words,) = equal.candidates([[["city"]]])
    assert words[0, 0] == list("abcdefg")


def test_same_bytes_for_any_batch_and_others_for_another_seed(made: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    first = list(made().copies(ROWS, 7))
    for batch in (1, 7, 64):
        monkeypatch.setattr("mixvocab.tasks.augmentation.BATCH", batch)
        assert list(made().copies(ROWS, 7)) == first
    assert len(first) == 4 * len(ROWS)
    assert list(made().copies(ROWS, 8)) != first
    assert list(made().copies(ROWS[:2], 7)) == first[:8]
    assert list(made().copies(ROWS[1:2], 7)) != first[4:8]


def test_rows_that_are_sorted_apart_are_the_same(made: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = list(made().copies(ROWS, 0))
    monkeypatch.setattr("mixvocab.tasks.augmentation.AT_ONCE", 2)
    assert list(made().copies(ROWS, 0)) == whole


def test_nothing_is_replaced_at_p_0_and_every_word_at_p_1(made: Maker) -> None:
    assert list(made(p_t=0.0).copies(ROWS, 0)) == [row for row in ROWS for _ in range(4)]
    maker = made(p_t=1.0)
    for number, copy in enumerate(maker.copies(ROWS, 0)):
        before, after = ROWS[number // 4].parts(), copy.parts()
        (places,) = maker.candidates([before])
        for text, (old, new) in enumerate(zip(before, after, strict=True)):
            changed = [part for part, pair in enumerate(zip(old, new, strict=True)) if pair[0] != pair[1]]
            assert changed == [part for word, part in places if word == text]


def test_about_the_share_p_t_changes(made: Maker) -> None:
    row = SnipsRow(("city",) * 50, ("O",) * 50, "x")
    changed = [word != "city" for copy in made(n_a=40).copies([row], 0) for word in copy.words]
    assert sum(changed) / len(changed) == pytest.approx(0.4, abs=0.04)
    assert Augmentation.__init__.__kwdefaults__ == {"p_t": 0.4, "n_a": 20, "k": 15, "glove": None}


def test_labels_tags_and_all_that_is_no_word_stay(made: Maker) -> None:
    for number, copy in enumerate(made(p_t=1.0).copies(ROWS, 1)):
        row = ROWS[number // 4]
        assert copy.label == row.label
        assert (copy.text_b is None) == (row.text_b is None)
    changed = next(made(p_t=1.0).copies(ROWS, 1))
    assert changed.text_a.endswith(" 2 " + changed.text_a.split(" 2 ")[1])
    assert [changed.text_a.count(mark) for mark in ",;!"] == [1, 1, 1]
    assert changed.text_b[0] + changed.text_b[-1] == "()"
    for number, copy in enumerate(made(p_t=1.0).copies(COMMANDS, 1)):
        row = COMMANDS[number // 4]
        assert (copy.slots, copy.intent, len(copy.words)) == (row.slots, row.intent, len(row.words))
        assert all(word and " " not in word for word in copy.words)
    assert {copy.words[2:4] for copy in made(p_t=1.0).copies(COMMANDS[:1], 1)} == {("o'clock", "2021")}


def test_no_special_piece_and_no_part_of_a_word_is_proposed(made: Maker, tiny_pieces: list[str]) -> None:
    whole = {piece for piece in tiny_pieces if piece.isalpha()}
    found = made(k=len(whole) - 1).candidates([row.parts() for row in [*ROWS, *COMMANDS]])
    assert {word for row in found for words in row.values() for word in words} == whole
    assert found[1][0, 0] == [piece for piece in tiny_pieces if piece in whole - {"it"}]


def test_a_row_longer_than_the_window_keeps_its_end(made: Maker) -> None:
    row = GlueRow("city " * 200, None, "1")
    for copy in made(p_t=1.0).copies([row], 0):
        words = copy.text_a.split()
        assert len(words) == 200
        assert "city" not in words[:126]
        assert set(words[126:]) == {"city"}


def test_rows_come_back_from_their_parts() -> None:
    for row in [*ROWS, *COMMANDS]:
        assert row.with_parts(row.parts()) == row


GLOVE = {"houses": (1, 0, 0), "homes": (0.9, 0.1, 0), "7": (1, 0.01, 0), "river": (0, 1, 0), "rivers": (0.1, 2, 0)}


def glove_file(folder: Path, lines: list[str]) -> Path:
    path = folder / "glove.txt"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def test_words_of_several_pieces_have_gloves_neighbours(made: Maker, tmp_path: Path) -> None:
    lines = [" ".join([word, *map(str, vector)]) for word, vector in GLOVE.items()]
    maker = made(glove=glove_file(tmp_path, lines), k=2)
    words = maker.candidates([[["Houses", "rivers", "city", "nights"]]])[0]
    assert words[0, 0] == ["homes", "rivers"]
    assert words[0, 1] == ["river", "homes"]
    assert words[0, 2] == made(k=2).candidates([[["Houses", "rivers", "city", "nights"]]])[0][0, 2]
    assert (0, 3) not in words


def test_of_equally_near_words_the_first_is_taken() -> None:
    vectors = WordVectors(["a", "b", "c", "d"], torch.tensor([[1.0, 0], [0, 1], [0, 2], [1, 1]]))
    assert vectors.nearest(torch.tensor([0.0, 3]), 3) == ["b", "c", "d"]
    assert vectors.neighbours("c", 2) == ["b", "d"]
    assert vectors.neighbours("e", 2) == []


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["cat 1 2", "dog 1 2 3"], "line 2 is not a word and 2 numbers"),
        (["cat 1 2", "dog 1"], "line 2 is not a word and 2 numbers"),
        (["cat 1 two"], "line 1 is not a word and its numbers"),
        (["cat 1 nan"], "line 1 is not a word and 2 numbers"),
        (["cat"], "line 1 is not a word and its numbers"),
        (["7 1 2"], "holds no word of letters"),
        ([], "holds no word of letters"),
    ],
)
def test_a_file_that_is_not_gloves_is_refused_in_a_line(tmp_path: Path, lines: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message) as refused:
        read_glove(glove_file(tmp_path, lines))
    assert "\n" not in str(refused.value)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.txt cannot be read \(No such file"):
        read_glove(tmp_path / "none.txt")
    (tmp_path / "bytes.txt").write_bytes(b"cat 1 2\n\xff\xfe 1 2\n")
    with pytest.raises(UserError, match=r"bytes\.txt: line 2 is not a word and 2 numbers"):
        read_glove(tmp_path / "bytes.txt")
    assert GLOVE_WORDS == 100_000


def test_numbers_and_teachers_that_cannot_work_are_refused(made: Maker, tiny_teacher: Path) -> None:
    for wrong in ({"p_t": 1.5}, {"p_t": -0.1}, {"n_a": 0}, {"k": 0}, {"k": 1000}):
        with pytest.raises(UserError, match=r"p_t is in 0\.\.1, n_a 1 or more, k in 1\.\.\d+$"):
            made(**wrong)
    other = DistilBertForMaskedLM(DistilBertConfig(vocab_size=30, dim=8, n_layers=1, n_heads=2, hidden_dim=16))
    with pytest.raises(UserError, match="the teacher is a distilbert"):
        Augmentation(other, load_tokenizer(tiny_teacher))


def test_rows_that_train_alone_have_copies_and_what_proposing_reads_is_counted(made: Maker, tiny_teacher: Path) -> None:
    roles = Roles(COMMANDS, ["chooses"], {"test": ["reports"]}, 7, "about")
    maker = made()
    more = augmented(roles, maker, 3)
    assert more.train == [*COMMANDS, *made().copies(COMMANDS, 3)]
    assert [row.intent for row in more.train] == ["Play", "GoHome", *["Play"] * 4, *["GoHome"] * 4]
    assert (more.choose, more.report, more.available, more.about) == (roles.choose, roles.report, 7, "about")
    assert len(roles.train) == 2
    tokenizer, expected = load_tokenizer(tiny_teacher), 0
    for row in COMMANDS:  # a pass over the row for every word that is one piece, twice where float64 decides
        whole = [word for word in row.words if word.isalpha() and tokenizer.tokenize(word) == [word]]
        expected += len(whole) * len(tokenizer(list(row.words), is_split_into_words=True)["input_ids"])
    assert expected <= maker.tokens <= 2 * expected


def test_the_options_that_go_together(tiny_teacher: Path, tmp_path: Path) -> None:
    plain, more = (TuningSettings(epochs=1, n_a=n_a, k=5, p_t=0.3) for n_a in (0, 2))
    assert new_augmentation(plain, None) is None
    for tuning, folder, glove in ((more, None, None), (plain, tiny_teacher, None), (plain, None, tmp_path)):
        with pytest.raises(UserError, match=r"--augment-with .* and --set n_a=20 go together"):
            new_augmentation(tuning, folder, glove)
    made = new_augmentation(more, tiny_teacher)
    assert made is not None
    assert (made.n_a, made.k, made.p_t) == (2, 5, 0.3)
    BertModel(BertConfig.from_pretrained(tiny_teacher)).save_pretrained(tmp_path / "headless")
    with pytest.raises(UserError, match="headless has no masked-language-model head"):
        new_augmentation(more, tmp_path / "headless")
