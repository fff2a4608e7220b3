"""`python -m benchmarks.training.teach_tab`: how long the Teach tab takes, over HTTP.

On a real page with an empty data folder: adding images, Try it meanwhile, and from pressing Train
to the first answer of the new version.
"""

import json
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.serving.servers import Server, open_page
from inference.images import SUFFIXES

_SENDERS = 3  # requests in flight, as the page's own script has them
_PAUSE = 0.1  # seconds between a visitor's images

Figures = dict[str, float]


def main(
    folder: Annotated[
        Path, typer.Argument(help="Folder of two class folders with 500 images or more each.")
    ],
    count: Annotated[int, typer.Option(min=50, help="Images that are added in all.")] = 1000,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON line.")] = False,
) -> None:
    """Train a new model of two classes, and add images to it while a visitor uses Try it."""
    classes = {path.name: list_images(path) for path in sorted(folder.iterdir())}
    with tempfile.TemporaryDirectory() as data, open_page("--teach", "--data", data) as page:
        found = measure(page, classes, count)
    if as_json:
        typer.echo(json.dumps(found))
        return
    for name, value in found.items():
        typer.echo(f"{name}: {value:.3g}")


def measure(page: Server, classes: dict[str, list[Path]], count: int) -> Figures:
    """Return seconds for each step, and Try it's milliseconds alone and meanwhile."""
    names = list(classes)[:2]
    page.sign_in()
    page.post("/teach/models", model="bench", labels=names)
    add_images(page, {name: classes[name][:25] for name in names})
    alone = time_answers(page, classes[names[0]][:40])
    with querying(page, classes[names[0]][:40]) as training_times:
        trained = time_training(page, classes[names[0]][0])
    each = (count - 50) // 2 + 25
    with querying(page, classes[names[0]][:40]) as adding_times:
        start = time.perf_counter()
        added = add_images(page, {name: classes[name][25:each] for name in names})
        adding = time.perf_counter() - start
    return {
        "50 pictures, Quick: seconds from pressing Train to the first new answer": trained,
        f"seconds to add {added} pictures": adding,
        "seconds to add 1,000 pictures, by that speed": adding / max(1, added) * 1000,
        "Try it alone, p95 milliseconds": find_p95(alone),
        "Try it while training, p95 milliseconds": find_p95(training_times),
        "Try it while training, ratio of p95": find_p95(training_times) / find_p95(alone),
        "Try it while adding, p95 milliseconds": find_p95(adding_times),
        "Try it while adding, ratio of p95": find_p95(adding_times) / find_p95(alone),
    }


def add_images(page: Server, classes: dict[str, list[Path]]) -> int:
    """Send images as the page does, several at a time; returns how many were accepted."""
    jobs = [(name, path) for name, paths in classes.items() for path in paths]

    def send(job: tuple[str, Path]) -> bool:
        label, path = job
        values = {"model": "bench", "label": label, "name": path.name}
        return page.upload("/teach/images", path.read_bytes(), values)

    with ThreadPoolExecutor(_SENDERS) as pool:
        return sum(pool.map(send, jobs))


def time_training(page: Server, image: Path) -> float:
    """Start a training and wait until the new version answers; returns seconds.

    Raises: RuntimeError where the training ends otherwise.
    """
    start = time.perf_counter()
    page.post("/teach/training", model="bench", kind="head")
    while (state := page.get("/teach/training"))["state"] == "running":
        time.sleep(0.1)
    if state["state"] != "done":
        raise RuntimeError(f"The training ended as {state}.")
    answer = page.classify(image, "bench")
    if answer["version"] != state["version"]:
        raise RuntimeError(f"{answer} is not of the new version, {state}.")
    return time.perf_counter() - start


@contextmanager
def querying(page: Server, images: list[Path]) -> Iterator[list[float]]:
    """Use Try it again and again meanwhile; the list fills with milliseconds."""
    times: list[float] = []
    over = threading.Event()

    def query() -> None:
        while not over.is_set():
            times.extend(time_answers(page, images, over))

    visitor = threading.Thread(target=query)
    visitor.start()
    try:
        yield times
    finally:
        over.set()
        visitor.join()


def time_answers(
    page: Server, images: list[Path], over: threading.Event | None = None
) -> list[float]:
    """Return the milliseconds until each image was answered, upload included."""
    times = []
    for path in images:
        if over is not None and over.wait(_PAUSE):
            break
        start = time.perf_counter()
        page.classify(path)
        times.append(1000 * (time.perf_counter() - start))
    return times


def find_p95(times: list[float]) -> float:
    """Return the time that 95% stay under."""
    return statistics.quantiles(times, n=20)[-1]


def list_images(folder: Path) -> list[Path]:
    """Return a folder's image files, sorted."""
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)


if __name__ == "__main__":
    typer.run(main)
