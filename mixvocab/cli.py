"""The command `mixvocab`: learn a vocabulary, distil a model, fine-tune it, ship it.

Bad input ends in one line on standard error and exit code 2. Everything heavy is imported by the command that
needs it, so that `mixvocab --help` answers at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mixvocab import __version__
from mixvocab.common.errors import UserError, run_command
from mixvocab.edge.cli import bench, export, predict
from mixvocab.tasks.cli import finetune

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from mixvocab.text.wordpiece import Vocabulary

app = typer.Typer(
    name="mixvocab",
    help="Compress BERT to a few megabytes with a small vocabulary, by mixed-vocabulary training.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for command in (finetune, export, predict, bench):
    app.command()(command)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mixvocab {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and end.")
    ] = False,
) -> None:
    """Compress BERT to a few megabytes with a small vocabulary, by mixed-vocabulary training."""


@app.command()
def vocab(
    text: Annotated[list[str], typer.Argument(help="Text files or folders, or auto, embedded, code, hub:<name>.")],
    out: Annotated[Path, typer.Option(help="Folder to write vocab.txt and tokenizer.json to.")],
    size: Annotated[int, typer.Option(help="Number of pieces, special ones and characters included.")] = 5000,
    teacher: Annotated[
        str | None, typer.Option(help="Compare with this teacher's vocabulary: a folder, auto, embedded, hub:<name>.")
    ] = None,
    megabytes: Annotated[float | None, typer.Option(help="Read at most this much of each text.")] = None,
    processes: Annotated[int, typer.Option(min=1, help="Count words in so many processes; the result is equal.")] = 1,
    cased: Annotated[bool, typer.Option("--cased", help="Keep capitals and accents.")] = False,
) -> None:
    """Learn a WordPiece vocabulary from text and report what it is worth."""
    from mixvocab.models.teacher import load_tokenizer
    from mixvocab.sources import resolve_corpus, resolve_teacher
    from mixvocab.text.learner import learn_vocabulary
    from mixvocab.text.reading import count_words

    if out.exists() and not out.is_dir():
        raise UserError(f"--out {out} is a file; name a folder")
    # What may fail on bad input comes before the work that takes time.
    tokenizer = load_tokenizer(resolve_teacher(teacher).folder) if teacher else None
    corpora = [resolve_corpus(spec, megabytes=megabytes) for spec in text]
    documents = (document for corpus in corpora for document in corpus.documents())
    counts = count_words(documents, processes=processes, lowercase=not cased)
    vocabulary = learn_vocabulary(counts, size, lowercase=not cased)
    vocabulary.save(out)
    _report(vocabulary, counts, tokenizer)
    typer.echo(f"written to {out}")


@app.command()
def distill(
    out: Annotated[
        Path, typer.Option(help="New folder for the student; an unfinished run of the same settings goes on.")
    ],
    text: Annotated[str, typer.Option(help="Text file or folder, or auto, embedded, code, hub:<name>.")] = "auto",
    teacher: Annotated[str, typer.Option(help="Folder of a BERT, or a source: auto, embedded, hub:<name>.")] = "auto",
    vocabulary: Annotated[
        Path | None, typer.Option("--vocab", help="Vocabulary made by `mixvocab vocab`; without one it is learned.")
    ] = None,
    profile: Annotated[str, typer.Option(help="How much is computed: smoke, laptop, evening, gpu, paper.")] = "laptop",
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", help="Replace a setting of the profile: stage_two.steps=5000; repeatable."),
    ] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Data folder; default: the one in MIXVOCAB_DATA.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything drawn.")] = 0,
    method: Annotated[str, typer.Option(help="How: mixed (stage I, then stage II), pca, nokd, ...")] = "mixed",
) -> None:
    """Compress a BERT to a small student with a small vocabulary."""
    from mixvocab.pipeline import Plan
    from mixvocab.pipeline import distill as run
    from mixvocab.settings.profiles import load_profile, parse_settings
    from mixvocab.sources.source import data_directory
    from mixvocab.text.wordpiece import Vocabulary

    overrides = {"corpus.source": text, "teacher.source": teacher} | parse_settings(setting or [])
    settings = load_profile(profile, **overrides)
    if vocabulary and settings.vocabulary.kind != "learned":
        raise UserError(f"vocabulary.kind={settings.vocabulary.kind} and --vocab exclude each other: leave one out")
    given = Vocabulary.load(vocabulary) if vocabulary else None
    run(Plan(settings, data_directory(data_dir), given), out, method=method, seed=seed)
    typer.echo(f"written to {out}: load it with AutoModelForMaskedLM.from_pretrained")


def _report(vocabulary: Vocabulary, counts: Mapping[str, int], teacher: PreTrainedTokenizerFast | None) -> None:
    """Print what the text looks like under the vocabulary and, if there is one, under the teacher's."""
    from mixvocab.text.reports import overlap, segmentation
    from mixvocab.text.wordpiece import Vocabulary

    known = {"learned": vocabulary} | ({"teacher": Vocabulary.of(teacher)} if teacher else {})
    reports = [segmentation(pieces, counts) for pieces in known.values()]
    rows = {
        f"{reports[0].words:,} words of text": list(known),
        "pieces": [f"{report.size:,}" for report in reports],
        "pieces per word": [f"{report.fertility:.3f}" for report in reports],
        "characters per piece": [f"{report.characters_per_token:.2f}" for report in reports],
        "words that are one piece": [f"{report.whole_rate:.1%}" for report in reports],
        "words it cannot spell": [f"{report.unknown_rate:.2%}" for report in reports],
    }
    if teacher:
        shared = overlap(vocabulary, teacher.get_vocab(), counts)
        rows["overlap: its pieces that the teacher has too"] = [f"{shared.share:.1%}"]
        rows["overlap: by use in the text"] = [f"{shared.share_of_text:.1%}"]
    for name, values in rows.items():
        typer.echo(f"{name:<46}" + "".join(f"{value:>10}" for value in values))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; `arguments` default to the process's own."""
    run_command(app, "mixvocab", arguments)


if __name__ == "__main__":
    main()
