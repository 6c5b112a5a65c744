import threading
import time

import pytest

from mixvocab.common.errors import UserError
from mixvocab.sources import hub, resolve_corpus, resolve_glue, resolve_snips


@pytest.fixture
def online(monkeypatch):
    """A hub whose repositories are dictionaries: name -> split -> rows."""
    repositories = {}

    def load(name, *, split=None, streaming=False):
        splits = repositories[name]
        return iter(splits[split]) if streaming else splits

    monkeypatch.setattr(hub, "reachable", lambda: True)
    monkeypatch.setattr(hub, "about", lambda name, kind: ("c0ffee" * 7, "cc0-1.0"))
    monkeypatch.setattr(hub, "load_dataset", load)
    monkeypatch.delenv("MIXVOCAB_DATA", raising=False)
    return repositories


def test_offline_variables_answer_without_asking(monkeypatch):
    monkeypatch.setattr(hub, "_answers", lambda endpoint: pytest.fail("asked"))
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"):
        monkeypatch.setenv("HF_HUB_OFFLINE", "0")
        monkeypatch.setenv(name, "true")
        assert not hub.reachable()


def test_a_hub_that_never_answers_is_given_up_and_asked_once(monkeypatch):
    asked = []
    stuck = threading.Event()
    monkeypatch.setattr(hub, "PROBE_SECONDS", 0.05)
    monkeypatch.setattr(hub, "_ask", lambda endpoint: asked.append(endpoint) or stuck.wait(60))
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setenv("HF_ENDPOINT", f"https://stuck-{time.monotonic_ns()}.invalid/")
    assert not hub.reachable()
    assert not hub.reachable()
    stuck.set()
    assert len(asked) == 1
    assert asked[0].endswith(".invalid")


def test_no_connection_is_no_hub():
    assert hub._ask("http://127.0.0.1:9") is False
    assert hub._ask("not an address") is False


def test_wikitext_lines_become_articles(online):
    lines = [
        "",
        " = First = \n",
        " Text of it . \n",
        " = = Section = = \n",
        "",
        " More . \n",
        " = Second = \n",
        " End . \n",
    ]
    online["Salesforce/wikitext:wikitext-103-raw-v1"] = {"train": [{"text": line} for line in lines]}
    corpus = resolve_corpus("hub")
    assert list(corpus.documents()) == ["= First =\nText of it .\n= = Section = =\nMore .", "= Second =\nEnd ."]
    assert corpus.source.licence == "cc0-1.0"
    assert corpus.source.location == "Salesforce/wikitext:wikitext-103-raw-v1@c0ffeec0ffee"


def test_any_data_set_with_text_and_a_limit(online):
    online["me/mine"] = {"train": [{"text": f"Document {i}."} for i in range(100)]}
    assert len(list(resolve_corpus("hub:me/mine").documents())) == 100
    assert len(list(resolve_corpus("hub:me/mine", megabytes=0.00014).documents())) == 10


def test_errors_of_the_hub_are_one_line(online):
    online["me/other"] = {"train": [{"body": "x"}]}
    with pytest.raises(UserError, match="columns are body"):
        resolve_corpus("hub:me/other")
    with pytest.raises(UserError, match="me/none: KeyError"):
        resolve_corpus("hub:me/none")

    with pytest.raises(UserError, match=r"^x: RuntimeError: first line$"), hub.user_errors("x"):
        raise RuntimeError("first line\nsecond line")
    with pytest.raises(UserError, match="pip install datasets"), hub.user_errors("x"):
        raise ImportError("no", name="datasets")


def test_glue_with_class_names_from_real_datasets(online):
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        {
            "premise": datasets.Value("string"),
            "hypothesis": datasets.Value("string"),
            "label": datasets.ClassLabel(names=["entailment", "neutral", "contradiction"]),
        }
    )

    def split(labels):
        columns = {"premise": ["p"] * len(labels), "hypothesis": ["h"] * len(labels), "label": labels}
        return datasets.Dataset.from_dict(columns, features=features)

    online["nyu-mll/glue:mnli"] = {
        "train": split([0, 1, 2]),
        "validation_matched": split([2]),
        "validation_mismatched": split([0]),
        "test_matched": split([-1, -1]),
    }
    data = resolve_glue("mnli", "hub")
    assert [row.label for row in data.splits["train"]] == ["entailment", "neutral", "contradiction"]
    assert data.development == ("m", "mm")
    assert data.splits["test-m"][0].label is None
    assert data.labels == ("contradiction", "entailment", "neutral")


def test_snips_columns_under_several_names(online):
    class Rows(list):
        features = {}  # noqa: RUF012

    rows = Rows([{"input": "play jazz", "slots": "O B-genre", "intent": "PlayMusic"}])
    online["me/snips"] = {"train": rows, "validation": rows, "test": rows}
    data = resolve_snips("hub:me/snips")
    assert data.splits["valid"][0] == (("play", "jazz"), ("O", "B-genre"), "PlayMusic")
    with pytest.raises(UserError, match="names no repository"):
        resolve_snips("hub")
    assert not resolve_snips("auto").source.real
    bad = Rows([{"input": "play jazz", "slots": "O", "intent": "PlayMusic"}])
    online["me/bad"] = {"train": bad, "validation": rows, "test": rows}
    with pytest.raises(UserError, match="train row 1: 1 tags for 2 words"):
        resolve_snips("hub:me/bad")
    online["me/worse"] = {"train": Rows([{"input": "x"}]), "validation": rows, "test": rows}
    with pytest.raises(UserError, match="columns input"):
        resolve_snips("hub:me/worse")


def test_snapshot_asks_for_weights_and_words_but_no_code(monkeypatch):
    hub_library = pytest.importorskip("huggingface_hub")
    asked = {}
    monkeypatch.setattr(hub_library, "snapshot_download", lambda name, **kw: asked.update(kw, name=name) or "/tmp")
    hub.snapshot("owner/bert")
    patterns = " ".join(asked["allow_patterns"])
    assert "safetensors" in patterns
    assert not any(code in patterns for code in (".py", ".bin", ".pt", ".pkl"))
