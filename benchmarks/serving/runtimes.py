"""The network alone: ours and its peers on decoded pictures, and what the machine could do at most.

All answer the same pictures on the same cores, in turn.
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

from inference.classifier import Classifier
from inference.process import count_usable_cores
from inference.versions.folders import list_versions
from trainer.finetuning.backbones import create_backbone

Answer = Callable[[NDArray[np.uint8]], Any]
OURS, EAGER, COMPILED = "ours", "P3 torch eager", "P3 torch.compile"
PLAIN = "P4 onnxruntime"
_SQUARE = 2048  # rows of the product that tells the peak
_REPEATS = 8


def make_contestants(classifier: Classifier) -> dict[str, Answer]:
    """Return ours and the peers, with the same backbone and weights, each as one would write it.

    torch.compile is left out where it has no compiler to work with.
    """
    torch.set_num_threads(count_usable_cores())
    transform, network = make_transform(classifier), load_network(classifier)

    def ask_torch(module: Callable[..., Any]) -> Answer:
        def answer(image: NDArray[np.uint8]) -> torch.Tensor:
            with torch.inference_mode():
                return torch.softmax(module(transform(image)[None]), dim=1)

        return answer

    found: dict[str, Answer] = {
        OURS: make_session_answer(classifier.folder),
        EAGER: ask_torch(network),
        PLAIN: make_plain(classifier.folder / "model.onnx"),
    }
    for number in list_versions(classifier.folder.parent):
        if str(number) != classifier.folder.name:
            found[f"version {number}"] = make_session_answer(classifier.folder.parent / str(number))
    compiled = ask_torch(torch.compile(network))
    try:
        compiled(np.zeros((240, 320, 3), np.uint8))
    except RuntimeError:
        return found
    return {**found, COMPILED: compiled}


def make_session_answer(folder: Path) -> Answer:
    """Return the frozen network of a version, as the page opens it."""
    session = Classifier(folder, "cpu").session
    return lambda image: session.run(["probabilities"], {"image": image[None]})


def load_network(classifier: Classifier) -> torch.nn.Module:
    """Return the version's network in PyTorch."""
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


def make_plain(path: Path) -> Answer:
    """Return plain onnxruntime on the same file, behind torchvision's resizing."""
    session = ort.InferenceSession(str(path))
    resize = v2.Resize((256, 256), v2.InterpolationMode.BICUBIC)

    def answer(image: NDArray[np.uint8]) -> Any:  # noqa: ANN401  (of onnxruntime)
        pixels = np.asarray(resize(Image.fromarray(image)))
        return session.run(["probabilities"], {"image": pixels[None]})

    return answer


def time_in_turn(
    contestants: dict[str, Answer], images: list[NDArray[np.uint8]], rounds: int
) -> dict[str, list[float]]:
    """Return each contestant's seconds a picture.

    They take turns at every picture, so that what else the machine does hits all; the first
    round only warms up.
    """
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(rounds + 1):
        for image in images:
            for name, answer in contestants.items():
                start = time.perf_counter()
                answer(image)
                if number:
                    times[name].append(time.perf_counter() - start)
    return times


def count_flops(classifier: Classifier) -> int:
    """Return the floating-point operations of the backbone for one picture."""
    side = classifier.card.input.size
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        load_network(classifier)(torch.zeros(1, 3, side, side))
    return int(counter.get_total_flops())


def measure_peak() -> float:
    """Return the most operations a second that a large float32 matrix product was seen to do."""
    torch.set_num_threads(count_usable_cores())
    left, right = torch.rand(_SQUARE, _SQUARE), torch.rand(_SQUARE, _SQUARE)
    times = []
    for _ in range(_REPEATS):
        start = time.perf_counter()
        left @ right
        times.append(time.perf_counter() - start)
    return 2 * _SQUARE**3 / min(times)
