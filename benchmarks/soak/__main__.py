"""`python -m benchmarks.soak`: mutated files, kills, and a page under load and abuse.

Prints what was found beside what is promised, and ends with 1 where anything failed. Files that
fail, and the folders of pages that did, are kept and named. With the defaults it takes about
25 minutes on two cores; a quarter of that is the decoding and the killing.
"""

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress as Bars

from benchmarks.soak.findings import Findings, Progress

PARTS = ("files", "kills", "load")


def main(
    only: Annotated[list[str], typer.Option(help=f"Do this part alone: {', '.join(PARTS)}.")] = [],  # noqa: B006  (typer copies it)
    files: Annotated[int, typer.Option(help="Mutated picture files to decode.", min=1)] = 100_000,
    kills: Annotated[int, typer.Option(help="Times that a page is killed.", min=1)] = 200,
    clients: Annotated[int, typer.Option(help="Good clients of a page under load.", min=1)] = 64,
    hostile: Annotated[int, typer.Option(help="Hostile clients beside them.", min=0)] = 16,
    minutes: Annotated[float, typer.Option(help="How long the load lasts.", min=0.05)] = 10.0,
    one_address: Annotated[
        bool, typer.Option("--one-address", help="Let all clients come from one address.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Of all that is drawn at random.")] = 0,
    keep: Annotated[Path, typer.Option(help="Where files and folders that fail are kept.")] = Path(
        "runs/soak"
    ),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON line.")] = False,
) -> None:
    """Attack decoding and running pages for long, and say what of it went wrong."""
    from benchmarks.soak import decoding, kills as killing, load  # noqa: I001  (--help need not wait)
    from benchmarks.soak.hostile_files import list_hostile_files

    keep.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=keep, prefix=f"seed-{seed}-")).resolve()
    bearing = load.Load(clients, hostile, minutes, seed, one_address)
    attacked = decoding.Files(seed, files, list_hostile_files)
    parts: dict[str, Callable[[Progress], Findings]] = {
        "files": lambda progress: decoding.attack(attacked, folder / "files", progress),
        "kills": lambda progress: killing.attack(kills, seed, folder / "kills", progress),
        "load": lambda progress: load.attack(bearing, folder / "load", progress),
    }
    found = [_run(name, parts[name], shown=not as_json) for name in only or PARTS]
    failed = sum(len(findings.failures) for findings in found)
    if as_json:
        typer.echo(json.dumps({"seed": seed, "found": [one.to_json() for one in found]}))
    elif failed:
        typer.echo(f"What failed is kept in {folder}.")
    raise typer.Exit(1 if failed else 0)


def _run(name: str, part: Callable[[Progress], Findings], *, shown: bool) -> Findings:
    with _showing(name) as progress:
        findings = part(progress)
    if shown:
        findings.show()
    return findings


@contextmanager
def _showing(name: str) -> Iterator[Progress]:
    """Give what moves a bar, on the error stream."""
    with Bars(console=Console(stderr=True)) as bars:
        task = bars.add_task(name, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)


if __name__ == "__main__":
    typer.run(main)
