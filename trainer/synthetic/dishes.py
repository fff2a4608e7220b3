"""Our own drawings of other dishes, and the list of all that are not a hot dog.

Stage: drawings, lookalikes → dishes → palettes. Every function draws one dish by lot and returns
RGBA, at most 480×320 pixels.
"""

from collections.abc import Callable

import numpy as np
from PIL import Image

from trainer.synthetic.drawings import (
    CHEESE,
    KETCHUP,
    LETTUCE,
    draw_roll,
    finish,
    shade,
    start_canvas,
    stroke,
    trace,
    vary,
)
from trainer.synthetic.lookalikes import (
    WHITE,
    X,
    Y,
    draw_baguette,
    draw_banana_or_carrot,
    draw_eclair,
    draw_empty_bun,
    draw_sausages,
    draw_spring_rolls,
    draw_submarine,
    pick_bread,
    pick_sauce,
)

Dish = Callable[[np.random.Generator], Image.Image]


def draw_taco(generator: np.random.Generator) -> Image.Image:
    """Draw a folded shell with filling along its edge."""
    canvas, draw = start_canvas()
    shell = vary((240, 190, 80), generator)
    fillings = [LETTUCE, KETCHUP, (130, 70, 40), CHEESE]
    for angle in np.linspace(np.pi * 1.02, np.pi * 1.98, 26):
        x, y = X + 290 * np.cos(angle), Y + 120 + 270 * np.sin(angle)
        filling = fillings[generator.integers(len(fillings))]
        stroke(draw, [(x, y)], generator.uniform(28, 48), vary(filling, generator))
    draw.pieslice(
        (X - 300, Y - 160, X + 300, Y + 400),
        180,
        360,
        fill=shell,
        outline=shade(shell, 0.5),
        width=6,
    )
    for _ in range(14):
        x, y = X + generator.uniform(-200, 200), Y + generator.uniform(-40, 90)
        stroke(draw, [(x, y)], 8, shade(shell, 0.85))
    return finish(canvas)


def draw_fries(generator: np.random.Generator) -> Image.Image:
    """Draw sticks of potato in a paper box."""
    canvas, draw = start_canvas()
    box = vary((204, 30, 34), generator, 40)
    for x in np.linspace(X - 130, X + 130, 13).tolist():
        top = Y - generator.uniform(120, 290)
        colour = vary((248, 206, 88), generator)
        lean = generator.uniform(-25, 25)
        draw.line((x, Y + 80, x + lean, top), fill=shade(colour, 0.6), width=36)
        draw.line((x, Y + 80, x + lean, top), fill=colour, width=28)
    draw.polygon(
        [(X - 165, Y - 40), (X + 165, Y - 40), (X + 120, Y + 290), (X - 120, Y + 290)], fill=box
    )
    draw.ellipse((X - 120, Y - 90, X + 120, Y + 10), fill=shade(box, 0.8))
    return finish(canvas)


def draw_pizza(generator: np.random.Generator) -> Image.Image:
    """Draw a slice of pizza with round toppings."""
    canvas, draw = start_canvas()
    draw.polygon([(X - 300, Y - 170), (X + 300, Y - 170), (X, Y + 300)], fill=CHEESE)
    for _ in range(int(generator.integers(4, 9))):
        y = generator.uniform(-120, 120)
        x = X + generator.uniform(-1, 1) * 0.6 * (260 - y)
        topping = KETCHUP if generator.random() < 0.7 else LETTUCE
        stroke(draw, [(x, Y + y)], generator.uniform(28, 46), vary(topping, generator))
    draw_roll(
        draw, trace(300, shift=-190), 42, pick_bread(generator), float(generator.choice([0, 6]))
    )
    return finish(canvas)


def draw_bottle(generator: np.random.Generator) -> Image.Image:
    """Draw a bottle of ketchup or mustard."""
    canvas, draw = start_canvas()
    colour = vary(pick_sauce(generator), generator)
    draw.rounded_rectangle((X - 95, Y - 130, X + 95, Y + 300), 45, fill=colour)
    draw.polygon(
        [(X - 70, Y - 125), (X + 70, Y - 125), (X + 14, Y - 300), (X - 14, Y - 300)],
        fill=shade(colour, 0.8),
    )
    draw.rounded_rectangle((X - 80, Y - 20, X + 80, Y + 180), 14, fill=WHITE)
    draw.ellipse((X - 45, Y + 35, X + 45, Y + 125), fill=shade(colour, 0.9))
    return finish(canvas)


def draw_sauced_plate(generator: np.random.Generator) -> Image.Image:
    """Draw a plate of omelette, noodles or rice with a zigzag of sauce."""
    canvas, draw = start_canvas()
    draw.ellipse((X - 400, Y - 280, X + 400, Y + 280), fill=WHITE, outline=(170, 180, 190), width=8)
    heap = vary(((250, 214, 90), (240, 220, 170), (160, 110, 70))[generator.integers(3)], generator)
    draw.ellipse((X - 260, Y - 165, X + 260, Y + 165), fill=shade(heap, 0.8))
    draw.ellipse((X - 250, Y - 165, X + 250, Y + 145), fill=heap)
    sauce = trace(200, wave=60, waves=float(generator.integers(2, 6)), pointed=True)
    stroke(draw, sauce, 13, pick_sauce(generator))
    return finish(canvas)


def draw_burger(generator: np.random.Generator) -> Image.Image:
    """Draw a round bun with patty, cheese and lettuce, from the side."""
    canvas, draw = start_canvas()
    bread = pick_bread(generator)
    stroke(draw, trace(200, shift=170), 60, bread)
    stroke(draw, trace(240, shift=100), 48, (100, 54, 30))
    stroke(draw, trace(240, shift=50), 18, CHEESE)
    stroke(draw, trace(240, shift=20, wave=12, waves=7), 26, LETTUCE)
    draw.pieslice((X - 270, Y - 260, X + 270, Y + 270), 180, 360, fill=bread)
    return finish(canvas)


TRAIN_DISHES: dict[str, Dish] = {
    "sausages": draw_sausages,
    "empty-bun": draw_empty_bun,
    "baguette": draw_baguette,
    "spring-rolls": draw_spring_rolls,
    "taco": draw_taco,
    "fries": draw_fries,
    "pizza": draw_pizza,
    "submarine": draw_submarine,
    "bottle": draw_bottle,
    "sauced-plate": draw_sauced_plate,
    "banana-or-carrot": draw_banana_or_carrot,
}
HELDOUT_DISHES: dict[str, Dish] = {"eclair": draw_eclair, "burger": draw_burger}
