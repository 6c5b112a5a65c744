"""The models to time beside the students: same runtime, weights drawn at random, which cost as much time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import onnx
import torch

from mixvocab.edge.export import GRAPH, NUMBERS, weights_of
from mixvocab.edge.runtime import Kind, Model, Predictor, open_session
from mixvocab.models.mobile import PUBLISHED, MobileShape, mobile_config, mobile_shapes
from mixvocab.models.parameters import STUDENT_SHAPES, BertShape
from mixvocab.models.student import bert_config
from mixvocab.tasks.encoding import Bundle, Encoded, Encoder
from mixvocab.tasks.joint import JOINT, JointBert
from mixvocab.tasks.stackprop import StackProp

# As many as SNIPS has; the words, those of its training split, are StackProp's vocabulary.
INTENTS, SLOTS, WORDS = ([str(number) for number in range(count)] for count in (7, 72, 11_420))
BUNDLE = Bundle("latency", "joint", 512, labels=INTENTS, slots=SLOTS)
TIMED: tuple[Kind, ...] = ("fp32", "int8")  # "w8" is "fp32" once it is loaded
STUDENT = "L-6 H-96"
BASE = "BERT-base"
BERT_PIECES = 30_522
EAGER = f"{STUDENT}, eager PyTorch"
STACKPROP = "StackProp, eager PyTorch"
LARGE = {
    BASE: BertShape(12, 768, BERT_PIECES, heads=12),
    "DistilBERT-6": BertShape(6, 768, BERT_PIECES, heads=12),
    "TinyBERT-4": BertShape(4, 312, BERT_PIECES, heads=12, intermediate=1200),
    "MobileBERT": PUBLISHED["MobileBERT"],
}
HALF_TEACHER = BertShape(3, 384, BERT_PIECES, heads=12)
"""Of the book's teacher: the students that keep layers of it (chapter 8)."""


def contestants(threads: int, encoder: Encoder, *, large: bool = True) -> Iterator[tuple[str, Model]]:
    """The models to time by name, the BERTs in 32 bits ("fp32") and in 8 bits ("int8"); all read ids of `encoder`.

    BERTs, MobileBERT among them, are built by `mixvocab.edge` and run by ONNX Runtime. StackProp's decoders choose word
    by word, a loop that PyTorch's exporter would write out for one length only: it runs in eager PyTorch. Without
    `large` there are the smallest student and what runs in PyTorch alone.
    """

    def in_onnx(graph: onnx.ModelProto) -> Model:
        return Predictor(BUNDLE, encoder, open_session(graph.SerializeToString(), threads)).logits

    def in_torch(model: Callable[[torch.Tensor], object]) -> Model:
        def run(text: Encoded) -> object:
            torch.set_num_threads(threads)
            with torch.inference_mode():
                return model(torch.from_numpy(text.ids[None]))

        return run

    def bert(shape: BertShape) -> JointBert:
        config = mobile_config(shape) if isinstance(shape, MobileShape) else bert_config(shape)
        config.intent_labels, config.slot_labels = INTENTS, SLOTS
        return JOINT[config.model_type](config).eval()

    pieces = encoder.tokenizer.get_vocab_size()
    students = {name: replace(shape, vocab_size=pieces) for name, shape in STUDENT_SHAPES.items()}
    students |= {shape.name: shape for shape in (mobile_shapes(students[STUDENT])[0], HALF_TEACHER)}
    for name, shape in (students | LARGE if large else {STUDENT: students[STUDENT]}).items():
        model = bert(shape)
        graph, weights = GRAPH[model.config.model_type], weights_of(model)
        for kind in TIMED:
            yield f"{name}, {kind}", in_onnx(graph(model.config, BUNDLE, weights, NUMBERS[kind]).build())
    yield EAGER, in_torch(bert(students[STUDENT]))
    yield STACKPROP, in_torch(StackProp(WORDS, 0, INTENTS, SLOTS, dropout=0.0, window=512).eval().logits)
