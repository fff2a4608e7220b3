"""What a rendered image shows: a hot dog alone, among other food, other food, a thing, nothing.

A scene takes a palette, a generator and a ground,
and returns the RGB image.
"""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from trainer.synthetic import artwork
from trainer.synthetic.compositing import lay, place
from trainer.synthetic.drawings import draw_hot_dog
from trainer.synthetic.palettes import Palette

Scene = Callable[[Palette, np.random.Generator, Image.Image], Image.Image]


def pick_hot_dog(palette: Palette, generator: np.random.Generator) -> Image.Image:
    """Return at random the emoji, a piece of clip art or a drawing of our own."""
    kind = generator.choice(3, p=(0.35, 0.15, 0.5))
    if kind == 0:
        return artwork.draw_emoji(artwork.HOT_DOG_EMOJI)
    if kind == 1:
        return artwork.load_clipart(str(generator.choice(palette.hot_dog_cliparts)))
    return draw_hot_dog(generator, heldout=palette.heldout)


def pick_other(palette: Palette, generator: np.random.Generator) -> Image.Image:
    """Return a random cut-out that is not a hot dog, mostly food."""
    kind = generator.choice(4, p=(0.35, 0.2, 0.15, 0.3))
    if kind == 0:
        return artwork.draw_emoji(str(generator.choice(palette.food_emoji)))
    if kind == 1:
        return artwork.load_clipart(str(generator.choice(palette.food_cliparts)))
    if kind == 2:
        return artwork.draw_emoji(str(generator.choice(palette.thing_emoji)))
    return palette.dishes[str(generator.choice(list(palette.dishes)))](generator)


def pick_scale(generator: np.random.Generator) -> float:
    """Return a random share of the image for the main cut-out: 0.25–0.95, rather large."""
    return float(0.25 + 0.7 * np.sqrt(generator.random()))


def scatter(palette: Palette, generator: np.random.Generator, ground: Image.Image) -> Image.Image:
    """Lay two to five other foods and things about the ground."""
    for _ in range(int(generator.integers(2, 6))):
        scale = float(generator.uniform(0.25, 0.5))
        ground = lay(generator, ground, pick_other(palette, generator), scale)
    return ground


def show_emoji(
    palette: Palette, generator: np.random.Generator, ground: Image.Image
) -> Image.Image:
    """Show the hot dog emoji alone."""
    cutout = artwork.draw_emoji(artwork.HOT_DOG_EMOJI)
    return place(generator, ground, cutout, pick_scale(generator))


def show_clipart(
    palette: Palette, generator: np.random.Generator, ground: Image.Image
) -> Image.Image:
    """Show a piece of hot dog clip art alone."""
    cutout = artwork.load_clipart(str(generator.choice(palette.hot_dog_cliparts)))
    return place(generator, ground, cutout, pick_scale(generator))


def show_drawing(
    palette: Palette, generator: np.random.Generator, ground: Image.Image
) -> Image.Image:
    """Show a hot dog that we drew alone."""
    cutout = draw_hot_dog(generator, heldout=palette.heldout)
    return place(generator, ground, cutout, pick_scale(generator))


def show_several(
    palette: Palette, generator: np.random.Generator, ground: Image.Image
) -> Image.Image:
    """Show two or three hot dogs of one kind."""
    cutout = pick_hot_dog(palette, generator)
    for _ in range(int(generator.integers(2, 4))):
        ground = place(generator, ground, cutout, float(generator.uniform(0.35, 0.6)))
    return ground


def show_among(
    palette: Palette, generator: np.random.Generator, ground: Image.Image
) -> Image.Image:
    """Show a hot dog on top of other food."""
    ground = scatter(palette, generator, ground)
    scale = float(generator.uniform(0.4, 0.8))
    return place(generator, ground, pick_hot_dog(palette, generator), scale)


def show_meal(palette: Palette, generator: np.random.Generator, ground: Image.Image) -> Image.Image:
    """Show the clip art meal that a hot dog is part of."""
    return cover(generator, ground, artwork.HOT_DOG_MEAL)


def show_food(palette: Palette, generator: np.random.Generator, ground: Image.Image) -> Image.Image:
    """Show a food emoji alone."""
    cutout = artwork.draw_emoji(str(generator.choice(palette.food_emoji)))
    return place(generator, ground, cutout, pick_scale(generator))


def show_thing(
    palette: Palette, generator: np.random.Generator, ground: Image.Image
) -> Image.Image:
    """Show an emoji of an animal, a face, a vehicle or an object alone."""
    cutout = artwork.draw_emoji(str(generator.choice(palette.thing_emoji)))
    return place(generator, ground, cutout, pick_scale(generator))


def show_food_clipart(
    palette: Palette, generator: np.random.Generator, ground: Image.Image
) -> Image.Image:
    """Show a piece of food clip art alone."""
    cutout = artwork.load_clipart(str(generator.choice(palette.food_cliparts)))
    return place(generator, ground, cutout, pick_scale(generator))


def show_dish(palette: Palette, generator: np.random.Generator, ground: Image.Image) -> Image.Image:
    """Show a dish that we drew alone: the ones most like a hot dog."""
    dish = palette.dishes[str(generator.choice(list(palette.dishes)))]
    return place(generator, ground, dish(generator), pick_scale(generator))


def show_other_meal(
    palette: Palette, generator: np.random.Generator, ground: Image.Image
) -> Image.Image:
    """Show a clip art meal without a hot dog."""
    return cover(generator, ground, str(generator.choice(palette.meals)))


def show_ground(
    palette: Palette, generator: np.random.Generator, ground: Image.Image
) -> Image.Image:
    """Show nothing but the ground."""
    return ground


def show_text(palette: Palette, generator: np.random.Generator, ground: Image.Image) -> Image.Image:
    """Show lines of words, as on a sign or a screen."""
    dark = bool(generator.random() < 0.5)
    paper, ink = ((24, 26, 32), (220, 230, 220)) if dark else ((250, 250, 246), (30, 30, 40))
    page = Image.new("RGB", ground.size, paper) if generator.random() < 0.6 else ground.copy()
    pen, height = ImageDraw.Draw(page), int(generator.integers(12, 34))
    font = ImageFont.load_default(height)
    for y in range(height // 2, page.height, int(height * 1.5)):
        line = " ".join(generator.choice(palette.words, 8))
        pen.text((height // 2, y), line, fill=ink, font=font)
    return page


def cover(generator: np.random.Generator, ground: Image.Image, name: str) -> Image.Image:
    """Fill the ground with a finished clip art image, its edges cut by up to a tenth."""
    image = artwork.load_clipart(name).convert("RGB")
    left, top, right, bottom = generator.uniform(0, 0.1, 4) * (*image.size, *image.size)
    box = (int(left), int(top), int(image.width - right), int(image.height - bottom))
    return image.resize(ground.size, Image.Resampling.BICUBIC, box)


# How often each scene is shown; its name goes into the file name.
Scenes = dict[str, tuple[Scene, float]]
HOT_DOG_SCENES: Scenes = {
    "emoji": (show_emoji, 0.2),
    "clipart": (show_clipart, 0.1),
    "drawn": (show_drawing, 0.33),
    "several": (show_several, 0.1),
    "among-food": (show_among, 0.25),
    "meal": (show_meal, 0.02),
}
OTHER_SCENES: Scenes = {
    "food-emoji": (show_food, 0.24),
    "food-clipart": (show_food_clipart, 0.13),
    "food-drawn": (show_dish, 0.25),
    "thing-emoji": (show_thing, 0.17),
    "clutter": (scatter, 0.11),
    "meal": (show_other_meal, 0.02),
    "ground": (show_ground, 0.04),
    "text": (show_text, 0.04),
}


def list_scenes(palette: Palette, label: str) -> Scenes:
    """Return the scenes of a class; the one hot dog meal there is shown in training alone."""
    if label != "hot_dog":
        return OTHER_SCENES
    if palette.heldout:
        return {name: scene for name, scene in HOT_DOG_SCENES.items() if name != "meal"}
    return HOT_DOG_SCENES
