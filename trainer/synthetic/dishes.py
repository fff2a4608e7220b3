"""Our own drawings of dishes that are no hot dog, many as long, baked or sauced as one.

Every function draws one dish at random and returns RGBA, at most 480×320 pixels.
"""

from collections.abc import Callable

import numpy as np
from PIL import Image

from trainer.synthetic.drawings import (
    CHEESE,
    CREAM,
    HEIGHT,
    KETCHUP,
    LETTUCE,
    MUSTARD,
    TRAIN_BUNS,
    TRAIN_SAUSAGES,
    WIDTH,
    Colour,
    draw_roll,
    finish,
    shade,
    start_canvas,
    stroke,
    trace,
    vary,
)

Dish = Callable[[np.random.Generator], Image.Image]

WHITE: Colour = (246, 246, 242)
X, Y = WIDTH / 2, HEIGHT / 2


def _pick_sauce(generator: np.random.Generator) -> Colour:
    """Return mustard or ketchup at random."""
    return MUSTARD if generator.random() < 0.5 else KETCHUP


def _pick_bread(generator: np.random.Generator) -> Colour:
    """Return a random colour of baked dough."""
    return vary(TRAIN_BUNS[generator.integers(len(TRAIN_BUNS))], generator)


def draw_sausages(generator: np.random.Generator) -> Image.Image:
    """Draw one to three sausages without a bun, with or without sauce."""
    canvas, draw = start_canvas()
    colour = vary(TRAIN_SAUSAGES[generator.integers(len(TRAIN_SAUSAGES))], generator)
    count, outline = int(generator.integers(1, 4)), float(generator.choice([0, 6]))
    bend = generator.uniform(-90, 90)
    for number in range(count):
        shift = 120 * (number - (count - 1) / 2)
        draw_roll(draw, trace(330, bend=bend, shift=shift), 50, colour, outline)
        if count == 1 and generator.random() < 0.5:
            stroke(draw, trace(280, bend=bend, wave=18, waves=3.5), 10, _pick_sauce(generator))
    return finish(canvas)


def draw_empty_bun(generator: np.random.Generator) -> Image.Image:
    """Draw a split bun with nothing in it, or sauce alone."""
    canvas, draw = start_canvas()
    colour, outline = _pick_bread(generator), float(generator.choice([0, 6]))
    for shift in (-50, 50):
        draw_roll(draw, trace(300, shift=shift), 80, colour, outline)
    stroke(draw, trace(290), 40, CREAM)
    if generator.random() < 0.5:
        stroke(draw, trace(260, wave=14, waves=4), 9, _pick_sauce(generator))
    return finish(canvas)


def draw_baguette(generator: np.random.Generator) -> Image.Image:
    """Draw a long loaf with cuts across."""
    canvas, draw = start_canvas()
    colour = _pick_bread(generator)
    radius = generator.uniform(50, 85)
    draw_roll(draw, trace(370, bend=20), radius, colour, float(generator.choice([0, 6])))
    for x in np.linspace(X - 280, X + 280, int(generator.integers(3, 7))).tolist():
        cut = [(x + s, Y + 10 - 1.3 * s) for s in np.linspace(-0.4, 0.4, 30) * radius]
        stroke(draw, cut, 11, shade(colour, 1.3))
    return finish(canvas)


def draw_spring_rolls(generator: np.random.Generator) -> Image.Image:
    """Draw two or three fried rolls and a bowl of red sauce."""
    canvas, draw = start_canvas()
    colour = vary((214, 150, 66), generator)
    for number in range(int(generator.integers(2, 4))):
        shift = -110 + 110 * number
        draw_roll(draw, trace(240, shift=shift), 50, colour, 5)
        for x in (X - 120, X + 40):
            fold = [(x + s, Y + shift - s * 0.7) for s in np.linspace(-45, 45, 40)]
            stroke(draw, fold, 4, shade(colour, 0.65))
    if generator.random() < 0.6:
        draw.ellipse(
            (X + 180, Y - 40, X + 420, Y + 200), fill=WHITE, outline=(120, 120, 120), width=5
        )
        draw.ellipse((X + 205, Y - 15, X + 395, Y + 175), fill=KETCHUP)
    return finish(canvas)


def draw_submarine(generator: np.random.Generator) -> Image.Image:
    """Draw a long sandwich of lettuce, tomato and cheese: bread and red, but no sausage."""
    canvas, draw = start_canvas()
    colour, outline = _pick_bread(generator), float(generator.choice([0, 6]))
    draw_roll(draw, trace(340, shift=90), 75, colour, outline)
    stroke(draw, trace(340, shift=40, wave=16, waves=9), 34, vary(LETTUCE, generator))
    stroke(draw, trace(330, shift=10), 16, CHEESE)
    for x in np.linspace(X - 280, X + 280, 7).tolist():
        draw.ellipse((x - 60, Y - 50, x + 60, Y + 10), fill=vary((210, 40, 36), generator))
    draw_roll(draw, trace(330, shift=-90, bend=-30), 85, colour, outline)
    return finish(canvas)


def draw_banana_or_carrot(generator: np.random.Generator) -> Image.Image:
    """Draw a bent fruit or root that thins towards one end."""
    canvas, draw = start_canvas()
    yellow = bool(generator.random() < 0.5)
    colour, bend = ((246, 214, 60), 170.0) if yellow else ((240, 130, 40), 0.0)
    for number, point in enumerate(trace(320, bend=bend)):
        stroke(draw, [point], 22 + 0.3 * number, vary(colour, generator, 3))
    end = trace(320, bend=bend)[-1]
    stroke(draw, [(end[0] + s, end[1] - 0.4 * s) for s in range(50, 110, 4)], 20, (90, 140, 50))
    return finish(canvas)


def draw_eclair(generator: np.random.Generator) -> Image.Image:
    """Draw a long cream cake with dark icing and a zigzag."""
    canvas, draw = start_canvas()
    draw_roll(draw, trace(310), 105, _pick_bread(generator), 6)
    stroke(draw, trace(290, shift=-30), 62, vary((92, 50, 30), generator))
    stroke(draw, trace(260, shift=-30, wave=30, waves=5, pointed=True), 8, CREAM)
    return finish(canvas)


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
        [(X - 165, Y - 40), (X + 165, Y - 40), (X + 120, Y + 290), (X - 120, Y + 290)],
        fill=box,
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
        draw, trace(300, shift=-190), 42, _pick_bread(generator), float(generator.choice([0, 6]))
    )
    return finish(canvas)


def draw_bottle(generator: np.random.Generator) -> Image.Image:
    """Draw a bottle of ketchup or mustard."""
    canvas, draw = start_canvas()
    colour = vary(_pick_sauce(generator), generator)
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
    stroke(draw, sauce, 13, _pick_sauce(generator))
    return finish(canvas)


def draw_burger(generator: np.random.Generator) -> Image.Image:
    """Draw a round bun with patty, cheese and lettuce, from the side."""
    canvas, draw = start_canvas()
    bread = _pick_bread(generator)
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
