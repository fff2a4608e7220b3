"""Cut-outs for rendered images: emoji and clip art, and which of them are held out of training.

Everything here may be published.
"""

from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from inference.errors import UserInputError

# Source: Debian package fonts-noto-color-emoji, SIL Open Font License 1.1.
EMOJI_FONT = Path("/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf")
# The only pixel size of the font's bitmaps.
EMOJI_SIZE = 109
# Source: Debian package openclipart-png, public domain.
CLIPART_FOLDER = Path("/usr/share/openclipart/png")
LONGEST_SIDE = 400

HOT_DOG_EMOJI = "🌭"
TRAIN_FOOD_EMOJI = tuple(
    "🍔🍟🌮🥪🥙🥨🥐🍞🧀🍖🍗🥩🥓🍳🥘🍲🥗🍿🧈🍱🍣🍤🍙🍜🍛🥟🥠"
    "🍦🍩🍪🎂🧁🥧🍫🍬🍭🍮☕🍺🥤🍎🍌🍇🍉🍓🍒🍍🥑🥕🌽🥒🍆🥔🫔"
)
HELDOUT_FOOD_EMOJI = tuple("🌯🥖🍕🍝🥞🧇🍰🍨🍷🍊🍐🥦🌶🍡")
TRAIN_THING_EMOJI = tuple(
    "🐶🐱🐭🐰🦊🐻🐼🐨🐯🦁🐷🐸🐵🐔🐧🐦🦆🦉🐴🦄🐝🐛🦋🐌🐞🐢🐍🐙🐟🐬🐳🐘🐪🐄🐕🐈"
    "😀😂😍😎😭😡🤖👽👻💀👶👧👨👩👵👮👷🎅👍👋"
    "🚗🚕🚌🚑🚒🚜🚲🛵🚂✈🚀⛵🚤🚁🏠🏢⛪🗼🌉🗽⛰🏝🌋🌲🌴🌵🌷🌹🌻🍁🍄"
    "⚽🏀🎾🏈🎸🎺🎻🥁🎲🎯📱💻⌨📷📺⏰🔦💡📚✏🖍📎🔑🔨🪛🔧🪓🧲🎈🎁👟👜👓👑💄💊🧯🛋🚿🧦🪵"
)
HELDOUT_THING_EMOJI = tuple("🐮🐹🦒🐊🐡🦔🐩😴🤠🧔🚓🚚🛴🚆🛩🏰🌳🌺🎹⚾🖨📦🖊🧸👢🧢🪑🧹")

TRAIN_HOT_DOG_CLIPART = ("food/meats_and_eggs/hot_dog.png", "food/meats_and_eggs/hot_dog_bw.png")
HELDOUT_HOT_DOG_CLIPART = ("food/meats_and_eggs/hot_dog_juliane_krug_r.png",)
# A finished image with its own ground: a hot dog, chips, an apple and juice.
HOT_DOG_MEAL = "food/menu_example1.png"
TRAIN_MEALS = tuple(f"food/menu_example{n}.png" for n in (2, 3, 4, 5))
HELDOUT_MEALS = ("food/menu_example6.png", "food/menu_example_.png")
TRAIN_FOOD_CLIPART = tuple(
    f"food/{name}.png"
    for name in (
        "breads_and_carbs/bread_01",
        "breads_and_carbs/croissant_gerald_g._01",
        "breads_and_carbs/muffin1",
        "breads_and_carbs/garlic_toast",
        "breads_and_carbs/hash_browns",
        "breads_and_carbs/pancakes_ganson",
        "breads_and_carbs/pretzel_01",
        "burrito_ganson",
        "crawfish1_ganson",
        "fries_ganson",
        "lasagna_ganson",
        "meats_and_eggs/bacon_ganson",
        "meats_and_eggs/breakfast_sausage",
        "meats_and_eggs/breakfast_sausage_bw",
        "meats_and_eggs/chicken_burger",
        "meats_and_eggs/farmer_onelette",
        "meats_and_eggs/farmer_onelette_bw",
        "meats_and_eggs/fried_egg",
        "onion_rings",
        "perogies_ganson",
        "pizza_pepperoni",
        "pizza_slice_fco._andrade_01",
        "sandwich_one_jean-victor_01",
        "sandwich_one_bw_jean-vic_01",
        "spaghetti_ganson",
        "vegetables/corn_cob",
        "vegetables/peperoncino_pepper_fra_",
        "desserts/cone2_ganson",
        "desserts/pie_cherry",
        "desserts/glace_03_jean-victor_bal_01",
        "desserts/candy_02",
        "beverages/soft_drink",
        "beverages/bottled_drink",
        "beverages/pop_can",
        "fruit/banana",
    )
)
HELDOUT_FOOD_CLIPART = tuple(
    f"food/{name}.png"
    for name in (
        "submarine_sandwich_01",
        "pizza_cheese",
        "french_fries_juliane_kr_r",
        "meats_and_eggs/hamburger_ganson",
        "breads_and_carbs/potato_chips",
        "desserts/cone_soft_vanilla",
        "desserts/pie_apple",
        "beverages/milk_ganson",
        "beverages/teacup_ganson",
        "vegetables/cayennepepperrevisited_d_01",
        "desserts/glace_7_jean-victor_bali_01",
    )
)


def check_installed() -> None:
    """Make sure, before anything is written, that the emoji font and the clip art are there.

    Raises:
        UserInputError: one of them is not installed.
    """
    if not EMOJI_FONT.is_file():
        raise UserInputError(
            "The emoji font is missing: install the Debian package fonts-noto-color-emoji."
        )
    if not (CLIPART_FOLDER / HOT_DOG_MEAL).is_file():
        raise UserInputError("The clip art is missing: install the Debian package openclipart-png.")


@lru_cache(maxsize=512)
def draw_emoji(character: str) -> Image.Image:
    """Draw one emoji as a cut-out, RGBA, about 128 pixels a side."""
    black, white = (paint_emoji(character, paper) for paper in (0, 255))
    alpha = 255 - (white - black).mean(axis=-1, keepdims=True)
    colour = black * 255 / np.maximum(alpha, 1)
    pixels = np.concatenate([colour, alpha], axis=-1).round().clip(0, 255).astype(np.uint8)
    return trim(Image.fromarray(pixels))


def paint_emoji(character: str, paper: int) -> np.ndarray:
    """Return one emoji on grey paper (0–255) as (218, 218, 3) float RGB, 0–255.

    Two such papers give its edges exactly; on transparent paper Pillow mixes black into them.
    """
    font = ImageFont.truetype(EMOJI_FONT, EMOJI_SIZE)
    page = Image.new("RGB", (2 * EMOJI_SIZE, 2 * EMOJI_SIZE), (paper, paper, paper))
    ImageDraw.Draw(page).text((20, 20), character, font=font, embedded_color=True)
    return np.asarray(page, dtype=float)


@lru_cache(maxsize=128)
def load_clipart(name: str) -> Image.Image:
    """Load a piece of clip art by its path under the package's folder, RGBA, up to 400 pixels."""
    with Image.open(CLIPART_FOLDER / name) as image:
        cutout = trim(image.convert("RGBA"))
    cutout.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    return cutout


def trim(cutout: Image.Image) -> Image.Image:
    """Cut away the transparent border of an RGBA image."""
    return cutout.crop(cutout.getchannel("A").getbbox())
