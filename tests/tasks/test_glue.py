"""GLUE: losses by hand, predictions that nothing beside a row changes, labels in the order they were written in."""

import json

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from mixvocab.settings.profiles import TuningSettings
from mixvocab.sources.rows import GlueData, GlueRow
from mixvocab.sources.source import Source
from mixvocab.tasks.finetune import collate, finetune
from mixvocab.tasks.glue import load_classifier, new_classifier
from mixvocab.tasks.scores import glue_roles
from mixvocab.train.loop import to_tensors

SOURCE = Source("glue", "a set", "path", "set/", "none", "0" * 64, False)
TUNING = TuningSettings(epochs=3, batch_size=16, learning_rate=3e-3, dropout=0.0, window=16, evaluations=2)


def pairs(count, seed):
    """Whether two texts are about the same thing; texts of different lengths."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        one, other = rng.choice(["cat", "dog", "river"], 2)
        tail = " was it" * int(rng.integers(4))
        rows.append(GlueRow(f"the {one}{tail}", f"{other} house", ("entailment", "neutral")[int(one != other)]))
    return rows


@pytest.fixture(scope="module")
def nli():
    return GlueData(SOURCE, "RTE", {"train": pairs(120, 1), "dev": pairs(30, 2), "test": pairs(30, 3)})


@pytest.fixture(scope="module")
def similarity():
    def scored(count, seed):
        return [row._replace(label=4.0 if row.label == "neutral" else 2.0) for row in pairs(count, seed)]

    return GlueData(SOURCE, "STS-B", {"train": scored(60, 1), "dev": scored(20, 2)}, regression=True)


def model_of(folder, data, seed=0):
    task = new_classifier(folder, data, TUNING, seed)
    with torch.no_grad():  # far from the start, so that predictions differ from row to row
        task.model.classifier.weight.mul_(100)
        task.model.bert.pooler.dense.weight.mul_(5)
    return task


def tensors_of(task, rows):
    return to_tensors(collate(task.examples(rows)), "cpu")


def logits_of(task, row):
    tensors = tensors_of(task, [row])
    with torch.no_grad():
        return task.logits(tensors["ids"], tensors["types"])[0]


def tune(folder, data, out, limit=None, **changes):
    tuning = TUNING.model_copy(update=changes)
    return finetune(new_classifier(folder, data, tuning, 0), glue_roles(data, limit), tuning, out, seed=0)


def test_the_loss_is_a_sum_of_log_probabilities(tiny_teacher, nli):
    task, rows = model_of(tiny_teacher, nli), nli.splits["dev"][:6]
    expected = -sum(logits_of(task, row).log_softmax(0)[nli.labels.index(row.label)] for row in rows)
    loss = task(**tensors_of(task, rows))["task"]
    assert int(loss.positions) == 6
    assert float(loss.total.detach()) == pytest.approx(float(expected), rel=1e-4)


def test_a_scores_loss_is_its_squared_error(tiny_teacher, similarity):
    task, rows = model_of(tiny_teacher, similarity), similarity.splits["dev"][:5]
    loss = task(**tensors_of(task, rows))["task"]
    errors = [score - row.label for score, row in zip(task.predict(rows), rows, strict=True)]
    assert float(loss.total.detach()) == pytest.approx(float(np.square(errors).sum()), rel=1e-5)
    assert int(loss.positions) == 5


@pytest.mark.parametrize("kind", ["nli", "similarity"])
def test_batching_padding_order_and_labels_change_no_prediction(tiny_teacher, kind, request):
    data = request.getfixturevalue(kind)
    task, rows = model_of(tiny_teacher, data), data.splits["train"][:40]
    if not data.regression:  # move the bias into the widest gap between logits: both labels occur, none by a hair
        logits = torch.stack([logits_of(task, row) for row in rows])
        margins = (logits[:, 1] - logits[:, 0]).sort().values
        widest = margins.diff().argmax()
        with torch.no_grad():
            task.model.classifier.bias[0] += (margins[widest] + margins[widest + 1]) / 2
    together = task.predict(rows)
    assert len(set(together)) > 1
    order = np.random.default_rng(0).permutation(len(rows))
    alone = [task.predict([row])[0] for row in rows]
    shuffled = task.predict([rows[i] for i in order])
    same = (lambda values: pytest.approx(values, abs=1e-4)) if data.regression else (lambda values: values)
    assert alone == same(together)
    assert shuffled == same([together[i] for i in order])
    assert task.predict([row._replace(label=None) for row in rows]) == together


def test_the_second_text_is_told_from_the_first(tiny_teacher, nli):
    task = model_of(tiny_teacher, nli)
    tensors = tensors_of(task, pairs(1, 1))
    apart, same = (task.logits(tensors["ids"], types) for types in (tensors["types"], 0 * tensors["types"]))
    assert (apart - same).abs().max() > 1e-4


def test_fresh_heads_come_from_the_seed_alone(tiny_teacher, nli, similarity):
    torch.manual_seed(1)
    first = model_of(tiny_teacher, nli, seed=5).state_dict()
    torch.manual_seed(2)
    before = torch.random.get_rng_state()
    again, other = (model_of(tiny_teacher, nli, seed).state_dict() for seed in (5, 6))
    assert (torch.random.get_rng_state() == before).all()
    assert all((first[name] == again[name]).all() for name in first)
    assert {name for name in first if (first[name] != other[name]).any()} == {
        "model.classifier.weight", "model.bert.pooler.dense.weight",
    }  # fmt: skip
    bias = float(model_of(tiny_teacher, similarity).model.classifier.bias.detach())
    assert bias == pytest.approx(np.mean([row.label for row in similarity.splits["train"]]))
    config = new_classifier(tiny_teacher, nli, TUNING.model_copy(update={"dropout": 0.3}), 0).model.config
    assert (config.hidden_dropout_prob, config.attention_probs_dropout_prob) == (0.3, 0.3)


def test_labels_are_saved_in_order_with_their_names(tiny_teacher, nli, tmp_path):
    folder = tmp_path / "model"
    task, rows = model_of(tiny_teacher, nli), nli.splits["dev"]
    task.save(folder)
    saved = json.loads((folder / "config.json").read_text())
    assert saved["id2label"] == {"0": "entailment", "1": "neutral"}
    assert saved["label2id"] == {"entailment": 0, "neutral": 1}
    about = json.loads((folder / "task.json").read_text())
    assert about == {"task": "RTE", "kind": "classification", "window": 16}
    assert load_classifier(folder).predict(rows) == task.predict(rows)

    plain = AutoModelForSequenceClassification.from_pretrained(folder, local_files_only=True).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    texts = tokenizer([r.text_a for r in rows], [r.text_b for r in rows], padding=True, return_tensors="pt")
    numbers = plain(**texts).logits.argmax(-1).tolist()
    assert [plain.config.id2label[n] for n in numbers] == task.predict(rows)


def test_what_was_fine_tuned_on_one_task_begins_the_next_with_a_fresh_head(tiny_teacher, nli, similarity, tmp_path):
    first = model_of(tiny_teacher, nli)
    first.save(tmp_path / "m")
    again = new_classifier(tmp_path / "m", nli, TUNING, 0).model.classifier
    assert again.weight.abs().max() < 0.2 < 1 < first.model.classifier.weight.abs().max()
    assert new_classifier(tmp_path / "m", similarity, TUNING, 0).model.classifier.weight.shape == (1, 32)


def test_fine_tuning_learns_chooses_on_development_and_is_the_same_again(tiny_teacher, nli, tmp_path):
    easy = {name: [GlueRow(r.text_a, None, ("entailment", "neutral")[int("cat" in r.text_a)]) for r in rows]
            for name, rows in nli.splits.items()}  # fmt: skip
    data = GlueData(SOURCE, "RTE", easy)
    tuned = tune(tiny_teacher, data, tmp_path / "one", epochs=8)
    assert tuned.reported["test"]["accuracy"] > 0.9
    assert tuned.best == max(tuned.curve, key=lambda point: point["score"])
    assert tune(tiny_teacher, data, tmp_path / "two", epochs=8).curve == tuned.curve
    files = list((tmp_path / "one" / "model").iterdir())
    assert all(file.read_bytes() == (tmp_path / "two" / "model" / file.name).read_bytes() for file in files)
    task = load_classifier(tmp_path / "one" / "model")
    assert task.scores(easy["test"], task.predict(easy["test"])) == tuned.reported["test"]


def test_reported_rows_have_no_say(tiny_teacher, nli, tmp_path):
    changed = nli.splits | {"test": [r._replace(label="neutral") for r in nli.splits["test"]]}
    one = tune(tiny_teacher, nli, tmp_path / "one", limit=32)
    two = tune(tiny_teacher, GlueData(SOURCE, "RTE", changed), tmp_path / "two", limit=32)
    assert one.curve == two.curve
    weights = [tmp_path / name / "model" / "model.safetensors" for name in ("one", "two")]
    assert weights[0].read_bytes() == weights[1].read_bytes()


def test_a_regression_runs_too(tiny_teacher, similarity, tmp_path):
    tuned = tune(tiny_teacher, similarity, tmp_path)
    assert set(tuned.reported["dev"]) == {"pearson", "spearman", "score"}
    assert json.loads((tmp_path / "model" / "task.json").read_text())["kind"] == "regression"
    task, rows = load_classifier(tmp_path / "model"), similarity.splits["dev"]
    assert task.scores(rows, task.predict(rows)) == tuned.reported["dev"]
