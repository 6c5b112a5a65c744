import json

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from mixvocab.common.errors import UserError
from mixvocab.settings.profiles import TuningSettings
from mixvocab.sources import GlueRow
from mixvocab.sources.rows import GlueData
from mixvocab.sources.source import Source
from mixvocab.tasks.encoding import Encoder
from mixvocab.tasks.folder import save_model
from mixvocab.tasks.glue import (
    GlueTask,
    collate,
    finetune_glue,
    glue_examples,
    load_classifier,
    new_classifier,
    predict,
)
from mixvocab.train.loop import to_tensors

SOURCE = Source("glue", "a set", "path", "set/", "none", "0" * 64, False)
TUNING = TuningSettings(epochs=3, batch_size=16, learning_rate=3e-3, dropout=0.0, window=16, evaluations=2)


def pairs(count, seed):
    """Whether two texts are about the same thing; texts of different lengths."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        one, other = rng.choice(["cat", "dog", "river"], 2)
        tail = " was it" * int(rng.integers(4))
        label = ("entailment", "neutral")[int(one != other)]
        made.append(GlueRow(f"the {one}{tail}", f"{other} house", label))
    return made


@pytest.fixture(scope="module")
def nli():
    return GlueData(SOURCE, "RTE", {"train": pairs(120, 1), "dev": pairs(30, 2), "test": pairs(30, 3)})


@pytest.fixture(scope="module")
def similarity():
    def scored(count, seed):
        return [row._replace(label=4.0 if row.label == "neutral" else 2.0) for row in pairs(count, seed)]

    return GlueData(SOURCE, "STS-B", {"train": scored(60, 1), "dev": scored(20, 2)}, regression=True)


def task_of(folder, data, seed=0):
    model = new_classifier(folder, data, generator=torch.Generator().manual_seed(seed), dropout=0.0)
    with torch.no_grad():  # far from the start, so that predictions differ from row to row
        model.classifier.weight.mul_(100)
        model.bert.pooler.dense.weight.mul_(5)
    return GlueTask(model)


def save(model, tokenizer, out, scores=None):
    save_model(model, tokenizer, out, task="RTE", kind="classification", window=16, scores=scores or {})


def balance(task, rows, encoder):
    """Move the bias into the widest gap between the rows' logits: both labels occur, none by a hair."""
    if task.labels:
        made = [to_tensors(collate([example]), "cpu") for example in glue_examples(rows, encoder, task.labels)]
        with torch.no_grad():
            logits = torch.cat([task.logits(one["ids"], one["types"]) for one in made])
            margins = (logits[:, 1] - logits[:, 0]).sort().values
            widest = margins.diff().argmax()
            task.model.classifier.bias[0] += (margins[widest] + margins[widest + 1]) / 2


def test_examples_and_batches(tiny_teacher, nli):
    encoder = Encoder.load(tiny_teacher, 16)
    made = glue_examples(nli.splits["dev"], encoder, nli.labels)
    assert [example.label for example in made] == [int(row.label == "neutral") for row in nli.splits["dev"]]
    batch = collate(made)
    assert batch.ids.shape == batch.types.shape == batch.attention.shape == (30, max(len(e.ids) for e in made))
    assert batch.labels.dtype == np.int64
    for example, ids, types, real in zip(made, batch.ids, batch.types, batch.attention, strict=True):
        assert (ids[real] == example.ids).all()
        assert (types[real] == example.types).all()
        assert not ids[~real].any()
    assert glue_examples([GlueRow("cat", None, None)], encoder, nli.labels)[0].label == -100
    with pytest.raises(UserError, match="row 1: label 'foo' is none of the model's: entailment, neutral"):
        glue_examples([GlueRow("cat", None, "foo")], encoder, nli.labels)


def test_the_loss_is_a_sum_over_known_labels(tiny_teacher, nli):
    task = task_of(tiny_teacher, nli)
    made = glue_examples(nli.splits["dev"][:6], Encoder.load(tiny_teacher, 16), nli.labels)
    hidden = glue_examples([nli.splits["dev"][0]._replace(label=None)], Encoder.load(tiny_teacher, 16), nli.labels)
    each = []
    for example in made:
        tensors = to_tensors(collate([example]), "cpu")
        logits = task.logits(tensors["ids"], tensors["types"])[0]
        each.append(float((logits.logsumexp(0) - logits[example.label]).detach()))
    loss = task(**to_tensors(collate([*made, *hidden]), "cpu"))["task"]
    assert int(loss.positions) == 6
    assert float(loss.total.detach()) == pytest.approx(sum(each), rel=1e-4)


def test_a_scores_loss_is_its_squared_error(tiny_teacher, similarity):
    task = task_of(tiny_teacher, similarity)
    made = glue_examples(similarity.splits["dev"][:5], Encoder.load(tiny_teacher, 16), ())
    batch = collate(made)
    assert batch.labels.dtype == np.float32
    tensors = to_tensors(batch, "cpu")
    scores = task.predict(tensors["ids"], tensors["types"], tensors.get("attention")).detach().numpy()
    loss = task(**tensors)["task"]
    assert float(loss.total.detach()) == pytest.approx(float(((scores - batch.labels) ** 2).sum()), rel=1e-5)
    assert int(loss.positions) == 5


@pytest.mark.parametrize("kind", ["nli", "similarity"])
def test_batching_padding_and_order_change_no_prediction(tiny_teacher, kind, request):
    data = request.getfixturevalue(kind)
    task, encoder = task_of(tiny_teacher, data), Encoder.load(tiny_teacher, 32)
    rows = data.splits["train"][:40]
    balance(task, rows, encoder)
    together = predict(task, rows, encoder)
    assert len(set(together)) > 1
    alone = [predict(task, [row], encoder)[0] for row in rows]
    order = np.random.default_rng(0).permutation(len(rows))
    shuffled = predict(task, [rows[i] for i in order], encoder)
    unlabelled = predict(task, [row._replace(label=None) for row in rows], encoder)
    if data.regression:
        assert alone == pytest.approx(together, abs=1e-4)
        assert shuffled == pytest.approx([together[i] for i in order], abs=1e-4)
    else:
        assert alone == together
        assert shuffled == [together[i] for i in order]
    assert unlabelled == together


def test_the_second_text_is_told_from_the_first(tiny_teacher, nli):
    encoder, task = Encoder.load(tiny_teacher, 16), task_of(tiny_teacher, nli)
    ids = to_tensors(collate(glue_examples(pairs(1, 1), encoder, nli.labels)), "cpu")
    with torch.no_grad():
        apart = task.logits(ids["ids"], ids["types"])
        same = task.logits(ids["ids"], torch.zeros_like(ids["types"]))
    assert (apart - same).abs().max() > 1e-4


def test_fresh_heads_come_from_the_generator_alone(tiny_teacher, nli, similarity):
    torch.manual_seed(1)
    first = task_of(tiny_teacher, nli, seed=5).state_dict()
    torch.manual_seed(2)
    before = torch.random.get_rng_state()
    again = task_of(tiny_teacher, nli, seed=5).state_dict()
    assert (torch.random.get_rng_state() == before).all()
    assert all((first[name] == again[name]).all() for name in first)
    other = task_of(tiny_teacher, nli, seed=6).state_dict()
    assert (first["model.classifier.weight"] != other["model.classifier.weight"]).any()
    assert (
        first["model.bert.encoder.layer.0.output.dense.weight"]
        == other["model.bert.encoder.layer.0.output.dense.weight"]
    ).all()
    bias = task_of(tiny_teacher, similarity).model.classifier.bias
    assert float(bias.detach()) == pytest.approx(np.mean([row.label for row in similarity.splits["train"]]))


def test_dropout_is_set_in_all_of_the_model(tiny_teacher, nli):
    config = new_classifier(tiny_teacher, nli, generator=torch.Generator(), dropout=0.3).config
    assert (config.hidden_dropout_prob, config.attention_probs_dropout_prob) == (0.3, 0.3)


def test_label_order_is_saved_and_checked(tiny_teacher, nli, tmp_path):
    folder = tmp_path / "model"
    task = task_of(tiny_teacher, nli)
    save(task.model, tiny_teacher, folder, scores={"dev": {"accuracy": 0.5}})
    saved = json.loads((folder / "config.json").read_text())
    assert saved["id2label"] == {"0": "entailment", "1": "neutral"}
    assert saved["label2id"] == {"entailment": 0, "neutral": 1}
    about = json.loads((folder / "task.json").read_text())
    assert about == {"task": "RTE", "kind": "classification", "window": 16, "scores": {"dev": {"accuracy": 0.5}}}

    rows = nli.splits["dev"]
    encoder = Encoder.load(folder, 16)
    loaded = GlueTask(load_classifier(folder, nli))
    assert loaded.labels == nli.labels
    assert predict(loaded, rows, encoder) == predict(task, rows, encoder)

    plain = AutoModelForSequenceClassification.from_pretrained(folder, local_files_only=True).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    texts = tokenizer([r.text_a for r in rows], [r.text_b for r in rows], padding=True, return_tensors="pt")
    numbers = plain(**texts).logits.argmax(-1).tolist()
    assert [plain.config.id2label[n] for n in numbers] == predict(task, rows, encoder)

    for names, message in (
        (["neutral", "entailment"], r"model/config\.json: the model's labels are in the order neutral, entailment"),
        (["LABEL_0", "LABEL_1"], r"model/config\.json: the model's labels are LABEL_0, LABEL_1; RTE's are entailment"),
    ):
        changed = saved | {"id2label": dict(enumerate(names)), "label2id": {n: i for i, n in enumerate(names)}}
        (folder / "config.json").write_text(json.dumps(changed))
        with pytest.raises(UserError, match=message):
            load_classifier(folder, nli)


def test_a_folder_that_is_no_fine_tuned_model(tiny_teacher, nli, tmp_path):
    with pytest.raises(UserError, match="no model in it"):
        load_classifier(tmp_path, nli)
    with pytest.raises(UserError, match=r"lacks bert\.pooler\.dense\.bias: it is not fine-tuned"):
        load_classifier(tiny_teacher, nli)
    with pytest.raises(UserError, match="no model in it"):
        new_classifier(tmp_path, nli, generator=torch.Generator())


def test_what_was_fine_tuned_on_one_task_begins_the_next_with_a_fresh_head(tiny_teacher, nli, similarity, tmp_path):
    first = task_of(tiny_teacher, nli)
    save(first.model, tiny_teacher, tmp_path / "m")
    again = new_classifier(tmp_path / "m", nli, generator=torch.Generator().manual_seed(0))
    assert again.classifier.weight.abs().max() < 0.2 < 1 < first.model.classifier.weight.abs().max()
    score = new_classifier(tmp_path / "m", similarity, generator=torch.Generator().manual_seed(0))
    assert score.classifier.weight.shape == (1, 32)


def test_fine_tuning_learns_chooses_on_development_and_is_the_same_again(tiny_teacher, nli, tmp_path):
    easy = {name: [GlueRow(r.text_a, None, ("entailment", "neutral")[int("cat" in r.text_a)]) for r in rows]
            for name, rows in nli.splits.items()}  # fmt: skip
    data = GlueData(SOURCE, "RTE", easy)
    tuning = TUNING.model_copy(update={"epochs": 8})
    out = tmp_path / "one"
    tuned = finetune_glue(tiny_teacher, data, tuning, out, seed=0)
    assert set(tuned.reported) == {"test"}
    assert tuned.reported["test"]["accuracy"] > 0.9
    assert tuned.best == max(tuned.curve, key=lambda entry: entry["score"])
    assert finetune_glue(tiny_teacher, data, tuning, tmp_path / "two", seed=0).curve == tuned.curve
    assert all(file.read_bytes() == (tmp_path / "two" / file.name).read_bytes() for file in out.iterdir())
    predictions = json.loads((out / "predictions.json").read_text())["test"]
    task = GlueTask(load_classifier(out, data))
    assert predict(task, easy["test"], Encoder.load(out, TUNING.window)) == predictions
    assert json.loads((out / "task.json").read_text())["scores"] == tuned.reported


def test_reported_rows_have_no_say(tiny_teacher, nli, tmp_path):
    changed = nli.splits | {"test": [r._replace(label="neutral") for r in nli.splits["test"]]}
    one = finetune_glue(tiny_teacher, nli, TUNING, tmp_path / "one", seed=0, limit=32)
    two = finetune_glue(tiny_teacher, GlueData(SOURCE, "RTE", changed), TUNING, tmp_path / "two", seed=0, limit=32)
    assert one.curve == two.curve
    for name in ("model.safetensors", "predictions.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_a_regression_runs_too(tiny_teacher, similarity, tmp_path):
    tuned = finetune_glue(tiny_teacher, similarity, TUNING, tmp_path, seed=0)
    assert set(tuned.reported["dev"]) == {"pearson", "spearman", "score"}
    assert all(isinstance(value, float) for value in json.loads((tmp_path / "predictions.json").read_text())["dev"])
    assert json.loads((tmp_path / "task.json").read_text())["kind"] == "regression"


def test_settings_that_glue_does_not_read_are_errors(tiny_teacher, nli, tmp_path):
    with pytest.raises(UserError, match=r"piece_dropout=0\.1 is for intents and slots alone"):
        finetune_glue(tiny_teacher, nli, TUNING.model_copy(update={"piece_dropout": 0.1}), tmp_path, seed=0)
