"""The proof that a frozen graph predicts what PyTorch does, on real images of several sizes."""

from collections.abc import Sequence

import numpy as np
import onnxruntime as ort
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from inference.images import decode
from inference.versions.cards import InputGeometry
from trainer.data.dataset import LabelledImage
from trainer.data.preprocess import preprocess

# Of a probability. The resizers of the two libraries differ by a few grey levels at the edges.
TOLERANCE = 0.01
_HEATMAP_TOLERANCE = 1e-3
_SIDES = ((224, 224), (640, 480), (480, 640), (97, 131), (1200, 300))


class ParityError(RuntimeError):
    """The frozen graph does not predict what the trained model does: no version is made."""


def prove_parity(
    session: ort.InferenceSession,
    model: nn.Module,
    geometry: InputGeometry,
    temperature: float,
    images: Sequence[LabelledImage],
) -> float:
    """Compare both on images as they are and at other sizes, at batch 1 and 3.

    Returns the largest difference of a probability.
    Raises: ParityError if it is over the tolerance, or the heatmap's mean plus bias is not the
    logit.
    """
    pixels = [decode(image.path.read_bytes()) for image in images[:12]]
    pixels += [_resize(one, *_SIDES[i % len(_SIDES)]) for i, one in enumerate(pixels)]
    worst = max(_compare([one], session, model, geometry, temperature) for one in pixels)
    triples = [pixels[0], pixels[0][::-1].copy(), pixels[0][:, ::-1].copy()]
    worst = max(worst, _compare(triples, session, model, geometry, temperature))
    if not worst <= TOLERANCE:
        raise ParityError(
            f"The frozen graph's probabilities differ by {worst:.4f} from PyTorch's; at most "
            f"{TOLERANCE} is taken. No version was made."
        )
    return worst


@torch.no_grad()
def _compare(
    images: list[NDArray[np.uint8]],
    session: ort.InferenceSession,
    model: nn.Module,
    geometry: InputGeometry,
    temperature: float,
) -> float:
    names = ["probabilities", "logits", "heatmap"]
    found, logits, heatmap = session.run(names, {"image": np.stack(images)})
    batch = torch.stack([preprocess(image, geometry) for image in images])
    expected = torch.softmax(model(batch) / temperature, dim=1).numpy()
    bias = model.get_classifier().bias.numpy()  # type: ignore[operator]
    gap = float(np.abs(heatmap.mean((2, 3)) + bias - logits).max())
    if not gap <= _HEATMAP_TOLERANCE:
        raise ParityError(f"The heatmap's mean plus bias is {gap:.5f} off the logit.")
    return float(np.abs(found - expected).max())


def _resize(image: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC))
