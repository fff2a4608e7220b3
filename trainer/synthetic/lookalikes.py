"""Our own drawings of what is long, baked or sauced as a hot dog is, and is none.

Stage: drawings → lookalikes → dishes. Every function draws one dish by lot and returns RGBA, at
most 480×320 pixels.
"""

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

WHITE: Colour = (246, 246, 242)
X, Y = WIDTH / 2, HEIGHT / 2


def pick_sauce(generator: np.random.Generator) -> Colour:
    """Draw mustard or ketchup by lot."""
    return MUSTARD if generator.random() < 0.5 else KETCHUP


def pick_bread(generator: np.random.Generator) -> Colour:
    """Draw a colour of baked dough by lot."""
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
            stroke(draw, trace(280, bend=bend, wave=18, waves=3.5), 10, pick_sauce(generator))
    return finish(canvas)


def draw_empty_bun(generator: np.random.Generator) -> Image.Image:
    """Draw a split bun with nothing in it, or sauce alone."""
    canvas, draw = start_canvas()
    colour, outline = pick_bread(generator), float(generator.choice([0, 6]))
    for shift in (-50, 50):
        draw_roll(draw, trace(300, shift=shift), 80, colour, outline)
    stroke(draw, trace(290), 40, CREAM)
    if generator.random() < 0.5:
        stroke(draw, trace(260, wave=14, waves=4), 9, pick_sauce(generator))
    return finish(canvas)


def draw_baguette(generator: np.random.Generator) -> Image.Image:
    """Draw a long loaf with cuts across."""
    canvas, draw = start_canvas()
    colour = pick_bread(generator)
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
    colour, outline = pick_bread(generator), float(generator.choice([0, 6]))
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
    draw_roll(draw, trace(310), 105, pick_bread(generator), 6)
    stroke(draw, trace(290, shift=-30), 62, vary((92, 50, 30), generator))
    stroke(draw, trace(260, shift=-30, wave=30, waves=5, pointed=True), 8, CREAM)
    return finish(canvas)
