"""`python -m benchmarks`: times the frozen network and its peers in turn, prints ratios.

All answer the same pictures on the same cores in the same run, so that the ratios mean
something on any machine; the milliseconds are this machine's.
"""

import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from torchvision.transforms import v2

from inference.classifier import Classifier
from inference.cores import count_usable_cores
from inference.images import decode
from inference.providers import open_session
from inference.versions import find_version
from trainer.backbones import create_backbone
from trainer.graphs import export_backbone

Answer = Callable[[NDArray[np.uint8]], Any]
PICTURES = Path(__file__).resolve().parents[1] / "tests" / "fixtures" / "rendered"
OURS, EAGER, PLAIN = "frozen network", "torch eager", "onnxruntime, torchvision before it"


def main(
    exported: Annotated[Path, typer.Option(help="Folder of the frozen networks.")] = Path(
        "exported"
    ),
    model: Annotated[str, typer.Option(help="Name of the model.")] = "hotdog",
    rounds: Annotated[int, typer.Option(min=1, help="Times through the pictures.")] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON line.")] = False,
) -> None:
    """Time one picture at a time, from decoded pixels to probabilities."""
    folder = find_version(exported, model)
    classifier = Classifier(folder, "cpu")
    images = [decode(path.read_bytes()) for path in sorted(PICTURES.glob("*/*.webp"))]
    found = time_in_turn(make_contestants(classifier), images, rounds)
    if as_json:
        typer.echo(json.dumps(found))
        return
    table = Table("one picture", "median ms", "10–90%", f"against {EAGER}")
    for name, row in found.items():
        spread = f"{row['p10']:.1f}–{row['p90']:.1f}"
        table.add_row(name, f"{row['median']:.1f}", spread, f"{row['ratio']:.2f}")
    Console().print(table)


def make_contestants(classifier: Classifier) -> dict[str, Answer]:
    """Return ours and the peers, with the same backbone and weights, each as one would write it."""
    card = classifier.card
    weights = str(classifier.folder / "checkpoint.safetensors")
    network = create_backbone(card.backbone, len(card.class_names), weights).eval()
    torch.set_num_threads(count_usable_cores())
    side = card.input.size
    transform = v2.Compose(
        [
            v2.ToImage(),
            v2.Resize(round(side / card.input.crop_ratio), v2.InterpolationMode.BICUBIC),
            v2.CenterCrop(side),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(list(card.input.mean), list(card.input.std)),
        ]
    )
    plain = open_session(export_backbone(network, side).SerializeToString())

    def ask_torch(image: NDArray[np.uint8]) -> torch.Tensor:
        with torch.inference_mode():
            return torch.softmax(network(transform(image)[None]), dim=1)

    return {
        OURS: lambda image: classifier.session.run(["probabilities"], {"image": image[None]}),
        EAGER: ask_torch,
        PLAIN: lambda image: plain.run(None, {"backbone_pixels": transform(image)[None].numpy()}),
    }


def time_in_turn(
    contestants: dict[str, Answer], images: list[NDArray[np.uint8]], rounds: int
) -> dict[str, dict[str, float]]:
    """Return per contestant the median, p10 and p90 in milliseconds and the ratio to torch eager.

    The contestants take turns at every picture, so that what else the machine does hits all.
    """
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(rounds + 1):
        for image in images:
            for name, answer in contestants.items():
                start = time.perf_counter()
                answer(image)
                if number:  # the first round warms up
                    times[name].append(1000 * (time.perf_counter() - start))
    medians = {name: statistics.median(values) for name, values in times.items()}
    return {
        name: {
            "median": medians[name],
            "p10": float(np.quantile(values, 0.1)),
            "p90": float(np.quantile(values, 0.9)),
            "ratio": medians[name] / medians[EAGER],
        }
        for name, values in times.items()
    }


if __name__ == "__main__":
    typer.run(main)
