"""A version's `report/`: plots of what was measured, and its worst mistakes."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from pydantic import TypeAdapter

from inference.versions.cards import Card, Metrics, Rate, name_for_display, name_split
from trainer.cards.statements import leave_out_few, name_group
from trainer.evaluation.predictions import Mistake, Predictions

MISTAKES = TypeAdapter(list[Mistake])  # what `mistakes.json` holds
_SPLITS = ("test", "locked", "validation")  # the one furthest from training comes first
_BLUE, _GREY = "#2f6fde", "#8a8f98"
_MOST_WRITTEN = 40  # classes, beyond which the confusion matrix is colours alone
_STYLE = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
}


def write_report(
    folder: Path, card: Card, history: Sequence[dict[str, float]], predictions: Predictions
) -> None:
    """Write the plots and `mistakes.json` of one version.

    `history`: a row an epoch, or a row a step of a head's fit. `predictions` are those of the first
    of `_SPLITS` that was measured.
    """
    folder.mkdir(parents=True)
    split = next(split for split in _SPLITS if split in card.metrics)
    metrics = card.metrics[split]
    names = [name_for_display(name) for name in card.class_names]
    with mpl.rc_context(_STYLE):
        if history:
            plot = _plot_curves if "epoch" in history[0] else _plot_fit
            _save(plot(history), folder / "learning_curves.png")
        _save(_plot_confusion(metrics.confusion or (), names, split), folder / "confusion.png")
        _save(_plot_reliability(predictions, split), folder / "reliability.png")
        _save(_plot_rates(_list_groups(metrics), "group", split), folder / "groups.png")
        kinds_split, kinds = card.list_kinds()
        if kinds:
            _save(_plot_rates(dict(kinds), "what is shown", kinds_split), folder / "kinds.png")
    mistakes = MISTAKES.dump_json(predictions.list_mistakes(), indent=1)
    (folder / "mistakes.json").write_bytes(mistakes)


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, dpi=130)


def _new_axes(width: float = 6.0, height: float = 4.0) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots()


def _plot_curves(history: Sequence[dict[str, float]]) -> Figure:
    figure = Figure(figsize=(8, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    epochs = [row["epoch"] for row in history]
    left.plot(epochs, [row["train_loss"] for row in history], "o-", color=_GREY, label="training")
    left.plot(epochs, [row["val_loss"] for row in history], "o-", color=_BLUE, label="validation")
    left.set(xlabel="epoch", ylabel="cross-entropy loss", title="Loss")
    left.legend()
    right.plot(epochs, [100 * row["val_accuracy"] for row in history], "o-", color=_BLUE)
    probe = 100 * history[0]["probe_accuracy"] if history else 0
    right.axhline(probe, color=_GREY, linestyle="--", label="linear probe")
    right.set(xlabel="epoch", ylabel="accuracy, %", title="Validation accuracy")
    right.legend()
    for axes in (left, right):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


def _plot_fit(history: Sequence[dict[str, float]]) -> Figure:
    figure = Figure(figsize=(8, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    steps = [row["step"] for row in history]
    left.plot(steps, [row["loss"] for row in history], color=_BLUE)
    left.set(xlabel="step", ylabel="cross-entropy loss", title="Loss, held-out pictures")
    right.plot(steps, [100 * row["accuracy"] for row in history], color=_BLUE)
    right.set(xlabel="step", ylabel="accuracy, %", title="Accuracy, held-out pictures")
    for axes in (left, right):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


def _plot_confusion(confusion: Sequence[Sequence[int]], names: Sequence[str], split: str) -> Figure:
    counts = np.array(confusion)
    size = min(24, max(4.2, 0.6 * len(names) + 2))
    figure, axes = _new_axes(size, size * 0.85)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.grid(visible=False)
    cells = np.ndenumerate(counts) if len(names) <= _MOST_WRITTEN else ()
    for (row, column), count in cells:
        color = "white" if shares[row, column] > 0.5 else "black"
        axes.text(column, row, f"{count:,}", ha="center", va="center", color=color)
    ticks = range(len(names))
    axes.set_xticks(ticks, names, rotation=30 if len(names) > 3 else 0)
    axes.set_yticks(ticks, names)
    axes.set(xlabel="what the network answered", ylabel="what the picture is labelled")
    axes.set_title(f"Confusion matrix, {name_split(split)} (n = {counts.sum():,})")
    return figure


def _plot_reliability(predictions: Predictions, split: str, bins: int = 10) -> Figure:
    figure, axes = _new_axes(5, 4.4)
    top = predictions.probabilities.max(axis=1)
    correct = predictions.probabilities.argmax(axis=1) == predictions.targets
    place = np.minimum((top * bins).astype(int), bins - 1)
    filled = [b for b in range(bins) if (place == b).any()]
    said = [100 * top[place == b].mean() for b in filled]
    was = [100 * correct[place == b].mean() for b in filled]
    axes.plot([0, 100], [0, 100], "--", color=_GREY, label="perfectly calibrated")
    axes.plot(said, was, "o-", color=_BLUE, label=f"{name_split(split)} pictures")
    for b, x, y in zip(filled, said, was, strict=True):
        axes.annotate(f"n={int((place == b).sum())}", (x, y), (4, -11), textcoords="offset points")
    axes.set(xlabel="probability the network gave, %", ylabel="share that was right, %")
    axes.set(
        xlim=(max(0, 90 / predictions.probabilities.shape[1] - 5), 102),
        ylim=(0, 104),
        title="Reliability",
    )
    axes.legend(loc="lower right")
    return figure


def _plot_rates(rates: dict[str, Rate], what: str, split: str) -> Figure:
    figure, axes = _new_axes(6.5, (0.45 if len(rates) < 20 else 0.28) * len(rates) + 1.2)
    places = np.arange(len(rates))[::-1]
    for place, rate in zip(places, rates.values(), strict=True):
        low, high = 100 * rate.low, 100 * rate.high
        axes.plot([low, high], [place, place], color=_BLUE, linewidth=2)
        axes.plot(100 * rate.value, place, "o", color=_BLUE)
    labels = [f"{name_group(name)} (n = {rate.n})" for name, rate in rates.items()]
    axes.set_yticks(places, labels)
    axes.set(
        xlabel="accuracy with its 95% interval, %",
        title=f"Accuracy by {what}, {name_split(split)}",
    )
    return figure


def _list_groups(metrics: Metrics) -> dict[str, Rate]:
    found = {"all": metrics.top1, **metrics.per_class}
    return found | leave_out_few(metrics.per_source) | leave_out_few(metrics.per_group)
