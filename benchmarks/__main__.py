"""`python -m benchmarks`: ours and what one would run instead, in turn, in one go.

Prints medians with their spread and ratios to a named peer, and writes them as JSON and as a
plot. Ratios mean something on any machine; the seconds are this machine's.
"""

import json
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.results import Measured, describe_machine, draw, show, summarise
from benchmarks.serving import folders, runtimes
from benchmarks.serving.images import RENDERED, make_large, make_small
from benchmarks.serving.page_timings import (
    OURS,
    TORCH,
    Effort,
    list_openers,
    measure_memory,
    measure_throughput,
    open_all,
    time_pictures,
    time_starts,
)
from benchmarks.training import throughput
from inference.classifier import Classifier
from inference.images import decode
from inference.versions.folders import find_version

PARTS = ("network", "pages", "start", "folder", "training")
QUICK = Effort(rounds=1, calls=3, seconds=2, starts=1, requests=200)
_FOLDER = 2000  # pictures

Part = Callable[[Path, Effort], dict[str, Measured]]


def main(
    only: Annotated[
        list[str], typer.Option(help=f"Measure this part alone: {', '.join(PARTS)}.")
    ] = [],  # noqa: B006  (typer copies it)
    exported: Annotated[Path, typer.Option(help="Folder of the frozen runtimes.")] = Path(
        "exported"
    ),
    number: Annotated[
        int | None,
        typer.Option(
            "--version", help="Its version. [default: the current one]", show_default=False
        ),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Measure little, to try it out.")] = False,
    results: Annotated[
        Path | None, typer.Option(help="Write all figures here, as JSON.", show_default=False)
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Write a plot here, a PNG.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON line.")] = False,
) -> None:
    """Time the frozen network, the page, its start, and a folder of pictures."""
    version, effort = find_version(exported, "hotdog", number), QUICK if quick else Effort()
    parts: dict[str, Part] = {
        "network": measure_network,
        "pages": measure_pages,
        "start": measure_start,
        "folder": measure_folder,
        "training": measure_training,
    }
    found: dict[str, Measured] = {}
    for name in only or PARTS:
        for title, measured in parts[name](version, effort).items():
            found[title] = measured
            if not as_json:
                show(title, measured)
    everything: dict[str, Any] = {"machine": describe_machine(), "found": found}
    if results:
        results.write_text(json.dumps(everything, indent=1) + "\n", encoding="utf-8")
    if plot:
        draw(found, plot)
    if as_json:
        typer.echo(json.dumps(everything))


def measure_network(version: Path, effort: Effort) -> dict[str, Measured]:
    """Time the network alone, from decoded pixels to probabilities, and the machine's peak."""
    classifier = Classifier(version, "cpu")
    images = [decode(path.read_bytes()) for path in sorted(RENDERED.glob("*/*.webp"))]
    contestants = runtimes.make_contestants(classifier)
    times = runtimes.time_in_turn(contestants, images, effort.rounds)
    peak, flops = runtimes.measure_peak(), runtimes.count_flops(classifier)
    milliseconds = {name: [1000 * t for t in found] for name, found in times.items()}
    milliseconds["at the peak seen"] = [1000 * flops / peak]
    title = f"network alone: {flops / 1e9:.2f} GFLOP, peak {peak / 1e9:.0f} GFLOP/s"
    return {title: summarise(milliseconds, runtimes.EAGER, "ms")}


def measure_pages(version: Path, effort: Effort) -> dict[str, Measured]:
    """Time pages that run: one client, 16 clients, memory after many requests."""
    small, large = make_small(effort.calls), make_large(max(1, effort.calls // 2))
    found = {}
    with open_all(list_openers(version)) as contestants:
        for title, pictures in (("small picture", small), ("12 MP JPEG", large)):
            times = time_pictures(contestants, pictures, effort.rounds)
            milliseconds = {name: [1000 * t for t in row] for name, row in times.items()}
            found[f"{title}, one client"] = summarise(milliseconds, TORCH, "ms")
        for title, pictures in (("small picture", small), ("12 MP JPEG", large)):
            rates = measure_throughput(contestants, pictures, effort)
            found[f"{title}, 16 clients"] = summarise(rates, TORCH, "a second")
    with ExitStack() as stack:
        openers = list_openers(version)
        fresh = stack.enter_context(open_all({name: openers[name] for name in (OURS, TORCH)}))
        memory = {name: measure_memory(fresh[name], effort.requests) for name in (OURS, TORCH)}
    last = f"after {effort.requests} requests"
    for key, title, unit in (
        ("MB", f"resident memory {last}", "MB"),
        ("growth", f"its growth from 200 requests to {effort.requests}", "times"),
    ):
        rows = {name: [row[key]] for name, row in memory.items()}
        found[title] = summarise(rows, TORCH, unit)
    return found


def measure_start(version: Path, effort: Effort) -> dict[str, Measured]:
    """Time a page from the start of its process to its first answer."""
    times = time_starts(list_openers(version), effort.starts)
    return {"start to first answer": summarise(times, TORCH, "s")}


def measure_folder(version: Path, effort: Effort) -> dict[str, Measured]:
    """Time a folder of pictures, and look at the memory meanwhile."""
    count = _FOLDER if effort.rounds > 1 else _FOLDER // 20
    with folders.make_folder(count) as folder:
        rows = {
            "ours": folders.measure_ours(folder, version),
            "P4 onnxruntime loop": folders.measure_peer(folder, version),
        }
    rates = {name: [count / row["seconds"]] for name, row in rows.items()}
    memory = {
        f"{name}, {key}": [row[key]] for name, row in rows.items() for key in row if "MB" in key
    }
    peer = "P4 onnxruntime loop"
    return {
        f"folder of {count} pictures": summarise(rates, peer, "a second"),
        "memory meanwhile": summarise(memory, f"{peer}, MB", "MB"),
    }


def measure_training(version: Path, effort: Effort) -> dict[str, Measured]:
    """Time an epoch on rendered pictures."""
    rates = throughput.measure(version, min(3, effort.rounds), 200 if effort.rounds > 1 else 40)
    return {"training pictures": summarise(rates, throughput.PLAIN, "a second")}


if __name__ == "__main__":
    typer.run(main)
