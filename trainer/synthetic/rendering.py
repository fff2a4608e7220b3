"""Render labelled images from open artwork: a data set that anyone may have and publish.

Every image has a generator of its own, seeded by its place in the set, so that it does not
depend on how many others are made.
Command: `python -m trainer demo-data FOLDER`.
"""

from pathlib import Path

import numpy as np
from PIL import Image

from trainer.data.dataset import RENDERED
from trainer.synthetic.artwork import check_installed
from trainer.synthetic.compositing import develop, pick_size
from trainer.synthetic.palettes import HELDOUT, TRAIN, Palette
from trainer.synthetic.scenes import list_scenes

LABELS = ("hot_dog", "not_hot_dog")
HELDOUT_COUNT = 40
HELDOUT_BYTES = 10_000


def render_demo_data(
    folder: Path,
    *,
    count_per_class: int = 400,
    heldout_count: int = HELDOUT_COUNT,
    seed: int = 0,
) -> dict[str, int]:
    """Write rendered images as `folder/{train,heldout}/{hot_dog,not_hot_dog}/rendered_….jpg`.

    Training images are JPEG, 200–400 pixels a side; the held-out ones are WebP,
    200–288 pixels a side and at most 10,000 bytes. The same seed gives the same images
    with the same versions of the font, the clip art, Pillow and NumPy.

    Returns:
        The number of images by `part/label`.

    Raises:
        UserInputError: the emoji font or the clip art is not installed.
    """
    check_installed()
    counts = {}
    for part, palette, count in (
        ("train", TRAIN, count_per_class),
        ("heldout", HELDOUT, heldout_count),
    ):
        for label in LABELS:
            render_class(folder / part / label, palette, count=count, seed=seed)
            counts[f"{part}/{label}"] = count
    return counts


def render_class(target: Path, palette: Palette, *, count: int, seed: int) -> None:
    """Write `count` images of the class that the folder `target` is named after."""
    target.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        generator = np.random.default_rng(
            [seed, palette.heldout, LABELS.index(target.name), number]
        )
        what, image = compose(palette, target.name, generator)
        path = target / f"{RENDERED}_{what}_{number:04d}"
        if palette.heldout:
            save_small(image, path.with_suffix(".webp"))
        else:
            image.save(path.with_suffix(".jpg"), quality=int(generator.integers(45, 96)))


def compose(
    palette: Palette, label: str, generator: np.random.Generator
) -> tuple[str, Image.Image]:
    """Return what a new image of a class shows, for its file name, and the image, RGB."""
    scenes = list_scenes(palette, label)
    shares = np.array([share for _, share in scenes.values()])
    what = str(generator.choice(list(scenes), p=shares / shares.sum()))
    size = pick_size(generator, largest=288 if palette.heldout else 400)
    ground = palette.grounds[generator.integers(len(palette.grounds))](generator, size)
    scene, _ = scenes[what]
    return what, develop(generator, scene(palette, generator, ground))


def save_small(image: Image.Image, path: Path) -> None:
    """Write a WebP image of at most 10,000 bytes, at the best quality that allows it."""
    for quality in (80, 60, 40, 20, 5):
        image.save(path, quality=quality)
        if path.stat().st_size <= HELDOUT_BYTES:
            return
