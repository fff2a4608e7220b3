"""`python -m inference predict`: answers of a frozen network for picture files and folders."""

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Column, Table

from inference.cards import name_for_display
from inference.classifier import Classifier
from inference.commands import run_command
from inference.errors import UserInputError
from inference.images import SUFFIXES, decode
from inference.versions import find_version

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
    classifier = Classifier(find_version(exported, model, version), providers)
    files = list(list_files(paths))
    shown = track(
        files,
        "pictures",
        console=Console(stderr=True),
        disable=not sys.stderr.isatty() or len(files) < 20,
    )
    rows = [answer_file(classifier, path, heatmap) for path in shown]
    typer.echo(json.dumps(rows, ensure_ascii=False)) if as_json else _print_table(rows)
    if any("error" in row for row in rows):
        raise typer.Exit(1)


def list_files(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield the files, and the pictures in folders, sorted, without hidden ones.

    Raises: UserInputError for a path at which there is nothing.
    """
    for path in paths:
        if path.is_dir():
            yield from sorted(
                p
                for p in path.rglob("*")
                if p.is_file() and p.suffix.lower() in SUFFIXES and not p.name.startswith(".")
            )
        elif path.is_file():
            yield path
        else:
            raise UserInputError(f"There is nothing at {path}. Give picture files or folders.")


def answer_file(classifier: Classifier, path: Path, with_heatmap: bool = False) -> dict[str, Any]:
    """Return the file's name with the prediction's JSON, or with an `error` sentence."""
    name = str(path).encode(errors="replace").decode()  # a name need not be valid UTF-8
    try:
        image = decode(path.read_bytes(), classifier.min_side)
    except UserInputError as error:
        return {"file": name, "error": str(error)}
    except OSError as error:
        return {"file": name, "error": f"This file cannot be opened: {error.strerror}."}
    prediction = classifier.predict([image])[0]
    return {"file": name, **prediction.to_json(with_heatmap=with_heatmap)}


def _print_table(rows: list[dict[str, Any]]) -> None:
    table = Table(Column("file", overflow="fold"), "answer", "probability", "certainty", "ms")
    for row in rows:
        if "error" in row:
            table.add_row(row["file"], row["error"], "", "", "")
            continue
        top = row["probabilities"][row["label"]]
        name = name_for_display(row["label"])
        table.add_row(
            row["file"], name, f"{top:.1%}", row["certainty"], f"{row['milliseconds']:.0f}"
        )
    Console(markup=False, emoji=False).print(table)  # a file may be named [b] or :smile:


if __name__ == "__main__":
    run_command(app)
