"""Train, compare and publish versions of a model.

Labelled images go in at `train`, `head` or `finetune`; a frozen version comes out.
"""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from inference.errors import UserInputError, run_command

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)

DataOption = Annotated[
    list[str],
    typer.Argument(
        help="Labelled pictures: folders of class folders (DATA/CLASS/*, or "
        "DATA/{train,val,test}/CLASS/*), zips of them, or hf://owner/name. Several are merged.",
        show_default=False,
    ),
]
ModelOption = Annotated[str, typer.Option(help="Name of the model, such as hotdog.")]
ExportedOption = Annotated[Path, typer.Option(help="Folder of the frozen networks.")]
RunOption = Annotated[
    Path | None,
    # Not --run: torchrun would take that for its own --run-path.
    typer.Option(
        "--run-folder", help="Folder of the run. [default: runs/MODEL]", show_default=False
    ),
]
StoreOption = Annotated[
    Path,
    typer.Option("--data", help="Folder of the labelled pictures and of what is taught here."),
]
OriginOption = Annotated[
    str | None,
    typer.Option(
        "--from",
        help="The model whose backbone a new one starts from. [default: hotdog]",
        show_default=False,
    ),
]
CatchAllOption = Annotated[
    str | None,
    typer.Option(
        help="The class for everything else. [default: as it was, or as typed on the page]",
        show_default=False,
    ),
]
LicenceOption = Annotated[
    str, typer.Option(help="A note on the licence of data and weights, for the card.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as one JSON line.")]


@app.command()
def train(
    data: DataOption,
    model: ModelOption,
    exported: ExportedOption = Path("exported"),
    run: RunOption = None,
    backbone: Annotated[
        str,
        typer.Option(help="A timm network that answers with a linear layer on mean features."),
    ] = "tf_efficientnet_lite0",
    weights: Annotated[
        str | None,
        typer.Option(
            help="Where the weights to start from are: a .safetensors file, the folder of an "
            "exported version, hub (timm's), or none. [default: ../shared/weights where it has "
            "them, else the shipped network's, else hub]",
            show_default=False,
        ),
    ] = None,
    catch_all: Annotated[
        str | None, typer.Option(help="The class that stands for everything else, if there is one.")
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, help="Times through the training pictures.")] = 14,
    batch_size: Annotated[int, typer.Option(min=1, help="Pictures a step, all processes.")] = 32,
    lr: Annotated[float, typer.Option(help="Highest learning rate.")] = 1.5e-4,
    weight_decay: Annotated[float, typer.Option(help="AdamW's weight decay.")] = 0.02,
    label_smoothing: Annotated[float, typer.Option(help="Label smoothing, 0 to 1.")] = 0.1,
    average: Annotated[float, typer.Option(help="Decay a step of the averaged weights.")] = 0.998,
    balance: Annotated[
        float,
        typer.Option(help="0: pictures as they are; 1: every source and class drawn alike."),
    ] = 0.5,
    mix: Annotated[
        float, typer.Option(help="Share of the batches mixed in pairs, CutMix or MixUp, 0 to 1.")
    ] = 0.3,
    size: Annotated[int, typer.Option(help="Side of the network's input, pixels.")] = 224,
    train_size: Annotated[int, typer.Option(help="Side of the training crops, pixels.")] = 192,
    other_size: Annotated[
        list[int] | None,
        typer.Option(
            min=32,
            help="Another side of the input, used if validation prefers it; may be repeated.",
            show_default=False,
        ),
    ] = None,
    frozen: Annotated[
        int,
        typer.Option(min=0, help="First stages of the backbone that stay as pretrained."),
    ] = 0,
    teacher: Annotated[
        list[Path] | None,
        typer.Option(
            help="Folder of a finished run, or of a version, whose answers are learnt from, too; "
            "may be repeated.",
            show_default=False,
        ),
    ] = None,
    distil: Annotated[
        float, typer.Option(min=0, max=1, help="The teachers' share of the loss, 0 to 1.")
    ] = 0.7,
    hard: Annotated[
        float,
        typer.Option(min=0, help="The hardest pictures are drawn 1 + this many times as often."),
    ] = 0.0,
    corrections: Annotated[
        Path | None,
        typer.Option(
            help="CSV of file,label,becomes,why that puts labels of training pictures right; "
            "becomes is empty where a picture shall be left out.",
            show_default=False,
        ),
    ] = None,
    val_fraction: Annotated[
        float, typer.Option(help="Part of train split off for validation where there is none.")
    ] = 0.12,
    seed: Annotated[int, typer.Option(help="Same seed, data and options: same weights.")] = 0,
    workers: Annotated[int, typer.Option(help="Processes that decode pictures.")] = 1,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    export_after: Annotated[
        bool, typer.Option("--export/--no-export", help="Freeze the result into a version.")
    ] = True,
    licence: LicenceOption = "",
    as_json: JsonOption = False,
) -> None:
    """Train a network (linear probe, then fine-tuning) and freeze it into a new version.

    Killed and started again with the same options, it goes on from its last checkpoint. On
    several processes: torchrun --nproc_per_node N -m trainer train …
    """
    from inference.process import use_passive_waiting

    use_passive_waiting()
    from inference.versions.folders import check_model_name
    from trainer.data.dataset import read_dataset
    from trainer.finetuning.devices import make_accelerator
    from trainer.finetuning.loop import train as train_network
    from trainer.finetuning.run_folder import TrainOptions
    from trainer.finetuning.weights import find_weights
    from trainer.progress import Progress

    check_model_name(model)
    accelerator = make_accelerator(device)
    progress = Progress(shown=accelerator.is_main_process)
    folder = run or Path("runs") / model
    dataset = read_dataset(
        data,
        folder=folder,
        val_fraction=val_fraction,
        corrections=corrections,
        progress=lambda done, total: progress.count(done, total, "reading pictures"),
    )
    progress.say(describe_dataset(dataset, folder))
    if corrections:
        progress.say(f"{dataset.corrected} pictures corrected or left out by {corrections.name}.")
    check_catch_all(catch_all, dataset.class_names)
    if export_after:
        check_target(exported / model)
    options = TrainOptions(
        model=model,
        backbone=backbone,
        weights=find_weights(weights, backbone),
        catch_all=catch_all,
        epochs=epochs,
        batch_size=batch_size,
        lr=lr,
        weight_decay=weight_decay,
        label_smoothing=label_smoothing,
        average=average,
        balance=balance,
        mix=mix,
        size=size,
        train_size=train_size,
        other_sizes=tuple(other_size or ()),
        frozen=frozen,
        teachers=tuple(str(path) for path in teacher or ()),
        distil=distil,
        hard=hard,
        corrections=corrections.name if corrections else None,
        seed=seed,
        workers=workers,
    )
    train_network(dataset, options, folder, accelerator, progress)
    accelerator.wait_for_everyone()
    accelerator.end_training()  # the others need not wait for the export
    if not progress.shown:
        return
    if export_after:
        _export(folder, exported, licence, as_json)
    else:
        _print_result({"run": str(folder)}, f"Trained: {folder}", as_json)


@app.command()
def head(
    model: ModelOption,
    data: StoreOption = Path("data"),
    exported: ExportedOption = Path("exported"),
    origin: OriginOption = None,
    catch_all: CatchAllOption = None,
    as_json: JsonOption = False,
) -> None:
    """Teach a new head on stored and remembered pictures: seconds on a CPU, nothing forgotten.

    A model that does not exist yet is made. The new version is published unless it is worse on
    the locked pictures.
    """
    from inference.process import keep_to_one_thread

    keep_to_one_thread()
    from inference.versions.catalog import Catalog
    from labelling.store.store import Store
    from trainer.base_versions import find_parent
    from trainer.commands.check_labels import finish_checked
    from trainer.commands.head import HeadOptions, train_head
    from trainer.head.start import open_start
    from trainer.jobs import run_job

    catalog = Catalog(exported, data)
    with run_job(data, "head", model) as job, Store(data) as store:
        start = open_start(find_parent(catalog, model, origin), model)
        taught = train_head(catalog, store, start, HeadOptions(model, catch_all), job)
        finish_checked(catalog, store, job, taught.card, taught.comparison)
    _print_result(taught.summary(), taught.describe(), as_json)


@app.command("check-labels")
def check_labels(
    model: ModelOption,
    data: StoreOption = Path("data"),
    exported: ExportedOption = Path("exported"),
    as_json: JsonOption = False,
) -> None:
    """List the stored pictures whose labels look wrong, as the page's Review shows them.

    The same check runs after each training. Of a class with under five different pictures
    nothing can be said.
    """
    from inference.process import keep_to_one_thread

    keep_to_one_thread()
    from inference.versions.catalog import Catalog
    from labelling.store.store import Store
    from trainer.commands.check_labels import check_labels as find_issues
    from trainer.commands.check_labels import describe, summarise
    from trainer.jobs import run_unlogged

    with run_unlogged() as job, Store(data) as store:
        find_issues(Catalog(exported, data), store, model, job)
        values = summarise(store, model)
    _print_result(values, describe(values), as_json)


@app.command()
def versions(
    model: ModelOption,
    data: StoreOption = Path("data"),
    exported: ExportedOption = Path("exported"),
    as_json: JsonOption = False,
) -> None:
    """List the versions of a model: those that ship, those taught here, and the one in use."""
    from inference.versions.catalog import Catalog
    from trainer.listing import describe_rows, list_rows

    rows = list_rows(Catalog(exported, data), model)
    _print_result({"model": model, "versions": rows}, describe_rows(rows), as_json)


@app.command()
def publish(
    version: Annotated[
        str, typer.Argument(help="The number of a version, or shipped for the one that ships.")
    ],
    model: ModelOption,
    data: StoreOption = Path("data"),
    exported: ExportedOption = Path("exported"),
    as_json: JsonOption = False,
) -> None:
    """Bring a version into use, an earlier one too; a running page serves it from then on."""
    from inference.versions.catalog import Catalog
    from trainer.listing import put_into_use

    number = put_into_use(Catalog(exported, data), model, version)
    sentence = f"{model} version {number} is in use."
    _print_result({"model": model, "version": number}, sentence, as_json)


@app.command()
def finetune(
    model: ModelOption,
    data: StoreOption = Path("data"),
    exported: ExportedOption = Path("exported"),
    origin: OriginOption = None,
    epochs: Annotated[int, typer.Option(min=1, help="Times through the stored pictures.")] = 8,
    seed: Annotated[int, typer.Option(help="Same seed, pictures and options: same weights.")] = 0,
    catch_all: CatchAllOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fine-tune the whole network on the stored pictures, from the version in use.

    Needs at least 20 stored pictures of each class. The new version is published unless it is
    worse on the locked pictures.
    """
    from inference.process import use_passive_waiting

    use_passive_waiting()
    from inference.versions.catalog import Catalog
    from labelling.store.store import Store
    from trainer.base_versions import find_parent
    from trainer.commands.check_labels import finish_checked
    from trainer.commands.finetune import finetune as finetune_model
    from trainer.commands.finetune import make_options
    from trainer.jobs import run_job

    catalog = Catalog(exported, data)
    with run_job(data, "finetune", model) as job, Store(data) as store:
        parent = find_parent(catalog, model, origin)
        options = make_options(model, parent, data, epochs, seed, catch_all)
        version, comparison = finetune_model(catalog, store, parent, options, job)
        finish_checked(catalog, store, job, version.card, comparison)
    values = version.summary() | {"outcome": comparison.outcome, "sentence": comparison.sentence}
    _print_result(values, f"{version.describe()}\n{comparison.sentence}", as_json)


@app.command()
def export(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run, such as runs/hotdog.")],
    exported: ExportedOption = Path("exported"),
    licence: LicenceOption = "",
    as_json: JsonOption = False,
) -> None:
    """Freeze a finished run into a new version, and make it the current one.

    Refused where the frozen network does not answer as the trained one.
    """
    _export(run, exported, licence, as_json)


@app.command()
def evaluate(
    data: DataOption,
    model: ModelOption,
    version: Annotated[
        int | None, typer.Option(help="Its version. [default: the current one]", show_default=False)
    ] = None,
    exported: ExportedOption = Path("exported"),
    taught: Annotated[
        Path | None,
        typer.Option(
            "--data",
            help="Folder of what is taught here, to measure a taught version. [default: none]",
            show_default=False,
        ),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            help="train, val, test or all. [default: test where there is one, else val]",
            show_default=False,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure a version on labelled pictures: accuracy by group, calibration, worst mistakes."""
    from inference.classifier import Classifier
    from inference.versions.catalog import Catalog
    from trainer.commands.evaluate import describe_metrics, evaluate_version
    from trainer.progress import Progress

    classifier = Classifier(Catalog(exported, taught).find(model, version))
    found = evaluate_version(classifier, data, split, Progress())
    _print_result(found, describe_metrics(found), as_json)


@app.command("demo-data")
def demo_data(
    folder: Annotated[Path, typer.Argument(help="Where the pictures are written.")],
    count: Annotated[int, typer.Option(min=1, help="Pictures a class for training.")] = 400,
    seed: Annotated[int, typer.Option(help="Same seed: same pictures.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Render hot dogs and other food from an open-licence font, clip art and own drawings."""
    from trainer.synthetic.rendering import render_demo_data

    counts = render_demo_data(folder, count_per_class=count, seed=seed)
    lines = ", ".join(f"{number} in {name}" for name, number in counts.items())
    _print_result(dict(counts), f"Rendered {lines}.", as_json)


def check_catch_all(catch_all: str | None, class_names: Sequence[str]) -> None:
    """Raises: UserInputError for a catch-all that is no class."""
    if catch_all is not None and catch_all not in class_names:
        raise UserInputError(
            f"The catch-all {catch_all!r} is not among the classes {', '.join(class_names)}."
        )


def check_target(model_folder: Path) -> None:
    """Find out before training, not after, that its end could not be written.

    Raises: UserInputError for a folder that cannot be made.
    """
    try:
        model_folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=model_folder, prefix=".staging-"):
            pass
    except OSError as error:
        raise UserInputError(
            f"Nothing can be written to {model_folder} ({error.strerror}). "
            "Choose another --exported."
        ) from error


def describe_dataset(dataset: Any, folder: Path) -> str:  # noqa: ANN401  (its module loads late)
    """Return the counts a split and class, and what was left out, in a few lines."""
    lines = [
        f"{split}: " + ", ".join(f"{count:,} {label}" for label, count in labels.items())
        for split, labels in dataset.counts().items()
    ]
    if dataset.left_out:
        lines.append(
            f"{len(dataset.left_out)} files left out, listed in {folder / 'left_out.txt'}, such as:"
        )
        lines += [f"  {item.path}: {item.reason}" for item in dataset.left_out[:5]]
    return "\n".join(lines)


def _export(folder: Path, exported: Path, licence: str, as_json: bool) -> None:
    from trainer.freezing.export import export_run
    from trainer.progress import Progress

    version = export_run(folder, exported, Progress(), licence)
    _print_result(version.summary(), version.describe(), as_json)


def _print_result(values: Any, sentence: str, as_json: bool) -> None:  # noqa: ANN401  (JSON)
    from pydantic_core import to_json

    typer.echo(to_json(values).decode() if as_json else sentence)


def main() -> None:
    """Run a command; a training that somebody cancelled ends in one sentence too."""
    from trainer.jobs import CancelledError

    try:
        run_command(app)
    except CancelledError:
        typer.echo("Cancelled. Nothing has changed.", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
