"""The options of each kind of training; the commands offer those that are annotated.

This module loads nothing, since `--help` needs it.
"""

from dataclasses import dataclass
from typing import Annotated

import typer

DEFAULT_BACKBONE = "tf_efficientnet_lite0"
DEFAULT_VAL_FRACTION = 0.12

ModelField = Annotated[str, typer.Option(help="Name of the model, such as hotdog.")]
SeedField = Annotated[int, typer.Option(help="The same seed, images and options: the same model.")]
OriginField = Annotated[
    str | None,
    typer.Option(
        "--from",
        help="The model whose backbone a new one starts from.",
        show_default="hotdog",
    ),
]
CatchAllField = Annotated[
    str | None,
    typer.Option(
        help="The class for everything else.", show_default="as before, or as typed on the page"
    ),
]


@dataclass(frozen=True)
class TrainOptions:
    """What a full training does; the same options, images and seed give the same weights.

    `train_size` is a little under `size`, since random crops show things larger than whole images
    do (Source: Touvron et al., "Fixing the train-test resolution discrepancy", 2019); the crops
    grow to it (Source: Tan and Le, "EfficientNetV2", 2021).
    `geometry`: how the model sees an image (one of `GEOMETRIES`); None: as does best on
    validation. `corrections` and `val_names`: names of the files that corrected labels, and that
    named the validation images.
    """

    model: ModelField
    backbone: Annotated[
        str,
        typer.Option(help="A timm model whose last layer is linear, on the mean of a feature map."),
    ] = DEFAULT_BACKBONE
    weights: Annotated[
        str | None,
        typer.Option(
            help="Weights to start from: a .safetensors file, the folder of an exported version "
            "or of a finished run, hub (timm's), or none.",
            show_default="../shared/weights where it has them, else the shipped model's, else hub",
        ),
    ] = None
    catch_all: Annotated[
        str | None, typer.Option(help="The class that stands for everything else, if any.")
    ] = None
    epochs: Annotated[int, typer.Option(min=1, help="Passes through the training images.")] = 14
    batch_size: Annotated[int, typer.Option(min=1, help="Images a step, over all processes.")] = 64
    lr: Annotated[float, typer.Option(help="Highest learning rate.")] = 3e-4
    weight_decay: Annotated[float, typer.Option(help="AdamW's weight decay.")] = 0.02
    label_smoothing: Annotated[float, typer.Option(help="Label smoothing, 0 to 1.")] = 0.1
    average: Annotated[
        float, typer.Option(help="Decay of the moving average of the weights, a step.")
    ] = 0.998
    balance: Annotated[
        float,
        typer.Option(help="0: sample images as they are; 1: every source and class equally."),
    ] = 0.3
    size: Annotated[int, typer.Option(help="Side of the model's input, pixels.")] = 256
    train_size: Annotated[
        int,
        typer.Option(help="Side of the last training crops, pixels; they grow to it."),
    ] = 224
    geometry: str | None = None
    frozen: Annotated[
        int, typer.Option(min=0, help="Stages of the backbone, from the stem on, to keep frozen.")
    ] = 0
    corrections: Annotated[
        str | None,
        typer.Option(
            help="CSV of file,label,becomes,why that corrects labels of training and validation "
            "images; an image is left out where becomes is empty.",
            show_default=False,
        ),
    ] = None
    val_names: Annotated[
        str | None,
        typer.Option(
            help="Text file that names the validation images, a line each, as class/file.",
            show_default="a part of the training images, at random",
        ),
    ] = None
    seed: SeedField = 0
    workers: Annotated[int, typer.Option(help="Processes that decode images.")] = 1


@dataclass(frozen=True)
class HeadOptions:
    """What a new head is trained for. `catch_all` None: as it was, or as planned."""

    model: ModelField
    origin: OriginField = None
    catch_all: CatchAllField = None


@dataclass(frozen=True)
class FinetuneOptions:
    """What fine-tuning on stored images does. `catch_all` None: as it was, or as planned."""

    model: ModelField
    origin: OriginField = None
    epochs: Annotated[int, typer.Option(min=1, help="Passes through the stored images.")] = 8
    seed: SeedField = 0
    catch_all: CatchAllField = None
