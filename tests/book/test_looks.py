"""What two models make of a sentence with a word hidden, held to slower ways of saying the same."""

from __future__ import annotations

import base64

import numpy as np
import pytest
import torch

from mixvocab.distill.teacher_head import teacher_head
from mixvocab.distill.word_states import between_words
from mixvocab.models.pretrained import last_attention, load_teacher, load_tokenizer
from mixvocab_book.chapter import open_chapter
from mixvocab_book.show import live_elements
from mixvocab_book.steps import looks as steps
from mixvocab_book.steps.looks import from_hidden, looks
from mixvocab_book.steps.students import student_step

SENTENCE = "The smallest teacher reads, unlearned, one book."


@pytest.fixture
def teacher(tiny_teacher):
    """With weights so large that heads differ."""
    model = load_teacher(tiny_teacher)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(3)
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight) * 0.3)
    return model, load_tokenizer(tiny_teacher)


def shares(made, words):
    """The attention that is kept: (words, layers, heads, words + 2)."""
    kept = np.frombuffer(base64.b64decode(made["attention"]), np.uint8)
    return (kept.reshape(words, made["layers"], made["heads"], words + 2) / 255) ** 2


def read_by_hand(teacher, tokenizer, words, hidden):
    """ids with one word hidden, the word of each token (0 is [CLS]), and the pieces that are hidden."""
    ids, numbers = [tokenizer.cls_token_id], [0]
    for number, word in enumerate(words, 1):
        pieces = tokenizer.convert_tokens_to_ids(tokenizer.tokenize(word))
        ids += [tokenizer.mask_token_id] * len(pieces) if number == hidden + 1 else pieces
        numbers += [number] * len(pieces)
    return torch.tensor([[*ids, tokenizer.sep_token_id]]), [*numbers, len(words) + 1]


def test_attention_is_told_by_words(teacher) -> None:
    model, tokenizer = teacher
    made = looks(model, tokenizer, SENTENCE)
    words = ["the", "smallest", "teacher", "reads", ",", "unlearned", ",", "one", "book", "."]
    assert made["pieces"] == [tokenizer.tokenize(word) for word in words]
    assert max(map(len, made["pieces"])) > 2
    kept = shares(made, len(words))
    assert kept.shape == (10, 2, 2, 12)
    assert kept.sum(axis=-1) == pytest.approx(1, abs=0.03)  # in 8 bits
    for hidden in range(len(words)):
        ids, numbers = read_by_hand(model, tokenizer, words, hidden)
        with torch.no_grad():
            attentions = model.base_model(ids, output_attentions=True).attentions
        for layer, attention in enumerate(attentions):
            for head in range(2):
                expected = np.zeros(12)
                own = [t for t, number in enumerate(numbers) if number == hidden + 1]
                for token in own:
                    for other, number in enumerate(numbers):
                        expected[number] += attention[0, head, token, other].item() / len(own)
                assert kept[hidden, layer, head] == pytest.approx(expected, abs=0.005)


def test_among_words_it_is_what_students_learn_from(teacher) -> None:
    model, tokenizer = teacher
    words = ["reads", "unlearned", "book"]
    ids, numbers = read_by_hand(model, tokenizer, words, 1)
    hidden, of = ids == tokenizer.mask_token_id, torch.tensor(numbers)
    found = from_hidden(model, ids, hidden, of)[0, -1].mean(dim=0)[1:-1]
    with torch.no_grad():
        states = model.base_model(ids, output_hidden_states=True).hidden_states
        between = between_words(
            last_attention(model, states[-2]), torch.where((of > 0) & (of < 4), of - 1, -1)[None], 3
        )
    assert torch.allclose(found / found.sum(), between[1, :3], atol=1e-6)


def test_guesses_are_the_models(teacher) -> None:
    model, tokenizer = teacher
    made = looks(model, tokenizer, SENTENCE)
    words = ["the", "smallest", "teacher", "reads", ",", "unlearned", ",", "one", "book", "."]
    for word, pieces in enumerate(made["pieces"]):
        ids, numbers = read_by_hand(model, tokenizer, words, word)
        with torch.no_grad():
            chances = model(ids).logits[0].softmax(dim=-1)
        places = [t for t, number in enumerate(numbers) if number == word + 1]
        assert len(made["guesses"][word]) == len(made["own"][word]) == len(pieces)
        for token, piece, best, (own, place) in zip(
            places, pieces, made["guesses"][word], made["own"][word], strict=True
        ):
            order = chances[token].argsort(descending=True, stable=True)
            assert [guess for guess, _ in best] == tokenizer.convert_ids_to_tokens(order[:5].tolist())
            assert [p for _, p in best] == pytest.approx(chances[token][order[:5]].tolist(), abs=2e-5)
            true = tokenizer.convert_tokens_to_ids(piece)
            assert own == pytest.approx(chances[token, true].item(), abs=2e-5)
            assert place == order.tolist().index(true) + 1
        if len(pieces) == 1:
            exact = -chances[places[0], tokenizer.convert_tokens_to_ids(pieces[0])].log().item()
            assert made["nats"][word] == pytest.approx(exact, abs=2e-3)


def test_of_a_large_model_the_mean_of_the_heads_is_kept(teacher, monkeypatch) -> None:
    model, tokenizer = teacher
    heads = shares(looks(model, tokenizer, SENTENCE), 10)
    monkeypatch.setattr(steps, "MOST_HEADS", 3)
    mean = shares(looks(model, tokenizer, SENTENCE), 10)
    assert mean.shape == (10, 2, 1, 12)
    assert mean[:, :, 0] == pytest.approx(heads.mean(axis=2), abs=0.01)


def test_the_chapter_provides_both_models_and_names_them(
    cache, tiny_corpus, tiny_teacher, tiny_settings, monkeypatch
) -> None:
    words = {"vocabulary.source": "wordfreq:en", "vocabulary.megabytes": 0.1}  # a third source, read by neither model
    settings = tiny_settings | words | {"teacher.source": str(tiny_teacher), "mixing.length": 64}
    chapter = open_chapter("04_stage_two", profile="smoke", data_dir=tiny_corpus, **settings)
    assert len(chapter.text_and_teacher) == 3
    provided = {}
    monkeypatch.setattr(live_elements, "provide", provided.__setitem__)
    step = student_step(chapter.plan, "pca", 0)
    widget = live_elements.attention(chapter, step, "PCA")
    assert provided == {"attention": widget.looks}
    text = live_elements.SENTENCES["A fact"]
    sentence = provided["attention"]["sentences"][0]
    head, reader = chapter.get(teacher_head(chapter.plan)), chapter.plan.teacher_tokenizer
    assert sentence["teacher"] == looks(head.model(), reader, text)
    tokenizer = chapter.get(chapter.plan.vocabulary()).tokenizer()
    assert sentence["student"] == looks(chapter.get(step).model(), tokenizer, text)
    assert sentence["words"][widget.word] == "capital"
    about = provided["attention"]["about"]
    assert "Student: PCA, L-1 H-16" in about
    assert tiny_teacher.name in about
    assert about.endswith(f"Both read {chapter.plan.corpus().value.source.name} (real).")
    assert "no model runs here" in about


def test_a_teacher_of_another_kind_is_not_compared(
    monkeypatch, cache, tiny_corpus, tiny_teacher, tiny_settings
) -> None:
    settings = tiny_settings | {"teacher.source": str(tiny_teacher)}
    chapter = open_chapter("04_stage_two", profile="smoke", data_dir=tiny_corpus, **settings)
    monkeypatch.setattr(live_elements, "reads_like_bert", lambda teacher: False)
    assert live_elements.attention(chapter, student_step(chapter.plan, "pca", 0), "PCA") is None
