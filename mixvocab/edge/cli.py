"""`mixvocab export`, `predict` and `bench`: a fine-tuned model on the device."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mixvocab.common.errors import UserError, need

if TYPE_CHECKING:
    from mixvocab.edge.runtime import Answer, Text


def export(
    folder: Annotated[Path, typer.Argument(help="Folder of a fine-tuned model, or of a pretrained student.")],
    out: Annotated[Path, typer.Option(help="New folder for the ONNX files, the tokenizer and task.json.")],
) -> None:
    """Write a model as ONNX with 32-bit and with 8-bit weights, checked against PyTorch."""
    need("export", "onnx", "onnxruntime")
    from mixvocab.edge.bundle import deployed_bytes
    from mixvocab.edge.export import export as run

    exported = run(folder, out)
    sizes = deployed_bytes(out)
    typer.echo(
        f"written to {out}: {exported.bundle.task} ({exported.bundle.kind}), window {exported.bundle.window} tokens"
    )
    gaps = ", ".join(f"{gap:.1e} ({numbers})" for numbers, gap in exported.gaps.items())
    typer.echo(f"largest difference of a logit from PyTorch: {gaps}")
    typer.echo(f"to deploy: {sum(sizes.values()):,} bytes: " + ", ".join(f"{n} {size:,}" for n, size in sizes.items()))


def predict(
    folder: Annotated[Path, typer.Argument(help="Folder that `mixvocab export` wrote.")],
    texts: Annotated[
        list[str] | None, typer.Argument(help="Texts; a tab separates a pair. Without any: lines of standard input.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a text.")] = False,
    fp32: Annotated[bool, typer.Option("--fp32", help="Use the 32-bit weights.")] = False,
    int8: Annotated[
        bool, typer.Option("--int8", help="Multiply in 8 bits, too: faster where the processor can.")
    ] = False,
    threads: Annotated[int, typer.Option(min=0, help="Threads; 0: as many as there are cores.")] = 1,
) -> None:
    """Answer texts with an exported model; needs no PyTorch."""
    need("export", "onnxruntime")
    from mixvocab.edge.runtime import Predictor

    if fp32 and int8:
        raise UserError("--fp32 and --int8: choose one of them")
    predictor = Predictor.load(folder, numbers="fp32" if fp32 else "int8" if int8 else "w8", threads=threads)
    given: Iterable[str] = texts or (line.rstrip("\r\n") for line in sys.stdin)
    number = 0
    for number, text in enumerate(given, 1):
        try:
            answer = predictor.predict([_parts(text)])[0]
        except UserError as error:
            raise UserError(f"text {number}: {error}") from None
        typer.echo(_as_json(text, answer) if as_json else _as_text(text, answer))
    if not number:
        raise UserError("no text: give texts as arguments or as lines of standard input")


def bench(
    folders: Annotated[list[Path], typer.Argument(help="Folders that `mixvocab export` wrote; they take turns.")],
    lengths: Annotated[str, typer.Option(help="Tokens a query, separated by commas.")] = "8,16,32,128",
    rounds: Annotated[int, typer.Option(min=1, help="Turns of each model.")] = 50,
) -> None:
    """Measure milliseconds a query: every kind of numbers, one thread and all threads, warm."""
    need("export", "onnxruntime")
    from rich.console import Console
    from rich.table import Table

    from mixvocab.edge.bundle import GRAPHS, Bundle
    from mixvocab.edge.latency import exported, measure

    wanted = _lengths(lengths)
    window = min(Bundle.load(folder).window for folder in folders)
    fitting = [length for length in wanted if length <= window]
    if not fitting:
        raise UserError(f"--lengths {lengths}: the models' window is {window} tokens; name a shorter length")
    if len(fitting) < len(wanted):
        typer.echo(f"lengths beyond the window of {window} tokens are left out")
    table = Table(title="milliseconds a query: from ids, and from text", title_justify="left")
    for heading in ("model", "threads", "tokens", "p50", "p95", "p50 from text", "p95 from text"):
        table.add_column(heading, justify="left" if heading == "model" else "right")
    for threads in sorted({1, os.cpu_count() or 1}):
        models = [exported(folder, numbers=kind, threads=threads) for folder in folders for kind in GRAPHS]
        for latency in measure(models, fitting, rounds):
            times = (f"{ms:.3f}" for ms in (latency.p50, latency.p95, latency.text_p50, latency.text_p95))
            table.add_row(latency.name, str(latency.threads), str(latency.length), *times)
    Console().print(table)


def register(app: typer.Typer) -> None:
    """Add the three commands."""
    for command in (export, predict, bench):
        app.command()(command)


def _parts(line: str) -> Text:
    first, tab, second = line.partition("\t")
    return (first, second) if tab else first


def _lengths(given: str) -> list[int]:
    try:
        lengths = [int(part) for part in given.split(",")]
    except ValueError:
        raise UserError(f"--lengths {given}: write numbers with commas between them, for example 16,128") from None
    if min(lengths) < 3:
        raise UserError(f"--lengths {given}: the shortest query has 3 tokens, [CLS] and [SEP] among them")
    return lengths


def _as_json(text: str, answer: Answer) -> str:
    values = {"text": text, **asdict(answer)}
    return json.dumps(values, ensure_ascii=False)


def _as_text(text: str, answer: Answer) -> str:
    if answer.label is None:
        return f"{text}\n  score {answer.score:.3f}"
    lines = [text, f"  {answer.label} ({answer.probability:.1%})"]
    lines += [f"  {slot.name}: {slot.text}" for slot in answer.slots]
    if not answer.complete:
        lines.append("  (longer than the model's window: the last words were not read)")
    return "\n".join(lines)
