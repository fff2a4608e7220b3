"""Train, compare and publish versions of a model.

Labelled images go in at `train`, `head` or `finetune`; a frozen version comes out.
"""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from inference.errors import run_command
from trainer.command_line import take_options
from trainer.options import (
    DEFAULT_VAL_FRACTION,
    FinetuneOptions,
    HeadOptions,
    ModelField,
    TrainOptions,
)

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)

ImagesArgument = Annotated[
    list[str],
    typer.Argument(
        help="Labelled images: folders of class folders (DATA/CLASS/*, or "
        "DATA/{train,val,test}/CLASS/*), zips of them, or hf://owner/name. Several are merged.",
        show_default=False,
    ),
]
ExportedOption = Annotated[Path, typer.Option(help="Folder of the versions that ship.")]
StoreOption = Annotated[
    Path, typer.Option("--data", help="Folder of the stored images and the versions made here.")
]
LicenceOption = Annotated[
    str, typer.Option(help="A note on the licence of data and weights, for the model card.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as one JSON line.")]


@app.command()
@take_options(TrainOptions)
def train(
    data: ImagesArgument,
    options: TrainOptions,
    exported: ExportedOption = Path("exported"),
    run: Annotated[
        Path | None,
        # Not --run: torchrun would take that for its own --run-path.
        typer.Option("--run-folder", help="Folder of the run.", show_default="runs/MODEL"),
    ] = None,
    val_fraction: Annotated[
        float,
        typer.Option(help="Part of the training images to validate on, of classes without any."),
    ] = DEFAULT_VAL_FRACTION,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    export_after: Annotated[
        bool, typer.Option("--export/--no-export", help="Freeze the result into a version.")
    ] = True,
    licence: LicenceOption = "",
    as_json: JsonOption = False,
) -> None:
    """Train a model (linear probe, then fine-tuning) and freeze it into a new version.

    If it is stopped, the same command resumes from the last checkpoint. On several processes:
    torchrun --nproc_per_node N -m trainer train …
    """
    from inference.process import use_passive_waiting

    use_passive_waiting()
    from trainer.commands import train as command
    from trainer.finetuning.devices import make_accelerator
    from trainer.progress import Progress

    accelerator = make_accelerator(device)
    progress = Progress(shown=accelerator.is_main_process)
    folder = run or Path("runs") / options.model
    dataset, options = command.prepare(data, options, folder, val_fraction, progress)
    if export_after:
        command.check_target(exported / options.model)
    if not command.train(dataset, options, folder, accelerator, progress):
        return
    if export_after:
        _export(folder, exported, licence, as_json)
    else:
        _print_result({"run": str(folder)}, f"Trained: {folder}", as_json)


@app.command()
@take_options(HeadOptions)
def head(
    options: HeadOptions,
    data: StoreOption = Path("data"),
    exported: ExportedOption = Path("exported"),
    as_json: JsonOption = False,
) -> None:
    """Train a new last layer on stored and remembered images, in seconds on a CPU.

    A model that does not exist yet is made. The new version is published unless it is worse on
    the locked images.
    """
    from inference.process import keep_to_one_thread

    keep_to_one_thread()
    from inference.versions.catalog import Catalog
    from labelling.store.store import Store
    from trainer.commands.check_labels import finish_checked
    from trainer.commands.head import train_head
    from trainer.jobs import run_job

    catalog = Catalog(exported, data)
    with run_job(data, "head", options.model) as job, Store(data) as store:
        version = train_head(catalog, store, options, job)
        finish_checked(catalog, store, job, version)
    _print_result(version.summary(), version.describe(), as_json)


@app.command()
@take_options(FinetuneOptions)
def finetune(
    options: FinetuneOptions,
    data: StoreOption = Path("data"),
    exported: ExportedOption = Path("exported"),
    as_json: JsonOption = False,
) -> None:
    """Fine-tune the whole model on the stored images, from the version in use.

    Needs at least 20 stored images of each class. The new version is published unless it is worse
    on the locked images.
    """
    from inference.process import use_passive_waiting

    use_passive_waiting()
    from inference.versions.catalog import Catalog
    from labelling.store.store import Store
    from trainer.commands import finetune as command
    from trainer.commands.check_labels import finish_checked
    from trainer.jobs import run_job

    catalog = Catalog(exported, data)
    with run_job(data, "finetune", options.model) as job, Store(data) as store:
        version = command.finetune(catalog, store, options, job)
        finish_checked(catalog, store, job, version)
    _print_result(version.summary(), version.describe(), as_json)


@app.command("check-labels")
def check_labels(
    model: ModelField,
    data: StoreOption = Path("data"),
    exported: ExportedOption = Path("exported"),
    as_json: JsonOption = False,
) -> None:
    """List the stored images whose labels look wrong, as Review shows them on the page.

    The same check runs after each training. Classes with fewer than five different images are
    not checked.
    """
    from inference.process import keep_to_one_thread

    keep_to_one_thread()
    from inference.versions.catalog import Catalog
    from labelling.store.store import Store
    from trainer.commands import check_labels as command
    from trainer.jobs import run_unlogged

    with run_unlogged() as job, Store(data) as store:
        command.check_labels(Catalog(exported, data), store, model, job)
        values = command.summarise(store, model)
    _print_result(values, command.describe(values), as_json)


@app.command()
def versions(
    model: ModelField,
    data: StoreOption = Path("data"),
    exported: ExportedOption = Path("exported"),
    as_json: JsonOption = False,
) -> None:
    """List the versions of a model: those that ship, those made here, and the one in use."""
    from inference.versions.catalog import Catalog
    from trainer.commands.versions import describe_rows, list_rows

    rows = list_rows(Catalog(exported, data), model)
    _print_result({"model": model, "versions": rows}, describe_rows(rows), as_json)


@app.command()
def publish(
    version: Annotated[
        str, typer.Argument(help="The number of a version, or shipped for the one that ships.")
    ],
    model: ModelField,
    data: StoreOption = Path("data"),
    exported: ExportedOption = Path("exported"),
    as_json: JsonOption = False,
) -> None:
    """Put a version into use, or an earlier one back; a running page serves it from then on."""
    from inference.versions.catalog import Catalog
    from trainer.commands.versions import put_into_use

    number = put_into_use(Catalog(exported, data), model, version)
    sentence = f"{model} version {number} is in use."
    _print_result({"model": model, "version": number}, sentence, as_json)


@app.command()
def export(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run, such as runs/hotdog.")],
    exported: ExportedOption = Path("exported"),
    licence: LicenceOption = "",
    as_json: JsonOption = False,
) -> None:
    """Freeze a finished run into a new version, and put it into use.

    Refused if the frozen graph's predictions differ from the trained model's.
    """
    _export(run, exported, licence, as_json)


@app.command()
def evaluate(
    data: ImagesArgument,
    model: ModelField,
    version: Annotated[
        int | None, typer.Option(help="Its version.", show_default="the one in use")
    ] = None,
    exported: ExportedOption = Path("exported"),
    made_here: Annotated[
        Path | None,
        typer.Option(
            "--data",
            help="Folder of the versions made here, to measure one of them.",
            show_default="none",
        ),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            help="train, val, test or all.", show_default="test where there is one, else val"
        ),
    ] = None,
    val_names: Annotated[
        Path | None, typer.Option(help="As for train, so that val is what it was there.")
    ] = None,
    corrections: Annotated[Path | None, typer.Option(help="As for train.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure a version on labelled images: accuracy by group, calibration, worst mistakes."""
    from inference.classifier import Classifier
    from inference.versions.catalog import Catalog
    from trainer.commands.evaluate import describe_metrics, evaluate_version
    from trainer.data.dataset import Dataset, read_dataset
    from trainer.progress import Progress

    def read(folder: Path) -> Dataset:
        validation = val_names or DEFAULT_VAL_FRACTION
        return read_dataset(data, folder=folder, validation=validation, corrections=corrections)

    classifier = Classifier(Catalog(exported, made_here).find(model, version))
    found = evaluate_version(classifier, read, split, Progress())
    _print_result(found, describe_metrics(found), as_json)


@app.command("demo-data")
def demo_data(
    folder: Annotated[Path, typer.Argument(help="Where the images are written.")],
    count: Annotated[int, typer.Option(min=1, help="Training images a class.")] = 400,
    seed: Annotated[int, typer.Option(help="The same seed: the same images.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Render hot dogs and other food from an open-licence font, clip art and own drawings."""
    from trainer.synthetic.rendering import render_demo_data

    counts = render_demo_data(folder, count_per_class=count, seed=seed)
    lines = ", ".join(f"{number} in {name}" for name, number in counts.items())
    _print_result(dict(counts), f"Rendered {lines}.", as_json)


def _export(folder: Path, exported: Path, licence: str, as_json: bool) -> None:
    from trainer.freezing.export import export_run
    from trainer.progress import Progress

    version = export_run(folder, exported, Progress(), licence)
    _print_result(version.summary(), version.describe(), as_json)


def _print_result(values: Any, sentence: str, as_json: bool) -> None:  # noqa: ANN401  (JSON)
    from pydantic_core import to_json

    typer.echo(to_json(values).decode() if as_json else sentence)


def main() -> None:
    """Run a command; a cancelled training ends in one sentence too."""
    from trainer.jobs import CancelledError

    try:
        run_command(app)
    except CancelledError:
        typer.echo("Cancelled. Nothing has changed.", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
