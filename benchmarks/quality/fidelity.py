"""`python -m benchmarks.quality.fidelity`: what shortcuts would do to the predictions.

`scaled`: decoding a large JPEG at a fraction of its size, as we do. `eight-bits`: weights and
activations of 8 bits, which are not shipped. Both on training images.
"""

import io
import statistics
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import numpy as np
import onnx
import onnxruntime as ort
import typer
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
from PIL import Image

from inference.classifier import Classifier
from inference.images import decode
from inference.providers import open_session
from inference.versions.cards import read_card
from inference.versions.catalog import Catalog
from trainer.freezing.graph import restore_kernels

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)
FolderOption = Annotated[Path, typer.Option(help="Folder of class folders.")]
CountOption = Annotated[int, typer.Option(min=2, help="Images that are compared.")]
_TRAIN = Path("../shared/data/hotdog/train")
_LARGE = 3000  # pixels of the shorter side: 12 megapixels
_GRAIN = 5.0  # of 255
_CALIBRATION = 100  # images
_ROUNDS = 3


@app.command()
def scaled(folder: FolderOption = _TRAIN, count: CountOption = 160) -> None:
    """Compare predictions for enlarged images, decoded whole and decoded as the page does."""
    classifier = Classifier(Catalog(Path("exported")).find("hotdog"), "cpu")
    generator = np.random.default_rng(7)
    whole, small = [], []
    for path in draw_images(folder, count, generator):
        data = enlarge(path, generator)
        whole.append(run(classifier.session, decode(data)))
        small.append(run(classifier.session, decode(data, classifier.min_side)))
    typer.echo(describe("decoded at a fraction", whole, small))


@app.command("eight-bits")
def eight_bits(folder: FolderOption = _TRAIN, count: CountOption = 160) -> None:
    """Quantise the network to 8 bits, and compare predictions, times and sizes."""
    version = Catalog(Path("exported")).find("hotdog")
    min_side = Classifier(version, "cpu").min_side
    drawn = draw_images(folder, _CALIBRATION + count, np.random.default_rng(0))
    images = [decode(path.read_bytes(), min_side) for path in drawn]
    with TemporaryDirectory() as name:
        path = quantise(version / "model.onnx", Path(name), images[:_CALIBRATION])
        sessions = [open_session(version / "model.onnx"), open_session(path)]
        size = path.stat().st_size / 1e6
    before, after = ([run(s, image) for image in images[_CALIBRATION:]] for s in sessions)
    times = [1000 * time_runs(s, images[_CALIBRATION:]) for s in sessions * 2]
    names = read_card(version).class_names
    targets = [names.index(path.parent.name) for path in drawn[_CALIBRATION:]]
    right = [np.mean(np.argmax(found, axis=1) == targets) for found in (before, after)]
    typer.echo(
        f"{describe('8 bits', before, after)}; {size:.1f} MB; "
        f"{times[1]:.1f} and {times[3]:.1f} ms against {times[0]:.1f} and {times[2]:.1f}; right "
        f"{right[1]:.1%} against {right[0]:.1%}"
    )


def draw_images(folder: Path, count: int, generator: np.random.Generator) -> list[Path]:
    """Return so many random JPEGs of a folder of class folders."""
    paths = sorted(folder.glob("*/*.jpg"))
    return [paths[i] for i in generator.choice(len(paths), count, replace=False)]


def enlarge(path: Path, generator: np.random.Generator) -> bytes:
    """Return an image as a phone's JPEG would be: large, with grain."""
    with Image.open(path) as opened:
        factor = _LARGE / min(opened.size)
        size = (round(opened.width * factor), round(opened.height * factor))
        image = opened.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    grain = generator.standard_normal((size[1], size[0], 1), dtype=np.float32) * _GRAIN
    file = io.BytesIO()
    pixels = np.clip(np.asarray(image) + grain, 0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(file, "JPEG", quality=88)
    return file.getvalue()


def run(session: ort.InferenceSession, image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the (C,) probabilities of an image."""
    found: NDArray[np.float32] = session.run(["probabilities"], {"image": image[None]})[0][0]
    return found


def describe(
    way: str, before: Sequence[NDArray[np.float32]], after: Sequence[NDArray[np.float32]]
) -> str:
    """Return how much predictions differ, in words."""
    one, other = np.array(before), np.array(after)
    changed = int((one.argmax(axis=1) != other.argmax(axis=1)).sum())
    gaps = np.abs(one - other).max(axis=1)
    return (
        f"{way}: {changed} of {len(one)} answers changed, probabilities by {gaps.mean():.4f} on "
        f"average, {gaps.max():.4f} at most"
    )


def quantise(model: Path, folder: Path, images: Sequence[NDArray[np.uint8]]) -> Path:
    """Write the network with convolutions of 8 bits, per channel, calibrated on images."""
    network = onnx.load(model)
    del network.opset_import[1:]  # one for each joined part; the quantiser takes one
    restore_kernels(network.graph)
    onnx.save(network, folder / "whole.onnx")
    path = folder / "eight_bits.onnx"
    quantize_static(
        folder / "whole.onnx",
        path,
        _Reader(images),
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        op_types_to_quantize=["Conv"],
    )
    return path


def time_runs(session: ort.InferenceSession, images: Sequence[NDArray[np.uint8]]) -> float:
    """Return the median seconds of one run."""
    times = []
    for _ in range(_ROUNDS):
        for image in images:
            start = time.perf_counter()
            run(session, image)
            times.append(time.perf_counter() - start)
    return statistics.median(times)


class _Reader(CalibrationDataReader):  # type: ignore[misc]
    """Gives the quantiser the next image until there is none."""

    def __init__(self, images: Sequence[NDArray[np.uint8]]) -> None:
        self._rest: Iterator[NDArray[np.uint8]] = iter(images)

    def get_next(self) -> dict[str, Any] | None:
        image = next(self._rest, None)
        return None if image is None else {"image": image[None]}


if __name__ == "__main__":
    app()
