"""Provenance: what made a result, without naming the machine."""

import json
import os
import socket

from mixvocab_book.store import provenance


def test_everything_is_there_and_json():
    facts = provenance.provenance()
    assert json.loads(json.dumps(facts)) == facts
    assert {"python", "torch", "transformers", "numpy"} <= facts["versions"].keys()
    assert facts["hardware"]["cores"] >= 1
    assert set(facts["hardware"]) == {"cpu", "cores", "memory_gb", "gpu", "system"}


def test_machine_is_not_named():
    text = json.dumps(provenance.provenance())
    assert os.path.expanduser("~") + "/" not in text
    assert str(provenance.ROOT) not in text
    assert len(socket.gethostname()) < 4 or socket.gethostname() not in text


def test_outside_a_checkout_the_commit_is_unknown(monkeypatch):
    monkeypatch.setattr(provenance, "project_root", lambda: None)
    assert provenance.git_state() == {"commit": None, "dirty": None}
