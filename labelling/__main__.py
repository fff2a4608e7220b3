"""`python -m labelling --data DIR import|export|list|…`: labelled pictures in, out and corrected.

What the Teach tab does with them, without the page.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

from inference.errors import UserInputError, run_command
from inference.versions.catalog import Catalog
from labelling.audit_log import name_command_line, record, record_changes
from labelling.exchange.exporting import export_folder
from labelling.exchange.foreign_projects import is_project
from labelling.exchange.importing import ImportResult, import_path
from labelling.exchange.items import ImportOptions
from labelling.exchange.projects import restore_project, write_project
from labelling.printing import (
    describe_import,
    describe_project,
    print_counts,
    print_entries,
    print_result,
)
from labelling.store.changes import Change
from labelling.store.entries import STATES
from labelling.store.labels import check_model
from labelling.store.store import Store

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)
_SECONDS_A_DAY = 86_400.0

ModelOption = Annotated[
    str,
    typer.Option(help="Only for this model.", show_default="for every model"),
]
WhoOption = Annotated[str, typer.Option(help="Who does it, for the history.")]
NumbersArgument = Annotated[
    list[int], typer.Argument(help="Numbers of labels, as list --pictures prints them.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as one JSON line.")]


@app.callback()
def choose_folders(
    context: typer.Context,
    data: Annotated[
        Path,
        typer.Option(
            envvar="CLASSIFIER_DATA", help="Folder of labelled pictures and custom versions."
        ),
    ] = Path("data"),
    exported: Annotated[
        Path,
        typer.Option(envvar="CLASSIFIER_EXPORTED", help="Folder of the versions that ship."),
    ] = Path("exported"),
) -> None:
    """Labelled pictures in, out and corrected, without the page."""
    context.obj = Catalog(exported, data)


@app.command("import")
def import_pictures(
    context: typer.Context,
    paths: Annotated[
        list[Path],
        typer.Argument(
            help="Folders or zips of class folders, or, with --label, picture files and folders "
            "of them.",
            show_default=False,
        ),
    ],
    label: Annotated[str, typer.Option(help="Class of all these pictures.")] = "",
    model: ModelOption = "",
    state: Annotated[str, typer.Option(help="pending or approved.", show_default="approved")] = "",
    who: WhoOption = "",
    relabel: Annotated[
        bool, typer.Option("--relabel", help="Give pictures that have another label this one.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Take pictures in; what cannot be taken is left out and listed.

    Exits with 1 if nothing could be taken.
    """
    options = ImportOptions(label, model, state, who, relabel)
    found = ImportResult()
    with _open_store(context) as store:
        for path in paths:
            found.merge(_import(store, path, options))
    if found.added:
        record(
            context.obj.data, who or name_command_line(), "imported",
            model=model or None, count=found.added,
        )  # fmt: skip
    print_result(asdict(found), describe_import(found), as_json)
    if found.left_out and not found.added + found.existed:
        raise typer.Exit(1)


@app.command()
def export(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="A new folder, for class folders.")],
    model: ModelOption = "",
    state: Annotated[
        list[str], typer.Option(help="approved, pending or rejected; may be given again.")
    ] = ["approved"],  # noqa: B006  (typer copies it)
    as_json: JsonOption = False,
) -> None:
    """Write class folders with a metadata.jsonl, which other programs read.

    With --model also the pictures that are for every model; without it those of all models.
    """
    with _open_store(context) as store, _showing("writing") as progress:
        done = export_folder(store, folder, model or None, state, progress)
    counts = ", ".join(f"{count:,} {label}" for label, count in done.classes.items())
    values = {"folder": str(done.folder), "classes": done.classes}
    print_result(values, f"Wrote {counts} to {done.folder}.", as_json)


@app.command()
def backup(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(help="The zip to write, such as pets.zip.")],
    model: Annotated[str, typer.Option(help="The model to write.")],
    as_json: JsonOption = False,
) -> None:
    """Write one model's project into a zip: its pictures, their labels, the version in use.

    Pictures that are labelled for every model go with it. With restore, another installation
    goes on from it.
    """
    with _open_store(context) as store, _showing("writing") as progress:
        done = write_project(store, context.obj, model, path, progress)
    sentence = f"Wrote {describe_project(done)} to {path}."
    print_result({"path": str(path), **asdict(done)}, sentence, as_json)


@app.command()
def restore(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(help="A zip that backup wrote.")],
    model: Annotated[
        str,
        typer.Option(help="Another name for it.", show_default="as in the file"),
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Add a model that backup wrote, beside those that are here.

    It is never merged into one of them: where its name is taken, give another with --model.
    """
    with _open_store(context) as store, _showing("restoring") as progress:
        done = restore_project(store, context.obj, path, model, progress)
    record(context.obj.data, name_command_line(), "restored", model=done.model, count=done.images)
    print_result(asdict(done), f"Added {describe_project(done)}.", as_json)


@app.command("list")
def list_labels(
    context: typer.Context,
    model: ModelOption = "",
    label: Annotated[str, typer.Option(help="Only this class.")] = "",
    state: Annotated[
        str,
        typer.Option(help="Only approved, pending or rejected ones.", show_default="all"),
    ] = "",
    pictures: Annotated[
        bool, typer.Option("--pictures", help="List every picture instead of counts.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Count the pictures of each class and say what is too few, or list them."""
    check_model(model)
    with _open_store(context) as store:
        if pictures or state:
            states = (state,) if state else STATES
            entries = store.find(model or None, states=states, label=label or None)
            print_entries(entries, as_json)
        else:
            models = [model] if model else store.list_models()
            print_counts({name: store.count(name) for name in models}, label, as_json)


@app.command()
def approve(
    context: typer.Context,
    numbers: NumbersArgument,
    label: Annotated[str, typer.Option(help="Another class for them.")] = "",
    who: WhoOption = "",
    as_json: JsonOption = False,
) -> None:
    """Approve labels, so that a model is trained on them."""
    _change(context, numbers, Change("approve", who, label or None, "approved"), as_json)


@app.command()
def reject(
    context: typer.Context,
    numbers: NumbersArgument,
    who: WhoOption = "",
    as_json: JsonOption = False,
) -> None:
    """Reject labels, so that no model is trained on them."""
    _change(context, numbers, Change("reject", who, state="rejected"), as_json)


@app.command()
def relabel(
    context: typer.Context,
    numbers: NumbersArgument,
    label: Annotated[str, typer.Option(help="The class that they get.")],
    who: WhoOption = "",
    as_json: JsonOption = False,
) -> None:
    """Give pictures another class."""
    _change(context, numbers, Change("relabel", who, label), as_json)


@app.command()
def delete(
    context: typer.Context,
    numbers: NumbersArgument,
    who: WhoOption = "",
    as_json: JsonOption = False,
) -> None:
    """Delete labels; the pictures' files stay until purge."""
    _change(context, numbers, Change("delete", who, deleted=True), as_json)


@app.command()
def undo(
    context: typer.Context,
    changes: Annotated[list[int], typer.Argument(help="Numbers of changes, the last one first.")],
    who: WhoOption = "",
    as_json: JsonOption = False,
) -> None:
    """Undo changes, by the numbers that the other commands print."""
    with _open_store(context) as store:
        entries = store.undo_all(changes, who)
    record_changes(context.obj.data, who or name_command_line(), "undo", len(entries))
    print_entries(entries, as_json)


@app.command()
def purge(
    context: typer.Context,
    days: Annotated[
        float, typer.Option(min=0, help="Only what was deleted or rejected so many days ago.")
    ] = 30.0,
    as_json: JsonOption = False,
) -> None:
    """Remove the files of deleted and rejected pictures for good."""
    with _open_store(context) as store:
        removed = store.purge(days * _SECONDS_A_DAY)
    if removed:
        record(context.obj.data, name_command_line(), "purged", count=removed)
    print_result({"removed": removed}, f"Removed {removed:,} picture files.", as_json)


def _open_store(context: typer.Context) -> Store:
    return Store(context.obj.data)


def _import(store: Store, path: Path, options: ImportOptions) -> ImportResult:
    if is_project(path):
        raise UserInputError(f"{path.name} is a project file. Take it in with restore.")
    with _showing(path.name) as progress:
        return import_path(store, path, options, progress)


@contextmanager
def _showing(task: str) -> Iterator[Callable[[int, int], None]]:
    """Give what shows progress on a terminal; elsewhere it is silent."""
    console = Console(stderr=True)
    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not sys.stderr.isatty()) as bars:
        bar = bars.add_task(task, total=None)
        yield lambda done, total: bars.update(bar, completed=done, total=total)


def _change(context: typer.Context, numbers: list[int], change: Change, as_json: bool) -> None:
    with _open_store(context) as store:
        changes = dict(zip(numbers, store.change(numbers, change), strict=True))
    count = sum(map(bool, changes.values()))
    record_changes(context.obj.data, change.who or name_command_line(), change.kind, count)
    made = ", ".join(f"label {n}: change {number}" for n, number in changes.items() if number)
    print_result({"changes": changes}, f"Done: {made or 'nothing had to be changed'}.", as_json)


if __name__ == "__main__":
    run_command(app)
