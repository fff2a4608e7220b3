"""`python -m inference predict`: answers of a frozen network for picture files and folders."""

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from inference.commands import run_command

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)


@app.callback()
def describe() -> None:
    """Answers of a frozen network, without PyTorch."""


@app.command()
def predict(
    paths: Annotated[
        list[Path], typer.Argument(help="Picture files, or folders of them.", show_default=False)
    ],
    model: Annotated[str, typer.Option(help="Name of the model.")] = "hotdog",
    version: Annotated[
        int | None, typer.Option(help="Its version. [default: the current one]", show_default=False)
    ] = None,
    exported: Annotated[Path, typer.Option(help="Folder of the frozen networks.")] = Path(
        "exported"
    ),
    providers: Annotated[
        str, typer.Option(help="auto, cpu, cuda, or another that onnxruntime has.")
    ] = "auto",
    heatmap: Annotated[bool, typer.Option(help="Put the heatmap into the JSON.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON line, a list.")] = False,
) -> None:
    """Answer for each picture, in the order given; a bad file is a row that says why.

    Exits with 1 if there was a bad file.
    """
    from inference.threads import keep_to_one_thread

    keep_to_one_thread()
    from inference.classifier import Classifier
    from inference.folders import answer_files, list_files
    from inference.versions.folders import find_version

    files = list(list_files(paths))
    classifier = Classifier(find_version(exported, model, version), providers)
    rows = answer_files(classifier, _show_progress(files), heatmap)
    failed = _print_json(rows) if as_json else _print_lines(rows, classifier.card.class_names)
    if failed:
        raise typer.Exit(1)


def _show_progress(files: Sequence[Path]) -> Iterable[Path]:
    """Show a bar where the rows themselves go to a file or another program."""
    if len(files) < 20 or sys.stdout.isatty() or not sys.stderr.isatty():
        return files
    from rich.console import Console
    from rich.progress import track

    return track(files, "pictures", console=Console(stderr=True))


def _print_json(rows: Iterable[dict[str, Any]]) -> bool:
    """Print one line, a list, row by row; returns whether one was an error."""
    failed, before = False, "["
    for row in rows:
        failed |= "error" in row
        typer.echo(before + json.dumps(row, ensure_ascii=False), nl=False)
        before = ", "
    typer.echo("[]" if before == "[" else "]")
    return failed


def _print_lines(rows: Iterable[dict[str, Any]], class_names: Sequence[str]) -> bool:
    """Print a row as soon as it is there; returns whether one was an error."""
    from inference.versions.cards import name_for_display

    width = max(len("answer"), *(len(name_for_display(name)) for name in class_names))
    line = f"{{:<{width}}}  {{:>11}}  {{:<10}}  {{:>4}}  {{}}"
    typer.echo(line.format("answer", "probability", "certainty", "ms", "file"))
    failed = False
    for row in rows:
        if "error" in row:
            failed = True
            typer.echo(line.format("–", "", "", "", f"{row['file']}: {row['error']}"))
            continue
        top, name = row["probabilities"][row["label"]], name_for_display(row["label"])
        shown = (name, f"{top:.1%}", row["certainty"], f"{row['milliseconds']:.0f}", row["file"])
        typer.echo(line.format(*shown))
    return failed


if __name__ == "__main__":
    run_command(app)
