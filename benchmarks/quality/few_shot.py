"""`python -m benchmarks.quality.few_shot`: what a few images teach, and what the model loses.

Three cases, each with several random draws of 1 to 100 images of each class: a new model of three
classes; a class that the shipped model remembers nothing of; and a class that its catch-all
already holds, with and without the conflicting remembered embeddings.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import matplotlib as mpl
import numpy as np
import typer
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pydantic_core import to_json

from benchmarks.quality.retraining import (
    CLASSES,
    PETS,
    ROAD_SIGN,
    Outcome,
    Pools,
    add_class,
    read_pools,
    train_new_model,
)
from inference.versions.catalog import Catalog
from trainer.evaluation.metrics import describe_rate, measure_rate
from trainer.head.start import open_start

COUNTS = (1, 5, 10, 30, 100)
_DRAWS = {1: 10, 5: 8, 10: 6, 30: 4, 100: 3}
_BLUE, _GREY, _RED = "#2f6fde", "#8a8f98", "#c8452d"

Train = Callable[[int, int], Outcome]


def main(
    exported: Annotated[Path, typer.Option(help="Folder of the frozen models.")] = Path("exported"),
    pictures: Annotated[
        Path, typer.Option(help="Folder with train/not_hot_dog and test/not_hot_dog.")
    ] = Path("../shared/data/hotdog"),
    validation: Annotated[
        bool,
        typer.Option("--validation", help="Measure on other training images, to tune on."),
    ] = False,
    plot: Annotated[
        Path | None, typer.Option(help="Where the plot is written, a PNG.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON line.")] = False,
) -> None:
    """Retrain the shipped model with random draws of 1 to 100 images; measure on unseen ones."""
    start = open_start(Catalog(exported).find("hotdog"), "hotdog")
    pools = read_pools(start, pictures if pictures.is_dir() else None, test=not validation)
    found = {name: run(train, pools) for name, train in list_cases(pools).items()}
    if plot:
        draw(found, plot)
    typer.echo(to_json(found).decode() if as_json else describe(found))


def list_cases(pools: Pools) -> dict[str, tuple[str, Train]]:
    """Return case → the classes that it is measured on, and how to train it once."""

    def add(label: str, *, leave_out: bool) -> Train:
        return lambda count, seed: add_class(pools, label, count, seed, leave_out=leave_out)

    cases: dict[str, tuple[str, Train]] = {}
    if PETS in pools.drawn:
        cases["new model"] = (
            "+".join(CLASSES),
            lambda count, seed: train_new_model(pools, count, seed),
        )
    cases["new to the memory"] = (ROAD_SIGN, add(ROAD_SIGN, leave_out=True))
    if PETS in pools.drawn:
        cases["in the catch-all, left out"] = (PETS, add(PETS, leave_out=True))
        cases["in the catch-all, replayed"] = (PETS, add(PETS, leave_out=False))
    return cases


def run(case: tuple[str, Train], pools: Pools) -> dict[str, Any]:
    """Return a row for each number of images of a class."""
    labels, train = case
    n = sum(len(pools.unseen[label]) for label in labels.split("+"))
    return {
        str(count): _sum_up([train(count, s) for s in range(_DRAWS[count])], n) for count in COUNTS
    }


def describe(found: dict[str, Any]) -> str:
    """Return the rows as lines that people read."""
    lines = []
    for name, rows in found.items():
        lines.append(name)
        for count, row in rows.items():
            line = (
                f"  {count:>3} a class: {describe_rate(row['unseen'])}, draws ±{row['spread']:.1%}"
            )
            if row["locked_change"] is not None:
                line += (
                    f"\n      locked {100 * row['locked_change']:+.2f} points, "
                    f"n = {row['locked']}; hot dogs {100 * row['hot_dog_change']:+.2f} to "
                    f"{describe_rate(row['hot_dogs'])}; not replayed {row['left_out']:.0f}, "
                    f"excluded {row['excluded']:.0f}, of which predicted as the new class "
                    f"{row['excluded_new']:.0f}"
                )
            lines.append(line)
    return "\n".join(lines)


def draw(found: dict[str, Any], path: Path) -> None:
    """Write the plot: what is found of the new classes, and what is lost of the old."""
    style = {"axes.spines.top": False, "axes.spines.right": False, "font.size": 10}
    with mpl.rc_context(style):
        figure = Figure(figsize=(11, 4.1), layout="constrained")
        left, right = figure.subplots(1, 2)
        for (name, rows), color, line in zip(
            found.items(), (_GREY, _BLUE, _RED, _RED), ("-", "-", "-", "--"), strict=False
        ):
            _draw_line(left, rows, name, color, line)
            if rows["1"]["locked_change"] is not None:
                change = [100 * row["locked_change"] for row in rows.values()]
                right.plot(range(len(rows)), change, line, marker="o", color=color)
        left.set(ylabel="unseen pictures found, %", ylim=(0, 102), title="New classes")
        right.axhline(0, color=_GREY, linewidth=0.8)
        right.set(ylabel="change of accuracy, points", title="Held-out pictures of before")
        for axes in (left, right):
            axes.set_xticks(range(len(COUNTS)), [str(count) for count in COUNTS])
            axes.set_xlabel("pictures a class")
            axes.grid(alpha=0.25)
        figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=4)
        figure.savefig(path, dpi=110)


def _draw_line(axes: Axes, rows: dict[str, Any], name: str, color: str, line: str) -> None:
    values = np.array([100 * row["mean"] for row in rows.values()])
    spread = np.array([100 * row["spread"] for row in rows.values()])
    places = range(len(rows))
    axes.plot(places, values, line, marker="o", color=color, label=name)
    axes.fill_between(places, values - spread, values + spread, color=color, alpha=0.12, lw=0)


def _sum_up(draws: list[Outcome], n: int) -> dict[str, Any]:
    """Return the means over the draws; the interval is that of the n unseen images."""
    values = np.array([found.unseen for found in draws])
    known, hot_dogs = draws[0].locked > 0, draws[0].locked_hot_dogs
    return {
        "mean": float(values.mean()),
        "spread": float(values.std()),
        "draws": len(draws),
        "unseen": measure_rate(np.arange(n) < round(float(values.mean()) * n)),
        "locked_change": _mean(draws, "locked_change") if known else None,
        "locked": round(_mean(draws, "locked")),
        "hot_dog_change": _mean(draws, "hot_dog_change") if known else None,
        "hot_dogs": measure_rate(np.arange(hot_dogs) < round(_mean(draws, "hot_dogs") * hot_dogs)),
        "left_out": _mean(draws, "left_out"),
        "excluded": _mean(draws, "excluded"),
        "excluded_new": _mean(draws, "excluded_new"),
    }


def _mean(draws: list[Outcome], name: str) -> float:
    return float(np.mean([getattr(found, name) for found in draws]))


if __name__ == "__main__":
    typer.run(main)
