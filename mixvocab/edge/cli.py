"""`mixvocab export`, `predict` and `bench`: a fine-tuned model on the device."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from mixvocab.common.errors import UserError, need
from mixvocab.edge.runtime import GRAPHS, Answer, Kind, Predictor, deployed_bytes


def export(
    folder: Annotated[Path, typer.Argument(help="Folder of a fine-tuned model, or of a pretrained student.")],
    out: Annotated[Path, typer.Option(help="New folder for the ONNX files, the tokenizer and task.json.")],
) -> None:
    """Write a model as ONNX with 32-bit and with 8-bit weights, checked against PyTorch."""
    need("export", "onnx", "onnxruntime")
    from mixvocab.edge.export import export as run

    gaps = ", ".join(f"{gap:.1e} ({numbers})" for numbers, gap in run(folder, out).items())
    typer.echo(f"written to {out}; largest difference of a logit from PyTorch: {gaps}")
    typer.echo("bytes to deploy: " + ", ".join(f"{name} {size:,}" for name, size in deployed_bytes(out).items()))


def predict(
    folder: Annotated[Path, typer.Argument(help="Folder that `mixvocab export` wrote.")],
    texts: Annotated[
        list[str] | None, typer.Argument(help="Texts; a tab separates a pair. Without any: lines of standard input.")
    ] = None,
    numbers: Annotated[
        Kind, typer.Option(help="8-bit weights; 8-bit products as well, faster where the processor can; or 32 bits.")
    ] = "w8",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a text.")] = False,
) -> None:
    """Answer texts with an exported model; needs no PyTorch."""
    need("export", "onnxruntime")
    predictor = Predictor.load(folder, numbers=numbers)
    number = 0
    for number, text in enumerate(texts or (line.rstrip("\r\n") for line in sys.stdin), 1):
        first, tab, second = text.partition("\t")
        try:
            answer = predictor.predict(first, second if tab else None)
        except UserError as error:
            raise UserError(f"text {number}: {error}") from None
        typer.echo(json.dumps(asdict(answer), ensure_ascii=False) if as_json else "\n  ".join([text, *_lines(answer)]))
    if not number:
        raise UserError("no text: give texts as arguments or as lines of standard input")


def bench(
    folder: Annotated[Path, typer.Argument(help="Folder that `mixvocab export` wrote.")],
    lengths: Annotated[list[int], typer.Option("--length", min=3, help="Tokens a query; repeatable.")] = [8, 16, 32],  # noqa: B006
    rounds: Annotated[int, typer.Option(min=1, help="Turns of each kind of numbers.")] = 50,
) -> None:
    """Measure milliseconds a query: every kind of numbers, one thread and all threads, warm."""
    need("export", "onnxruntime")
    from mixvocab.edge.latency import measure

    typer.echo("milliseconds a query\nnumbers  threads  tokens     p50     p95  p50 from text")
    for threads in sorted({1, os.cpu_count() or 1}):
        predictors = {kind: Predictor.load(folder, numbers=kind, threads=threads) for kind in GRAPHS}
        models = {str(kind): predictor.logits for kind, predictor in predictors.items()}
        for latency in measure(models, predictors["w8"].encoder, lengths, rounds, threads=threads):
            times = f"{latency.p50:8.3f}{latency.p95:8.3f}{latency.text_p50:15.3f}"
            typer.echo(f"{latency.name:7}{latency.threads:9}{latency.length:8}{times}")


def _lines(answer: Answer) -> list[str]:
    if answer.label is None:
        return [f"score {answer.score:.3f}"]
    lines = [f"{answer.label} ({answer.probability:.1%})", *(f"{slot.name}: {slot.text}" for slot in answer.slots)]
    return lines if answer.complete else [*lines, "(longer than the window: the last words were not read)"]
