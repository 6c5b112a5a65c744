from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from mixvocab.common.errors import UserError
from mixvocab.text.learner import ascii_pieces
from mixvocab.text.reading import words_of
from mixvocab.text.wordpiece import SPECIAL_PIECES, UNK, Vocabulary

Get = Callable[[str], PreTrainedTokenizerFast]

LEARNED = ("the", "un", "##able", "##ed", "hand", "##ling", "é", "ο", "##ς", "##σ", "控", "—", "##́")
VOCABULARY = Vocabulary((*SPECIAL_PIECES, *ascii_pieces(), *LEARNED))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("vocabulary")
    VOCABULARY.save(path)
    return path


@cache
def loaded(folder: Path) -> PreTrainedTokenizerFast:
    return AutoTokenizer.from_pretrained(folder, local_files_only=True)


def segmented(vocabulary: Vocabulary, text: str) -> list[str]:
    return [piece for word in words_of(text, vocabulary.lowercase) for piece in vocabulary.segment(word)]


def test_the_longest_piece_wins_and_the_rest_continues() -> None:
    assert VOCABULARY.segment("unhandled") == ["un", "##h", "##a", "##n", "##d", "##l", "##ed"]
    assert VOCABULARY.segment("theable") == ["the", "##able"]


def test_a_word_that_gets_stuck_is_unknown_as_a_whole() -> None:
    assert VOCABULARY.segment("handчs") == [UNK]


def test_words_beyond_the_limit_are_unknown_and_those_at_it_are_not() -> None:
    assert VOCABULARY.segment("a" * 1000) == ["a"] + ["##a"] * 999
    assert VOCABULARY.segment("a" * 1001) == [UNK]


@settings(max_examples=150, deadline=None)
@given(text=st.text(alphabet=st.characters(min_codepoint=1, exclude_categories=["Cs"]), max_size=60))
def test_any_text_is_segmented_as_the_saved_tokenizer_does(folder: Path, text: str) -> None:
    assume(not any(piece in text for piece in SPECIAL_PIECES))  # those are read as themselves, see below
    assert loaded(folder).tokenize(text) == segmented(VOCABULARY, text)


def test_pairs_carry_token_types(folder: Path) -> None:
    first, second = VOCABULARY.id("the"), VOCABULARY.id("un")
    cls, sep = VOCABULARY.id("[CLS]"), VOCABULARY.id("[SEP]")
    for tokenizer in (loaded(folder), VOCABULARY.tokenizer()):
        encoded = tokenizer("the", "un")
        assert encoded["input_ids"] == [cls, first, sep, second, sep]
        assert encoded["token_type_ids"] == [0, 0, 0, 1, 1]
        assert (tokenizer.pad_token_id, tokenizer.unk_token_id, tokenizer.mask_token_id) == (0, 1, 4)


def test_a_bert_configuration_beside_it_does_not_change_the_tokenizer(tmp_path: Path) -> None:
    VOCABULARY.save(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert", "vocab_size": len(VOCABULARY)}))
    tokenizer = AutoTokenizer.from_pretrained(tmp_path, local_files_only=True)
    assert tokenizer.tokenize("e" * 500) == VOCABULARY.segment("e" * 500)
    assert len(tokenizer) == len(VOCABULARY)


def test_special_pieces_in_text_are_read_as_such(folder: Path) -> None:
    assert loaded(folder).tokenize("the [MASK]") == ["the", "[MASK]"]


@pytest.mark.parametrize("lowercase", [True, False])
def test_save_and_load(tmp_path: Path, lowercase: bool) -> None:
    vocabulary = Vocabulary((*SPECIAL_PIECES, *ascii_pieces(lowercase), "\u2028"), lowercase, 77)
    vocabulary.save(tmp_path)
    assert Vocabulary.load(tmp_path) == vocabulary


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda whole: whole[: len(whole) // 2], "give a folder"),
        (lambda whole: whole.replace('"[MASK]"', '"[MASKED]"'), r"no \[MASK\]"),
        (lambda whole: whole.replace('"BertNormalizer"', '"NFKC"'), "in another way than BERT"),
        (lambda whole: whole.replace('"the": 141', '"the": 9193'), "leaves ids out"),
        (lambda whole: Tokenizer(models.BPE()).to_str(), "not a WordPiece"),
    ],
)
def test_a_damaged_or_foreign_file_is_an_error(tmp_path: Path, change: Callable[[str], str], message: str) -> None:
    VOCABULARY.save(tmp_path)
    file = tmp_path / "tokenizer.json"
    changed = change(file.read_text("utf-8"))
    assert changed != file.read_text("utf-8")
    file.write_text(changed, encoding="utf-8")
    with pytest.raises(UserError, match=rf"tokenizer\.json: .*{message}"):
        Vocabulary.load(tmp_path)


def test_a_folder_without_a_vocabulary_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere.*give a folder"):
        Vocabulary.load(tmp_path / "nowhere")


@pytest.mark.parametrize("kind", ["uncased", "cased"])
def test_a_student_can_have_the_teachers_pieces_ids_and_reading(kind: str, tokenizers: Get, prose: list[str]) -> None:
    teacher = tokenizers(kind)
    vocabulary = Vocabulary.of(teacher)
    assert {piece: vocabulary.id(piece) for piece in vocabulary.pieces} == teacher.get_vocab()
    assert vocabulary.lowercase == (kind == "uncased")
    own = vocabulary.tokenizer()
    for text in prose[:30] + prose[-10:]:
        assert (
            own(text, split_special_tokens=True, add_special_tokens=False).input_ids
            == teacher(text, split_special_tokens=True, add_special_tokens=False).input_ids
        )


def test_shared_pieces_keep_the_learned_order_and_all_special_ones(tiny_teacher: Path) -> None:
    teacher = AutoTokenizer.from_pretrained(tiny_teacher)
    # Special pieces out of order; "##the" is another piece than the teacher's "the"; "zebra" is unknown to it.
    learned = Vocabulary(("[MASK]", "the", "##the", "[PAD]", "zebra", "##ing", "[UNK]", "[CLS]", "[SEP]", "cat"), False)
    shared = learned.shared_with(teacher)
    assert shared.pieces == (*SPECIAL_PIECES, "the", "##ing", "cat")
    assert shared.lowercase is False
    assert shared.max_word_characters == learned.max_word_characters


@pytest.mark.parametrize("kind", ["byte-level", "unigram"])
def test_teachers_without_word_pieces_are_refused(kind: str, tokenizers: Get) -> None:
    for refused in (Vocabulary.of, VOCABULARY.shared_with):
        with pytest.raises(UserError, match=r"choose vocabulary\.kind learned"):
            refused(tokenizers(kind))


def test_bert_s_own_vocabulary_segments_as_its_tokenizer(data_dir: Path) -> None:
    folder = data_dir / "bert-base-uncased"
    vocabulary = Vocabulary.load(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    text = "Extremely small BERT models; mixed-vocabulary training? Ångström 控制 " + "z" * 101
    assert len(vocabulary) == 30_522
    assert tokenizer.tokenize(text) == segmented(vocabulary, text)
