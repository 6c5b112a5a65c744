"""The models to time beside the students: same runtime, weights drawn at random, which cost as much time."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cache

import numpy as np
import torch
from torch import nn
from transformers import BertConfig, MobileBertConfig, MobileBertModel

from mixvocab.edge.bundle import Bundle
from mixvocab.edge.graph import bert
from mixvocab.edge.latency import Contestant, of_session
from mixvocab.edge.network import OPSET, Floats, Integers
from mixvocab.edge.runtime import open_session
from mixvocab.models.parameters import BERT_PIECES, STUDENT_SHAPES, BertShape
from mixvocab.models.student import bert_config
from mixvocab.tasks.encoding import Encoder
from mixvocab.tasks.joint_bert import JointBert
from mixvocab.tasks.stackprop import StackProp

INTENTS, SLOTS = 7, 72  # labels of SNIPS
WORDS = 11_420  # words of SNIPS' training split, StackProp's vocabulary
STUDENT = "L-6 H-96"
BASE = "BERT-base"
EAGER = f"{STUDENT}, eager PyTorch"
MOBILE = "MobileBERT, fp32"
STACKPROP = "StackProp, eager PyTorch"

LARGE = {
    BASE: BertShape(12, 768, BERT_PIECES, heads=12),
    "DistilBERT-6": BertShape(6, 768, BERT_PIECES, heads=12),
    "TinyBERT-4": BertShape(4, 312, BERT_PIECES, heads=12, intermediate=1200),
}


def contestants(threads: int, encoder: Encoder, *, large: bool = True, seed: int = 0) -> Iterator[Contestant]:
    """The models to time, the BERTs in 32 bits ("fp32") and in 8 bits ("int8"); all of them read ids of `encoder`.

    All BERTs are built and run the same way (`mixvocab.edge.graph`, ONNX Runtime). MobileBERT goes through
    PyTorch's exporter and ONNX Runtime's own fusions. StackProp's decoders choose word by word, a loop that the
    exporter would write out for one length only: it runs in eager PyTorch. Without `large` there are the smallest
    student and what runs in PyTorch alone.
    """
    pieces = encoder.tokenizer.get_vocab_size()
    students = {name: replace(shape, vocab_size=pieces) for name, shape in STUDENT_SHAPES.items()}
    shapes = students | LARGE if large else {STUDENT: students[STUDENT]}
    for name, shape in shapes.items():
        for kind, numbers in (("fp32", Floats()), ("int8", Integers())):
            session = open_session(random_graph(shape, numbers, seed), threads)
            yield of_session(f"{name}, {kind}", session, encoder, threads)
    if large:
        yield of_session(MOBILE, open_session(mobilebert(seed), threads), encoder, threads)
    with _seeded(seed):
        student = JointBert(_config(students[STUDENT])).eval()
    yield in_torch(EAGER, lambda ids, mask: student(ids, mask), threads, encoder)
    baseline = random_stackprop(seed)
    yield in_torch(STACKPROP, lambda ids, mask: baseline.predict(ids), threads, encoder)


def random_graph(shape: BertShape, numbers: Floats, seed: int = 0) -> bytes:
    """A joint model of this shape as ONNX."""
    rng = np.random.default_rng(seed)
    with torch.device("meta"):  # names and shapes without the weights
        model = JointBert(_config(shape))
    weights = {
        name: np.ones(tensor.shape, np.float32)
        if name.endswith("LayerNorm.weight")
        else rng.standard_normal(tuple(tensor.shape), np.float32) * np.float32(0.02)
        for name, tensor in model.state_dict().items()
    }
    return bert(model.config, Bundle("latency", "joint", shape.positions), weights, numbers).SerializeToString()


def random_stackprop(seed: int = 0) -> StackProp:
    """StackProp at its published sizes, ready to predict."""
    labels = [[str(i) for i in range(count)] for count in (INTENTS, SLOTS)]
    words = ["[PAD]", "[UNK]", *(str(i) for i in range(WORDS - 2))]
    return StackProp(words, 0, *labels, generator=torch.Generator().manual_seed(seed)).eval()


@cache
def mobilebert(seed: int = 0) -> bytes:
    """MobileBERT's encoder as PyTorch's exporter writes it."""
    with _seeded(seed):
        model = MobileBertModel(MobileBertConfig(), add_pooling_layer=False).eval()
    return plain_export(model)


def plain_export(model: nn.Module) -> bytes:
    """A BERT-like model by `torch.onnx.export`, batch and length dynamic, no fusion of ours."""
    ids = torch.ones(2, 8, dtype=torch.int64)
    dynamic = {0: torch.export.Dim("B"), 1: torch.export.Dim("T", max=512)}
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it misses torchvision, which no BERT has
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            model,
            (),
            kwargs={"input_ids": ids, "attention_mask": torch.ones_like(ids)},
            dynamic_shapes={"input_ids": dynamic, "attention_mask": dynamic},
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None  # only the older exporter returns nothing
    return program.model_proto.SerializeToString()


def in_torch(
    name: str, model: Callable[[torch.Tensor, torch.Tensor], object], threads: int, encoder: Encoder
) -> Contestant:
    """A PyTorch model as a contestant; it runs as it stands, operation by operation."""

    def run(feed: Mapping[str, np.ndarray]) -> object:
        with torch.inference_mode():
            return model(*(torch.from_numpy(feed[part]) for part in ("input_ids", "attention_mask")))

    return Contestant(name, threads, encoder, run, before=lambda: torch.set_num_threads(threads))


def _config(shape: BertShape) -> BertConfig:
    config = bert_config(shape)
    config.intent_labels, config.slot_labels = ([str(i) for i in range(count)] for count in (INTENTS, SLOTS))
    return config


@contextlib.contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """transformers draws from torch's global generator: lend it our seed, then give it back."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
