"""Random charts, as reports and papers hold them: out-of-distribution images."""

from typing import Any

import matplotlib.style
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

Size = tuple[int, int]
_STYLES = ("default", "ggplot", "bmh", "dark_background", "seaborn-v0_8-whitegrid", "grayscale")
_COLOURS = ("viridis", "magma", "coolwarm", "Greys", "jet", "terrain")
_DPI = 80
_SYLLABLES = (
    "ba",
    "ce",
    "di",
    "fo",
    "gu",
    "la",
    "me",
    "ni",
    "por",
    "qua",
    "ra",
    "sel",
    "ti",
    "zen",
)


def draw_chart(generator: np.random.Generator, size: Size) -> Image.Image:
    """Draw one or four plots of random figures, of a random kind and style; RGB."""
    with matplotlib.style.context(str(generator.choice(_STYLES))):
        figure = Figure(figsize=(size[0] / _DPI, size[1] / _DPI), dpi=_DPI)
        canvas = FigureCanvasAgg(figure)
        rows = int(generator.choice([1, 1, 1, 2]))
        for axes in np.ravel(figure.subplots(rows, rows)):
            _PLOTS[generator.integers(len(_PLOTS))](axes, generator)
            if generator.random() < 0.7:
                axes.set_title(_make_line(generator, 3), fontsize=10)
        canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy())


def _plot_lines(axes: Any, generator: np.random.Generator) -> None:  # noqa: ANN401  (matplotlib)
    for _ in range(int(generator.integers(1, 6))):
        axes.plot(generator.normal(0, 1, 80).cumsum(), label=_make_word(generator))
    axes.grid(visible=bool(generator.random() < 0.5))
    axes.legend(fontsize=8, loc="upper left")


def _plot_bars(axes: Any, generator: np.random.Generator) -> None:  # noqa: ANN401
    names = [f"{_make_word(generator)[:6]}{i}" for i in range(int(generator.integers(3, 10)))]
    axes.bar(names, generator.gamma(3, 10, len(names)))
    axes.tick_params(axis="x", rotation=45)


def _plot_points(axes: Any, generator: np.random.Generator) -> None:  # noqa: ANN401
    for _ in range(int(generator.integers(1, 4))):
        x, y = generator.normal(generator.normal(0, 2, (2, 1)), 1, (2, 120))
        axes.scatter(x, y, s=float(generator.uniform(4, 40)), alpha=0.7)


def _plot_pie(axes: Any, generator: np.random.Generator) -> None:  # noqa: ANN401
    shares = generator.gamma(2, 1, int(generator.integers(3, 8)))
    axes.pie(shares, labels=[_make_word(generator) for _ in shares], textprops={"fontsize": 8})


def _plot_histogram(axes: Any, generator: np.random.Generator) -> None:  # noqa: ANN401
    axes.hist(generator.normal(0, 1, 900), bins=int(generator.integers(10, 60)))


def _plot_colours(axes: Any, generator: np.random.Generator) -> None:  # noqa: ANN401
    table = generator.normal(0, 1, generator.integers(5, 30, 2))
    axes.imshow(table, cmap=str(generator.choice(_COLOURS)), aspect="auto")


def _plot_contours(axes: Any, generator: np.random.Generator) -> None:  # noqa: ANN401
    y, x = np.mgrid[-2:2:60j, -2:2:60j]
    parts = [
        np.exp(-((x - a) ** 2) - (y - b) ** 2) * c for a, b, c in generator.normal(0, 1, (6, 3))
    ]
    axes.contourf(x, y, np.sum(parts, axis=0), cmap=str(generator.choice(_COLOURS)))


def _make_word(generator: np.random.Generator) -> str:
    """Return a made-up word of one to four syllables."""
    return "".join(generator.choice(_SYLLABLES, generator.integers(1, 5)).tolist())


def _make_line(generator: np.random.Generator, words: int) -> str:
    """Return a sentence of made-up words."""
    return " ".join(_make_word(generator) for _ in range(words)).capitalize()


_PLOTS = (
    _plot_lines,
    _plot_bars,
    _plot_points,
    _plot_pie,
    _plot_histogram,
    _plot_colours,
    _plot_contours,
)
