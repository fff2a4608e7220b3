"""`python -m benchmarks.serving.scaling`: how cost grows with image size, batch, models and labels.

One thing is made larger at a time. Prints the curves and writes them as a plot.
"""

import json
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import matplotlib as mpl
import numpy as np
import typer
from matplotlib.figure import Figure
from numpy.typing import NDArray

from benchmarks.serving.images import make_photo
from benchmarks.serving.runtimes import make_plain
from benchmarks.serving.servers import ROOT, open_page
from inference.classifier import Classifier
from inference.images import decode
from inference.versions.cards import read_card
from inference.versions.catalog import Catalog
from labelling.store.adding import Annotation
from labelling.store.store import Store
from web.serving import MAX_OPEN

Curve = dict[str, float]  # how much → milliseconds, megabytes or seconds

MEGAPIXELS = (0.2, 1, 4, 12, 24, 50)
BATCHES = (1, 2, 4, 8, 16, 32)
MODELS = (1, 2, 3, 4, 5, 6, 8, 12)
IMAGES = (2, 10, 50, 100, 500, 1000, 2500, 5000, 10000)
_REPEATS = 9
_SIDE = 40  # pixels of the images, which nothing looks at


def main(
    exported: Annotated[Path, typer.Option(help="Folder of the frozen models.")] = Path("exported"),
    number: Annotated[
        int | None,
        typer.Option("--version", help="Its version.", show_default="the current one"),
    ] = None,
    most: Annotated[int, typer.Option(help="Most labelled images.")] = IMAGES[-1],
    plot: Annotated[
        Path | None, typer.Option(help="Write a plot here, a PNG.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON line.")] = False,
) -> None:
    """Measure how the cost of an answer and of a quick retrain grows."""
    version = Catalog(exported).find("hotdog", number)
    found: dict[str, Curve] = {
        "a JPEG of so many megapixels, ours: ms": grow_image(version, _make_ours(version)),
        "a JPEG of so many megapixels, P4: ms": grow_image(version, _make_peer(version)),
        "so many pictures in one batch: ms a picture": grow_batch(version),
        "so many models in turn: resident MB": grow_models(version),
        "Quick with so many labelled pictures: s": grow_quick(version, most),
    }
    if plot:
        draw(found, plot)
    typer.echo(json.dumps(found) if as_json else describe(found))


def describe(found: dict[str, Curve]) -> str:
    """Return the curves as lines that people read."""
    return "\n".join(
        f"{title}\n  " + ", ".join(f"{x}: {y:.3g}" for x, y in curve.items())
        for title, curve in found.items()
    )


def grow_image(version: Path, answer: Callable[[bytes], Any]) -> Curve:
    """Return megapixels → milliseconds from a JPEG's bytes to probabilities."""
    curve = {}
    for megapixels in MEGAPIXELS:
        height = round((megapixels * 1e6 * 3 / 4) ** 0.5)
        data = make_photo(round(height * 4 / 3), height)
        curve[str(megapixels)] = 1000 * _time(lambda data=data: answer(data))  # type: ignore[misc]
    return curve


def grow_batch(version: Path) -> Curve:
    """Return images in one batch → milliseconds an image, of the network alone."""
    session = Classifier(version, "cpu").session
    image = decode(make_photo(500, 375))
    curve = {}
    for size in BATCHES:
        batch = np.repeat(image[None], size, axis=0)
        run: Callable[[], Any] = lambda batch=batch: session.run(  # type: ignore[misc]  # noqa: E731
            ["probabilities"], {"image": batch}
        )
        curve[str(size)] = 1000 * _time(run) / size
    return curve


def grow_models(version: Path) -> Curve:
    """Return models used in turn → resident MB of the page; only the last few stay open."""
    curve = {}
    with TemporaryDirectory() as name:
        for number in range(2, MODELS[-1] + 1):
            shutil.copytree(version, Path(name) / "models" / f"copy{number}" / "1")
        with open_page("--exported", str(version.parents[1]), "--data", name) as page:
            for number in range(1, MODELS[-1] + 1):
                model = f"copy{number}" if number > 1 else version.parent.name
                for _ in range(_REPEATS):
                    page.upload("/api/classify", make_photo(500, 375), {"model": model})
                if number in MODELS:
                    curve[str(number)] = page.read_memory() / 1e6
    return curve


def grow_quick(version: Path, most: int) -> Curve:
    """Return labelled images → seconds of the command `head`, from its start.

    As on the page, the embeddings are stored when images are added; here they are made up.
    """
    generator = np.random.default_rng(0)
    middles = generator.normal(0, 1, (2, _read_width(version)))
    curve = {}
    with TemporaryDirectory() as name, Store(Path(name)) as store:
        added = 0
        for count in (n for n in IMAGES if n <= most):
            while added < count:
                row = np.abs(middles[added % 2] + generator.normal(0, 2, middles.shape[1]))
                _add(store, version, f"class {added % 2}", row.astype(np.float16), generator)
                added += 1
            shutil.rmtree(Path(name) / "models", ignore_errors=True)
            curve[str(count)] = _time_quick(Path(name), version)
    return curve


def draw(found: dict[str, Curve], path: Path) -> None:
    """Write the plot."""
    groups: dict[str, dict[str, Curve]] = {}
    for title, curve in found.items():
        groups.setdefault(title.split(",")[0] if "JPEG" in title else title, {})[title] = curve
    style = {"axes.spines.top": False, "axes.spines.right": False, "font.size": 9}
    with mpl.rc_context(style):
        figure = Figure(figsize=(11, 6), layout="constrained")
        for axes, (name, curves) in zip(figure.subplots(2, 2).flat, groups.items(), strict=False):
            for title, curve in curves.items():
                label = title.split(",")[-1].split(":")[0].strip()
                axes.plot([float(x) for x in curve], list(curve.values()), marker="o", label=label)
            axes.set_title(
                f"{name.split(':')[0]} ({next(iter(curves)).split(': ')[-1]})", loc="left"
            )
            axes.set_ylim(bottom=0)
            axes.grid(alpha=0.25)
            if len(curves) > 1:
                axes.legend()
            if "models" in name:
                axes.axvline(MAX_OPEN, color="#8a8f98", linewidth=0.8, linestyle="--")
        figure.savefig(path, dpi=110)


def _make_ours(version: Path) -> Callable[[bytes], Any]:
    classifier = Classifier(version, "cpu")
    return lambda data: classifier.predict([decode(data, classifier.min_side)])


def _make_peer(version: Path) -> Callable[[bytes], Any]:
    answer = make_plain(version / "model.onnx")
    return lambda data: answer(decode(data))


def _read_width(version: Path) -> int:
    with np.load(version / "memory.npz", allow_pickle=False) as arrays:
        return int(arrays["embeddings"].shape[1])


def _add(
    store: Store,
    version: Path,
    label: str,
    row: NDArray[np.float16],
    generator: np.random.Generator,
) -> None:
    pixels = generator.integers(0, 256, (_SIDE, _SIDE, 3), dtype=np.uint8)
    entry = store.add_image(pixels, Annotation(label, model="bench")).entry
    store.put_embeddings(read_card(version).backbone_key, {entry.sha256: row})


def _time_quick(data: Path, version: Path) -> float:
    options = ["--data", str(data), "--exported", str(version.parents[1]), "--model", "bench"]
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "trainer", "head", *options],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    return time.perf_counter() - start


def _time(call: Callable[[], Any]) -> float:
    """Return the median seconds of a few calls, after one that warms up."""
    call()
    times = []
    for _ in range(_REPEATS):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


if __name__ == "__main__":
    typer.run(main)
