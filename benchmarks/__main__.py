"""`python -m benchmarks`: ours and what one would run instead, in turn, in one go.

Prints medians with their spread and ratios to a named peer, and writes them as JSON and as a
plot. The ratios carry over to other machines; the seconds do not.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.effort import QUICK, Effort
from benchmarks.results import Measured, describe_machine, draw, show
from benchmarks.serving import folders, pages, runtimes
from benchmarks.training import throughput
from inference.versions.catalog import Catalog

PARTS: dict[str, Callable[[Path, Effort], dict[str, Measured]]] = {
    "network": runtimes.measure,
    "pages": pages.measure,
    "start": pages.measure_start,
    "folder": folders.measure,
    "training": throughput.measure,
}


def main(
    only: Annotated[
        list[str], typer.Option(help=f"Measure this part alone: {', '.join(PARTS)}.")
    ] = [],  # noqa: B006  (typer copies it)
    exported: Annotated[Path, typer.Option(help="Folder of the frozen models.")] = Path("exported"),
    number: Annotated[
        int | None,
        typer.Option("--version", help="Its version.", show_default="the current one"),
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
    """Time the frozen network, the page, its start, a folder of images, and training."""
    version, effort = Catalog(exported).find("hotdog", number), QUICK if quick else Effort()
    found: dict[str, Measured] = {}
    for name in only or PARTS:
        for title, measured in PARTS[name](version, effort).items():
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


if __name__ == "__main__":
    typer.run(main)
