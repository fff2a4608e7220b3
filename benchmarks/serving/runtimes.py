"""The network alone: ours and its peers on decoded images, and the peak of the machine.

All get the same images on the same cores, in turn.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.utils.flop_counter import FlopCounterMode
from torchvision.transforms import v2

from benchmarks.effort import Effort
from benchmarks.results import Measured, summarise
from benchmarks.serving.images import RENDERED
from inference.classifier import Classifier
from inference.images import decode
from inference.process import count_usable_cores
from trainer.finetuning.backbones import create_backbone

Runtime = Callable[[NDArray[np.uint8]], Any]
OURS, EAGER, COMPILED = "ours", "P3 torch eager", "P3 torch.compile"
PLAIN = "P4 onnxruntime"
_SQUARE = 2048  # rows of the product whose speed is taken for the peak
_REPEATS = 8


def measure(version: Path, effort: Effort) -> dict[str, Measured]:
    """Time the network alone, from decoded pixels to probabilities, and the machine's peak."""
    classifier = Classifier(version, "cpu")
    images = [decode(path.read_bytes()) for path in sorted(RENDERED.glob("*/*.webp"))]
    times = time_in_turn(make_runtimes(classifier), images, effort.rounds)
    peak, flops = measure_peak(), count_flops(classifier)
    milliseconds = {name: [1000 * t for t in found] for name, found in times.items()}
    milliseconds["at the peak seen"] = [1000 * flops / peak]
    title = f"network alone: {flops / 1e9:.2f} GFLOP, peak {peak / 1e9:.0f} GFLOP/s"
    return {title: summarise(milliseconds, EAGER, "ms")}


def make_runtimes(classifier: Classifier) -> dict[str, Runtime]:
    """Return ours and the peers, with the same backbone and weights, each as one would write it.

    torch.compile is left out where it has no compiler to work with.
    """
    torch.set_num_threads(count_usable_cores())
    transform, network = make_transform(classifier), load_network(classifier)

    def run_torch(module: Callable[..., Any]) -> Runtime:
        def answer(image: NDArray[np.uint8]) -> torch.Tensor:
            with torch.inference_mode():
                return torch.softmax(module(transform(image)[None]), dim=1)

        return answer

    found: dict[str, Runtime] = {
        OURS: make_session_runtime(classifier.folder),
        EAGER: run_torch(network),
        PLAIN: make_plain(classifier.folder / "model.onnx"),
    }
    compiled = run_torch(torch.compile(network))
    try:
        compiled(np.zeros((240, 320, 3), np.uint8))
    except RuntimeError:
        return found
    return {**found, COMPILED: compiled}


def make_session_runtime(folder: Path) -> Runtime:
    """Return the frozen network of a version, as the page opens it."""
    session = Classifier(folder, "cpu").session
    return lambda image: session.run(["probabilities"], {"image": image[None]})


def load_network(classifier: Classifier) -> torch.nn.Module:
    """Return a version's network in PyTorch."""
    card = classifier.card
    weights = str(classifier.folder / "checkpoint.safetensors")
    return create_backbone(card.backbone, len(card.class_names), weights).eval()


def make_transform(classifier: Classifier) -> v2.Compose:
    """Return torchvision's preprocessing as tutorials have it: (H, W, 3) uint8 → (3, S, S)."""
    geometry = classifier.card.input
    return v2.Compose(
        [
            v2.ToImage(),
            v2.Resize(round(geometry.size / geometry.crop_ratio), v2.InterpolationMode.BICUBIC),
            v2.CenterCrop(geometry.size),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(list(geometry.mean), list(geometry.std)),
        ]
    )


def make_plain(path: Path) -> Runtime:
    """Return plain onnxruntime on the same file, behind torchvision's resizing."""
    session = ort.InferenceSession(str(path))
    resize = v2.Resize((256, 256), v2.InterpolationMode.BICUBIC)

    def answer(image: NDArray[np.uint8]) -> Any:  # noqa: ANN401  (of onnxruntime)
        pixels = np.asarray(resize(Image.fromarray(image)))
        return session.run(["probabilities"], {"image": pixels[None]})

    return answer


def time_in_turn(
    runtimes: dict[str, Runtime], images: list[NDArray[np.uint8]], rounds: int
) -> dict[str, list[float]]:
    """Return the seconds that each runtime took for each image.

    They take turns at every image, so that other load on the machine hits all of them alike; the
    first round only warms up.
    """
    times: dict[str, list[float]] = {name: [] for name in runtimes}
    for number in range(rounds + 1):
        for image in images:
            for name, answer in runtimes.items():
                start = time.perf_counter()
                answer(image)
                if number:
                    times[name].append(time.perf_counter() - start)
    return times


def count_flops(classifier: Classifier) -> int:
    """Return the floating-point operations of the backbone for one image."""
    side = classifier.card.input.size
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        load_network(classifier)(torch.zeros(1, 3, side, side))
    return int(counter.get_total_flops())


def measure_peak() -> float:
    """Return the most operations a second that a large float32 matrix product reached."""
    torch.set_num_threads(count_usable_cores())
    left, right = torch.rand(_SQUARE, _SQUARE), torch.rand(_SQUARE, _SQUARE)
    times = []
    for _ in range(_REPEATS):
        start = time.perf_counter()
        left @ right
        times.append(time.perf_counter() - start)
    return 2 * _SQUARE**3 / min(times)
