"""What was measured, as tables and a plot: medians with spread, and ratios to a named peer."""

import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import onnxruntime as ort
import torch
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from inference.process import count_usable_cores

Measured = dict[str, Any]  # competitor → median, p10, p90 and ratio
_GREEN, _GREY, _LIGHT = "#2e8b57", "#8a8f98", "#c9ced6"


def summarise(values: Mapping[str, Sequence[float]], against: str, unit: str) -> Measured:
    """Return each competitor's median, 10th and 90th percentile, n, and ratio to a peer."""
    base = float(np.median(values[against]))
    rows = {
        name: {
            "median": float(np.median(found)),
            "p10": float(np.quantile(found, 0.1)),
            "p90": float(np.quantile(found, 0.9)),
            "n": len(found),
            "ratio": float(np.median(found)) / base,
        }
        for name, found in values.items()
    }
    return {"unit": unit, "against": against, "rows": rows}


def describe_machine() -> dict[str, Any]:
    """Return what the figures depend on."""
    return {
        "cores": count_usable_cores(),
        "processor": _read_processor(),
        "python": platform.python_version(),
        "onnxruntime": ort.__version__,
        "torch": torch.__version__,
    }


def show(title: str, measured: Measured) -> None:
    """Print one table."""
    unit, against = measured["unit"], measured["against"]
    table = Table(
        title, f"median {unit}", "10–90%", "n", f"ratio to {against}", title_justify="left"
    )
    for name, row in measured["rows"].items():
        spread = f"{format_figure(row['p10'])}–{format_figure(row['p90'])}"
        median, ratio = format_figure(row["median"]), f"{row['ratio']:.2f}"
        table.add_row(name, median, spread, str(row["n"]), ratio)
    Console(width=110).print(table)


def draw(found: Mapping[str, Measured], path: Path) -> None:
    """Write a plot: for each task the medians of all competitors, and their ratios to the peer."""
    titles = list(found)
    with mpl.rc_context({"axes.spines.top": False, "axes.spines.right": False, "font.size": 9}):
        rows = -(-len(titles) // 2)
        figure = Figure(figsize=(11, 1.55 * rows), layout="constrained")
        places = figure.subplots(rows, 2, squeeze=False).ravel()
        for axes in places[len(titles) :]:
            axes.remove()
        for axes, title in zip(places, titles, strict=False):
            measured = found[title]
            names = list(measured["rows"])
            medians = [row["median"] for row in measured["rows"].values()]
            colors = [_GREEN if name.startswith("ours") else _GREY for name in names]
            bars = axes.barh(names, medians, color=colors)
            labels = [
                f"{format_figure(row['median'])} · {row['ratio']:.2f}×"
                for row in measured["rows"].values()
            ]
            axes.bar_label(bars, labels, padding=3, fontsize=8)
            axes.set_xlim(0, 1.25 * max(medians))
            axes.set_title(f"{title}, {measured['unit']}", fontsize=9, loc="left")
            axes.invert_yaxis()
            axes.set_xticks([])
        figure.savefig(path, dpi=110)


def format_figure(value: float) -> str:
    """Return a figure with three digits, or whole where it has more."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _read_processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())
