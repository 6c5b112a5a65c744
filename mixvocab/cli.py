"""The command `mixvocab`: learn a vocabulary, distil a model, build the book.

Bad input ends in one line on standard error and exit code 2. Everything heavy is imported by the command that
needs it, so that `mixvocab --help` answers at once.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from mixvocab import __version__
from mixvocab.errors import UserError

app = typer.Typer(
    name="mixvocab",
    help="Compress BERT to a few megabytes with a small vocabulary, by mixed-vocabulary training.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


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
    text: Annotated[list[str], typer.Argument(help="Text files or folders, or a source: auto, embedded, hub:<name>.")],
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
    from mixvocab.sources import resolve_corpus
    from mixvocab.text.counts import count_words
    from mixvocab.text.learner import learn_vocabulary

    if out.exists() and not out.is_dir():
        raise UserError(f"--out {out} is a file; name a folder")
    corpora = [resolve_corpus(spec, megabytes=megabytes) for spec in text]
    documents = (document for corpus in corpora for document in corpus.documents())
    counts = count_words(documents, processes=processes, lowercase=not cased)
    vocabulary = learn_vocabulary(counts, size, lowercase=not cased)
    vocabulary.save(out)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; `arguments` default to the process's own."""
    try:
        app(arguments, prog_name="mixvocab")
    except UserError as error:
        print(f"mixvocab: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
