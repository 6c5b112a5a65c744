from http.client import BadStatusLine
from types import SimpleNamespace

import pytest
from huggingface_hub import HfApi, constants

from mixvocab.common.errors import UserError
from mixvocab.sources import corpus, hub
from mixvocab.sources.corpus import resolve_corpus
from mixvocab.sources.glue import resolve_glue
from mixvocab.sources.rows import Sizes
from mixvocab.sources.snips import resolve_snips


@pytest.fixture
def online(monkeypatch):
    """A hub whose repositories are dictionaries: name -> split -> rows."""
    repositories = {}

    def load(name, *, split=None, streaming=False):
        splits = repositories[name]
        return iter(splits[split]) if streaming else splits

    monkeypatch.setattr(hub, "reachable", lambda: True)
    info = SimpleNamespace(sha="c0ffee" * 7, tags=["license:cc0-1.0", "en"])
    monkeypatch.setattr(HfApi, "repo_info", lambda self, name, **options: info)
    monkeypatch.setattr(hub, "load_dataset", load)
    monkeypatch.delenv("MIXVOCAB_DATA", raising=False)
    return repositories


@pytest.mark.parametrize("error", [OSError("no network"), BadStatusLine("a hotel's page")])
def test_the_hub_is_asked_once_and_not_at_all_if_offline_is_set(monkeypatch, error):
    asked = []

    def open_page(address, timeout):
        asked.append(address)
        raise error

    monkeypatch.setattr(hub.urllib.request, "urlopen", open_page)
    for offline in (True, False):
        hub.reachable.cache_clear()
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", offline)
        assert not hub.reachable()
        assert not hub.reachable()
    hub.reachable.cache_clear()
    assert len(asked) == 1


def test_the_default_corpus_with_its_provenance(online):
    online[hub.CORPUS] = {"train": [{"text": " First article .\n\nMore . \n"}, {"text": ""}, {"text": "Second ."}]}
    corpus = resolve_corpus("hub")
    assert list(corpus.documents()) == ["First article .\n\nMore .", "Second ."]
    assert (corpus.source.licence, corpus.source.location) == ("cc0-1.0", f"{hub.CORPUS}@c0ffeec0ffee")


def test_any_data_set_with_text_and_a_limit(online):
    online["me/mine"] = {"train": [{"text": f"Document {i}."} for i in range(100)]}
    assert len(list(resolve_corpus("hub:me/mine").documents())) == 100
    assert len(list(resolve_corpus("hub:me/mine", megabytes=0.00014).documents())) == 10


def test_of_the_default_data_set_so_much_is_read_where_no_limit_is_set(online, monkeypatch):
    monkeypatch.setattr(corpus, "HUB_MEGABYTES", 0.00014)
    online[hub.CORPUS] = {"train": [{"text": f"Document {i}."} for i in range(100)]}
    taken = {spec: len(list(resolve_corpus(spec).documents())) for spec in ("auto", "hub", f"hub:{hub.CORPUS}")}
    assert taken == {"auto": 10, "hub": 10, f"hub:{hub.CORPUS}": 100}
    assert len(list(resolve_corpus("hub", megabytes=0.00028).documents())) == 20
    assert resolve_corpus("hub").source.sha256 != resolve_corpus(f"hub:{hub.CORPUS}").source.sha256


def test_errors_of_the_hub_are_one_line(online):
    online["me/other"] = {"train": [{"body": "x"}]}
    with pytest.raises(UserError, match="me/other: KeyError: 'text'"):
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


def test_snips_is_not_on_the_hub(online):
    with pytest.raises(UserError, match="not on the Hugging Face hub"):
        resolve_snips("hub:me/snips")
    assert not resolve_snips("auto", sizes=Sizes(9, 1, 1)).source.real


def test_snapshot_asks_for_weights_and_words_but_no_code(monkeypatch):
    hub_library = pytest.importorskip("huggingface_hub")
    asked = {}
    monkeypatch.setattr(hub_library, "snapshot_download", lambda name, **kw: asked.update(kw, name=name) or "/tmp")
    hub.snapshot("owner/bert")
    patterns = " ".join(asked["allow_patterns"])
    assert "safetensors" in patterns
    assert not any(code in patterns for code in (".py", ".bin", ".pt", ".pkl"))
