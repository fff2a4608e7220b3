"""What training and held-out images may be rendered from.

The held-out palette shares no
ground, dish, clip art file, emoji or word with the training one, and its drawn hot dogs have sauce
patterns and a choice of colours of their own. The hot dog emoji is in both: the font has only one.
"""

from dataclasses import dataclass

from trainer.synthetic import artwork, dishes
from trainer.synthetic.grounds import HELDOUT_GROUNDS, TRAIN_GROUNDS, Ground


@dataclass(frozen=True)
class Palette:
    """What one part of the set, training or held-out, may be rendered from."""

    heldout: bool
    grounds: tuple[Ground, ...]
    hot_dog_cliparts: tuple[str, ...]
    food_cliparts: tuple[str, ...]
    meals: tuple[str, ...]
    food_emoji: tuple[str, ...]
    thing_emoji: tuple[str, ...]
    dishes: dict[str, dishes.Dish]
    words: tuple[str, ...]


TRAIN = Palette(
    heldout=False,
    grounds=TRAIN_GROUNDS,
    hot_dog_cliparts=artwork.TRAIN_HOT_DOG_CLIPART,
    food_cliparts=artwork.TRAIN_FOOD_CLIPART,
    meals=artwork.TRAIN_MEALS,
    food_emoji=artwork.TRAIN_FOOD_EMOJI,
    thing_emoji=artwork.TRAIN_THING_EMOJI,
    dishes=dishes.TRAIN_DISHES,
    words=(
        "menu",
        "today",
        "open",
        "street",
        "12:45",
        "file",
        "edit",
        "view",
        "settings",
        "music",
        "call",
        "lunch",
        "ok",
        "2.50",
    ),
)
HELDOUT = Palette(
    heldout=True,
    grounds=HELDOUT_GROUNDS,
    hot_dog_cliparts=artwork.HELDOUT_HOT_DOG_CLIPART,
    food_cliparts=artwork.HELDOUT_FOOD_CLIPART,
    meals=artwork.HELDOUT_MEALS,
    food_emoji=artwork.HELDOUT_FOOD_EMOJI,
    thing_emoji=artwork.HELDOUT_THING_EMOJI,
    dishes=dishes.HELDOUT_DISHES,
    words=("closed", "station", "total", "07:30", "search", "window", "save", "train", "9.99"),
)
