"""The command `mixvocab`: learn a vocabulary, distil a model, fine-tune it, ship it.

Bad input ends in one line on standard error and exit code 2. Everything heavy is imported by the command that
needs it, so that `mixvocab --help` answers at once.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mixvocab.common.errors import UserError, need, run_command

if TYPE_CHECKING:
    from mixvocab.text.wordpiece import Vocabulary

app = typer.Typer(
    name="mixvocab",
    help="Compress BERT to a few megabytes with a small vocabulary, by mixed-vocabulary training.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


NewFolder = Annotated[Path, typer.Option(help="New folder; an unfinished run of the same settings goes on.")]
ProfileName = Annotated[str, typer.Option(help="How much is computed: smoke, laptop, evening, gpu, paper.")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", help="Replace a setting of the profile: stage_two.steps=5000; repeatable.")
]
RecipeSettings = Annotated[
    list[str] | None, typer.Option("--set", help="Replace a setting of the task's recipe: epochs=20; repeatable.")
]
Seed = Annotated[int, typer.Option(min=0, help="Seed of everything drawn.")]


@app.command()
def vocab(
    text: Annotated[list[str], typer.Argument(help="Text files or folders, or auto, embedded, code, hub:<name>.")],
    out: Annotated[Path, typer.Option(help="Folder to write vocab.txt and tokenizer.json to.")],
    size: Annotated[int, typer.Option(help="Number of pieces, special ones and characters included.")] = 5000,
    teacher: Annotated[
        str | None, typer.Option(help="Compare with this teacher's vocabulary: a folder, auto, embedded, hub:<name>.")
    ] = None,
    megabytes: Annotated[float | None, typer.Option(min=0.001, help="Read at most this much of each text.")] = None,
    processes: Annotated[int, typer.Option(min=1, help="Count words in so many processes; the result is equal.")] = 1,
    cased: Annotated[bool, typer.Option("--cased", help="Keep capitals and accents.")] = False,
) -> None:
    """Learn a WordPiece vocabulary from text and report what it is worth."""
    from mixvocab import verbs
    from mixvocab.models.pretrained import load_tokenizer
    from mixvocab.sources.teacher import resolve_teacher
    from mixvocab.text.learner import learn_vocabulary
    from mixvocab.text.wordpiece import Vocabulary

    if out.exists() and not out.is_dir():
        raise UserError(f"--out {out} is a file; name a folder")
    # What may fail on bad input comes before the work that takes time.
    other = None
    if teacher:
        folder = Path(teacher).expanduser()  # the tokenizer's files in it will do
        named = folder.is_dir() and teacher not in ("auto", "data-dir", "hub", "embedded")
        other = Vocabulary.of(load_tokenizer(folder if named else resolve_teacher(teacher).folder))
    counted = verbs.read_counts(text, megabytes, processes)
    counts = counted(not cased)
    vocabulary = learn_vocabulary(counts, size, lowercase=not cased)
    vocabulary.save(out)
    read = {"learned": (vocabulary, counts)}
    if other:
        read["teacher"] = other, counts if other.lowercase == vocabulary.lowercase else counted(other.lowercase)
    _report(read)
    typer.echo(f"written to {out}")


@app.command()
def distill(
    out: NewFolder,
    text: Annotated[str, typer.Option(help="Text file or folder, or auto, embedded, code, hub:<name>.")] = "auto",
    teacher: Annotated[str, typer.Option(help="Folder of a BERT, or a source: auto, embedded, hub:<name>.")] = "auto",
    vocabulary: Annotated[
        Path | None, typer.Option("--vocab", help="Vocabulary made by `mixvocab vocab`; without one it is learned.")
    ] = None,
    profile: ProfileName = "laptop",
    setting: Settings = None,
    data_dir: Annotated[Path | None, typer.Option(help="Data folder; default: the one in MIXVOCAB_DATA.")] = None,
    seed: Seed = 0,
    method: Annotated[str, typer.Option(help="How: mixed (stage I, then stage II), pca, nokd, ...")] = "mixed",
) -> None:
    """Compress a BERT to a small student with a small vocabulary."""
    from mixvocab import verbs
    from mixvocab.settings.given import parse_settings

    verbs.distill(
        out,
        text=text,
        teacher=teacher,
        vocabulary=vocabulary,
        profile=profile,
        method=method,
        seed=seed,
        data_dir=data_dir,
        settings=parse_settings(setting or []),
    )
    typer.echo(f"written to {out}: load it with AutoModelForMaskedLM.from_pretrained")


@app.command()
def finetune(
    model: Annotated[Path, typer.Argument(help="Folder of a student (mixvocab distill) or of another BERT.")],
    task: Annotated[str, typer.Option(help="snips (any intents and slots in its layout), or a GLUE task by name.")],
    out: NewFolder,
    data: Annotated[str, typer.Option(help="The task's folder, or a source: auto, embedded, hub:<name>.")] = "auto",
    profile: ProfileName = "laptop",
    setting: RecipeSettings = None,
    rows: Annotated[int | None, typer.Option(min=1, help="Train on at most so many rows; default: on all.")] = None,
    seed: Seed = 0,
    teacher: Annotated[
        Path | None, typer.Option(help="Folder of a model fine-tuned on this task, to learn from.")
    ] = None,
    method: Annotated[str | None, typer.Option(help="How, with --teacher: pkd, pkd-last, ...")] = None,
    augment_with: Annotated[
        Path | None, typer.Option(help="Folder of a BERT that proposes words for copies of rows; with --set n_a=20.")
    ] = None,
    glove: Annotated[
        Path | None, typer.Option(help="GloVe text file, for words of several pieces; with --augment-with.")
    ] = None,
) -> None:
    """Fine-tune a BERT on intents and slots or on a GLUE task; development data chooses, the rest is scored once."""
    from mixvocab import verbs
    from mixvocab.settings.given import parse_settings

    tuned = verbs.finetune(
        model,
        task,
        out,
        data=data,
        profile=profile,
        rows=rows,
        seed=seed,
        teacher=teacher,
        method=method,
        augment_with=augment_with,
        glove=glove,
        settings=parse_settings(setting or [], example="epochs=20"),
    )
    choosing = {name: value for name, value in tuned.best.items() if name not in ("step", "epoch")}
    for split, values in {"choosing rows": choosing, **tuned.reported}.items():
        typer.echo(f"{split}: " + "  ".join(f"{name} {100 * value:.2f}" for name, value in values.items()))
    typer.echo(f"written to {out}")


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(help="Folder of a fine-tuned model, or of a pretrained student.")],
    out: Annotated[Path, typer.Option(help="New folder for the ONNX files, the tokenizer and task.json.")],
) -> None:
    """Write a model as ONNX with 32-bit and with 8-bit weights, checked against PyTorch."""
    from mixvocab import verbs

    gaps = ", ".join(f"{gap:.1e} ({numbers})" for numbers, gap in verbs.export(folder, out).items())
    from mixvocab.edge.runtime import deployed_bytes

    typer.echo(f"written to {out}; largest difference of a logit from PyTorch: {gaps}")
    typer.echo("bytes to deploy: " + ", ".join(f"{name} {size:,}" for name, size in deployed_bytes(out).items()))


@app.command()
def predict(
    folder: Annotated[Path, typer.Argument(help="Folder that `mixvocab export` wrote.")],
    texts: Annotated[
        list[str] | None, typer.Argument(help="Texts, pairs with a tab between. Without any: lines of standard input.")
    ] = None,
    numbers: Annotated[
        Literal["fp32", "w8", "int8"],
        typer.Option(help="8-bit weights; 8-bit products as well, faster where the processor can; or 32 bits."),
    ] = "w8",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a text.")] = False,
) -> None:
    """Answer texts with an exported model; needs no PyTorch."""
    need("export", "onnxruntime")
    from mixvocab.edge.runtime import Answer, Predictor

    predictor = Predictor.load(folder, numbers=numbers)
    number = 0
    if isinstance(sys.stdin, TextIOWrapper):
        sys.stdin.reconfigure(errors="surrogateescape")  # as arguments have bytes that are no UTF-8
    for number, given in enumerate(texts or (line.rstrip("\r\n") for line in sys.stdin), 1):
        text = given.encode(errors="surrogateescape").decode(errors="replace")
        first, tab, second = text.partition("\t") if predictor.bundle.pair else (text, "", "")
        try:
            answer = predictor.predict(first, second if tab else None) if text.strip() else Answer(None, {})
        except UserError as error:
            raise UserError(f"text {number}: {error}") from None
        typer.echo(json.dumps(asdict(answer), ensure_ascii=False) if as_json else f"{text}\n{answer}".rstrip())
    if not number:
        raise UserError("no text: give texts as arguments or as lines of standard input")


@app.command()
def bench(
    folder: Annotated[Path, typer.Argument(help="Folder that `mixvocab export` wrote.")],
    lengths: Annotated[list[int], typer.Option("--length", min=3, help="Tokens a query; repeatable.")] = [8, 16, 32],  # noqa: B006
    rounds: Annotated[int, typer.Option(min=1, help="Turns of each kind of numbers.")] = 50,
) -> None:
    """Measure milliseconds a query: every kind of numbers, one thread and all threads, warm."""
    need("export", "onnxruntime")
    from mixvocab.edge.runtime import GRAPHS, Predictor, measure

    typer.echo("milliseconds a query\nnumbers  threads  tokens     p50     p95  p50 from text")
    for threads in sorted({1, os.cpu_count() or 1}):
        predictors = {str(kind): Predictor.load(folder, numbers=kind, threads=threads) for kind in GRAPHS}
        models = {kind: predictor.logits for kind, predictor in predictors.items()}
        for latency in measure(models, predictors["w8"].encoder, lengths, rounds, threads=threads):
            times = f"{latency.p50:8.3f}{latency.p95:8.3f}{latency.text_p50:15.3f}"
            typer.echo(f"{latency.name:7}{latency.threads:9}{latency.length:8}{times}")


@app.command()
def doctor() -> None:
    """Say what this machine has, how fast it trains, what is missing, and the command that mends it."""
    from mixvocab.doctor import report

    if not report():
        raise typer.Exit(1)


def _report(read: Mapping[str, tuple[Vocabulary, Mapping[str, int]]]) -> None:
    """Print what the text looks like under "learned" and, if there is one, "teacher", each with its words."""
    from mixvocab.text.reports import overlap, segmentation

    reports = [segmentation(vocabulary, counts) for vocabulary, counts in read.values()]
    rows = {
        f"{reports[0].words:,} words of text": list(read),
        "pieces": [f"{report.size:,}" for report in reports],
        "pieces per word": [f"{report.fertility:.3f}" for report in reports],
        "characters per piece": [f"{report.characters_per_token:.2f}" for report in reports],
        "words that are one piece": [f"{report.whole_rate:.1%}" for report in reports],
        "words it cannot spell": [f"{report.unknown_rate:.2%}" for report in reports],
    }
    if "teacher" in read:
        shared = overlap(read["learned"][0], read["teacher"][0].pieces, read["learned"][1])
        rows["overlap: its pieces that the teacher has too"] = [f"{shared.share:.1%}"]
        rows["overlap: by use in the text"] = [f"{shared.share_of_text:.1%}"]
    for name, values in rows.items():
        typer.echo(f"{name:<46}" + "".join(f"{value:>10}" for value in values))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; `arguments` default to the process's own."""
    run_command(app, "mixvocab", arguments)


if __name__ == "__main__":
    main()
