"""Papers with nothing on them that means anything: pages, receipts, forms, handwriting.

Stage: lettering → papers → outsiders. Sizes are pixels; every picture is RGB. Some lie flat as a
scanner sees them, others askew on a table as a camera does.
"""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from trainer.synthetic.lettering import (
    MONO,
    SANS,
    SERIF,
    SLANTED_FONTS,
    TEXT_FONTS,
    load_font,
    make_line,
    make_number,
    make_word,
    pick_ink,
)

Size = tuple[int, int]


def draw_page(generator: np.random.Generator, size: Size) -> Image.Image:
    """Draw a printed page: a heading and paragraphs in one or two columns."""
    page, pen, (width, height) = *_start(generator, size), size
    font = load_font(str(generator.choice(TEXT_FONTS)), int(generator.integers(9, 17)))
    heading, ink = load_font(SERIF, int(generator.integers(18, 32))), pick_ink(generator, 0, 60)
    margin, columns = int(width * generator.uniform(0.04, 0.13)), int(generator.integers(1, 3))
    pen.text((margin, margin), make_line(generator, 3), fill=ink, font=heading)
    wide, step = (width - 2 * margin) // columns, round(font.size * 1.45)
    for column in range(columns):
        left = margin + column * wide
        for y in range(margin + 48, height - margin, step):
            if generator.random() < 0.1:
                continue
            text, room = make_line(generator, 1), wide - 14
            if generator.random() < 0.1:
                room //= 2
            while font.getlength(text) < room - 40:
                text += f" {make_word(generator)}"
            pen.text((left, y), text[: int(len(text) * room / font.getlength(text))], ink, font)
    return _lay_down(generator, page)


def draw_receipt(generator: np.random.Generator, size: Size) -> Image.Image:
    """Draw a till's receipt: a narrow strip of items and prices, a sum, a bar code."""
    strip = (max(150, int(0.42 * max(size))), max(size))
    page, pen, (width, height) = *_start(generator, strip), strip
    text = int(generator.integers(11, 16))
    font, ink = load_font(MONO, text), pick_ink(generator, 10, 80)
    for number, y in enumerate(range(14, height - 70, text + 6)):
        if number < 2:
            pen.text((width // 5, y), make_line(generator, 2)[: width // 14], ink, font)
            continue
        price = f"{generator.uniform(0.2, 90):.2f}"
        pen.text((8, y), make_line(generator, 2)[: int(width / text / 0.95)], ink, font)
        pen.text((width - 8 - font.getlength(price), y), price, ink, font)
        if generator.random() < 0.08:
            pen.line((8, y + text + 3, width - 8, y + text + 3), fill=ink)
    x = width // 8
    while x < width * 7 // 8:
        bar = int(generator.integers(1, 5))
        pen.rectangle((x, height - 52, x + bar - 1, height - 14), fill=ink)
        x += bar + int(generator.integers(1, 5))
    return _lay_down(generator, page)


def draw_form(generator: np.random.Generator, size: Size) -> Image.Image:
    """Draw a form or a printed table: ruled boxes with labels, numbers and ticks."""
    page, pen, (width, height) = *_start(generator, size), size
    ink, font = pick_ink(generator, 0, 90), load_font(SANS, int(generator.integers(9, 14)))
    margin, tall = int(0.05 * width), int(generator.integers(22, 44))
    pen.text((margin, 10), make_line(generator, 4), ink, load_font(SERIF, 20))
    for y in range(44, height - tall, tall):
        columns = int(generator.integers(1, 6))
        for column in range(columns):
            left = margin + column * (width - 2 * margin) // columns
            right = margin + (column + 1) * (width - 2 * margin) // columns
            pen.rectangle((left, y, right, y + tall), outline=ink)
            if generator.random() < 0.2:
                pen.rectangle((left + 5, y + 5, left + 15, y + 15), outline=ink)
            words = make_number(generator) if generator.random() < 0.5 else make_word(generator)
            pen.text((left + 20, y + 4), words, ink, font)
    return _lay_down(generator, page)


def draw_handwriting(generator: np.random.Generator, size: Size) -> Image.Image:
    """Draw lines of loops and hooks as of a pen, on plain, ruled or squared paper."""
    page, pen, (width, height) = *_start(generator, size), size
    step, ink = int(generator.integers(24, 54)), pick_ink(generator, 0, 110)
    ruling = int(generator.integers(3))
    for y in range(step, height, step) if ruling else ():
        pen.line((0, y, width, y), fill=(176, 196, 222))
    for x in range(step, width, step) if ruling == 2 else ():
        pen.line((x, 0, x, height), fill=(176, 196, 222))
    for y in range(step, height - step // 2, step):
        reached = float(generator.uniform(0.03, 0.15) * width)
        while reached < 0.85 * width:
            reached = _scrawl(pen, generator, (reached, y), step, ink)
    if generator.random() < 0.3:
        slanted = load_font(str(generator.choice(SLANTED_FONTS)), step)
        pen.text((width // 8, height // 2), make_line(generator, 3), ink, slanted)
    return _lay_down(generator, page)


def _scrawl(
    pen: ImageDraw.ImageDraw,
    generator: np.random.Generator,
    start: tuple[float, float],
    step: int,
    ink: tuple[int, int, int],
) -> float:
    """Draw one word as a wave of loops; return where the next one begins."""
    letters = int(generator.integers(2, 9))
    t = np.linspace(0, letters, 14 * letters)
    tall = np.interp(t, np.arange(letters + 1), generator.uniform(0.1, 0.45, letters + 1))
    x = start[0] + step * (0.32 * t + 0.16 * np.cos(2 * np.pi * t))
    y = start[1] - step * (tall * np.sin(2 * np.pi * t) + 0.15)
    points = list(zip(x.tolist(), y.tolist(), strict=True))
    pen.line(points, fill=ink, width=max(1, step // 16), joint="curve")
    return float(x[-1] + 0.5 * step)


def _start(generator: np.random.Generator, size: Size) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """Return a white, yellowish or grey sheet and its pen."""
    light = int(generator.integers(222, 256))
    sheet = Image.new("RGB", size, (light, light, light - int(generator.choice([0, 6, 24]))))
    return sheet, ImageDraw.Draw(sheet)


def _lay_down(generator: np.random.Generator, sheet: Image.Image) -> Image.Image:
    """Return the sheet as scanned or, half the time, as photographed: askew, in uneven light."""
    if generator.random() < 0.5:
        return sheet
    table = pick_ink(generator, 20, 180)
    angle = float(generator.normal(0, 6))
    askew = sheet.rotate(angle, Image.Resampling.BICUBIC, expand=True, fillcolor=table)
    light = Image.linear_gradient("L").rotate(float(generator.choice([0, 90, 180, 270])))
    dim = Image.new("RGB", askew.size, (0, 0, 0))
    dark = light.resize(askew.size).point(lambda value: int(value * 0.45))
    shaded = Image.composite(dim, askew, dark)
    return shaded.filter(ImageFilter.GaussianBlur(float(generator.uniform(0, 1.2))))
