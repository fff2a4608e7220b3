"""`python -m inference predict`: answers of a frozen network for picture files and folders.

NumPy, and what loads it, is imported inside functions: `--help` need not wait for it, and
`keep_to_one_thread` must come before it.
"""

import json
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inference.errors import UserInputError, run_command
from inference.process import count_usable_cores, keep_to_one_thread

if TYPE_CHECKING:
    from inference.classifier import Classifier

Row = dict[str, Any]  # a line of the JSON that is printed
_AHEAD = 4  # files a core that are worked on before they are needed; bounds the memory

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
        int | None, typer.Option(help="Its version.", show_default="the current one")
    ] = None,
    exported: Annotated[Path, typer.Option(help="Folder of the frozen networks.")] = Path(
        "exported"
    ),
    data: Annotated[
        Path | None,
        typer.Option(help="Folder of custom versions, as of the page.", show_default=False),
    ] = None,
    providers: Annotated[
        str, typer.Option(help="auto, cpu, cuda, or another that onnxruntime has.")
    ] = "auto",
    heatmap: Annotated[bool, typer.Option(help="Put the heatmap into the JSON.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON line, a list.")] = False,
) -> None:
    """Answer for each picture, in the order given; a bad file is a row that says why.

    Exits with 1 if there was a bad file.
    """
    keep_to_one_thread()
    from inference.classifier import Classifier
    from inference.versions.catalog import Catalog

    files = list(_list_files(paths))
    classifier = Classifier(Catalog(exported, data).find(model, version), providers)
    rows = _predict_files(classifier, _show_progress(files), heatmap)
    failed = _print_json(rows) if as_json else _print_lines(rows, classifier.card.class_names)
    if failed:
        raise typer.Exit(1)


def _list_files(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield the files, and the pictures in folders, sorted, without hidden ones.

    Raises: UserInputError for a path at which there is nothing.
    """
    from inference.images import SUFFIXES

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


def _predict_files(
    classifier: "Classifier", files: Iterable[Path], with_heatmap: bool
) -> Iterator[Row]:
    """Yield a row a file, in the order given; files are decoded while others are predicted."""
    cores = count_usable_cores()
    with ThreadPoolExecutor(cores) as pool:
        waiting: deque[Future[Row]] = deque()
        for path in files:
            waiting.append(pool.submit(_predict_file, classifier, path, with_heatmap))
            if len(waiting) > _AHEAD * cores:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _predict_file(classifier: "Classifier", path: Path, with_heatmap: bool) -> Row:
    """Return the file's name with the prediction's JSON, or with an `error` sentence."""
    from inference.images import decode

    name = str(path).encode(errors="replace").decode()  # a name need not be valid UTF-8
    try:
        image = decode(path.read_bytes(), classifier.min_side)
        prediction = classifier.predict([image])[0]
    except UserInputError as error:
        return {"file": name, "error": str(error)}
    except OSError as error:
        return {"file": name, "error": f"This file cannot be opened: {error.strerror}."}
    return {"file": name, **prediction.to_json(with_heatmap=with_heatmap)}


def _show_progress(files: Sequence[Path]) -> Iterable[Path]:
    """Show a bar where the rows themselves go to a file or another program."""
    if len(files) < 20 or sys.stdout.isatty() or not sys.stderr.isatty():
        return files
    from rich.console import Console
    from rich.progress import track

    return track(files, "pictures", console=Console(stderr=True))


def _print_json(rows: Iterable[Row]) -> bool:
    """Print one line, a list, row by row; returns whether one was an error."""
    failed, before = False, "["
    for row in rows:
        failed |= "error" in row
        typer.echo(before + json.dumps(row, ensure_ascii=False), nl=False)
        before = ", "
    typer.echo("[]" if before == "[" else "]")
    return failed


def _print_lines(rows: Iterable[Row], class_names: Sequence[str]) -> bool:
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
