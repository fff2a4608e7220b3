"""Screenshots of programs that do not exist: windows, phones, code and tables.

Stage: lettering → screens → outsiders. Sizes are pixels; every picture is RGB.
"""

import numpy as np
from PIL import Image, ImageDraw

from trainer.synthetic.drawings import Colour
from trainer.synthetic.lettering import (
    BOLD,
    MONO,
    SANS,
    load_font,
    make_line,
    make_number,
    make_word,
)
from trainer.synthetic.lettering import pick_ink as pick

Size = tuple[int, int]
_WORDS = ("def", "return", "if", "for", "class", "import", "let", "const", "fn", "while")


def draw_window(generator: np.random.Generator, size: Size) -> Image.Image:
    """Draw a desktop window: bar, menu, side list, and panels with text, fields and buttons."""
    dark = generator.random() < 0.35
    paper, ink = _pick_theme(generator, dark=dark)
    accent = pick(generator, 30, 220)
    screen = Image.new("RGB", size, paper)
    pen, width, height = ImageDraw.Draw(screen), *size
    pen.rectangle((0, 0, width, 26), fill=accent)
    _write(pen, (10, 5), make_line(generator, 3), 13, (255, 255, 255))
    for x, colour in zip(range(width - 60, width - 6, 19), _pick_lights(generator), strict=False):
        pen.ellipse((x, 7, x + 12, 19), fill=colour)
    for x in range(10, width - 90, 72):
        _write(pen, (x, 32), make_word(generator)[:8], 12, ink)
    side = int(generator.uniform(0.15, 0.35) * width)
    pen.rectangle((0, 52, side, height), fill=_shift(paper, -12))
    for y in range(60, height - 18, 24):
        if generator.random() < 0.15:
            pen.rectangle((0, y - 4, side, y + 19), fill=accent)
        pen.rectangle((8, y, 20, y + 12), fill=pick(generator, 60, 220))
        _write(pen, (26, y), make_word(generator)[: side // 9], 12, ink)
    _draw_panels(pen, generator, (side + 14, 64, width - 12, height - 12), (paper, ink, accent))
    return screen


def draw_phone(generator: np.random.Generator, size: Size) -> Image.Image:
    """Draw a phone's screen, upright: a status line, then a chat or a list of cards."""
    width, height = min(size), max(size)
    paper, ink = _pick_theme(generator, dark=generator.random() < 0.4)
    accent = pick(generator, 40, 230)
    screen = Image.new("RGB", (width, height), paper)
    pen = ImageDraw.Draw(screen)
    _write(pen, (12, 5), f"{generator.integers(0, 24)}:{generator.integers(10, 60)}", 13, ink)
    pen.rectangle((width - 34, 7, width - 12, 17), outline=ink)
    pen.rectangle((0, 26, width, 66), fill=accent)
    _write(pen, (16, 35), make_line(generator, 2), 18, (255, 255, 255))
    chat, y = generator.random() < 0.5, 78
    while y < height - 60:
        tall = int(generator.integers(34, 90))
        left = int(generator.choice([10, width // 4])) if chat else 10
        right = left + int(width * 0.7) if chat else width - 10
        fill = accent if chat and left > 10 else _shift(paper, -16)
        pen.rounded_rectangle((left, y, right, y + tall), 12, fill=fill)
        for line in range(y + 8, y + tall - 14, 18):
            _write(pen, (left + 12, line), make_line(generator, 4)[: (right - left) // 9], 13, ink)
        y += tall + 10
    pen.rectangle((0, height - 46, width, height), fill=_shift(paper, -10))
    for x in range(width // 10, width - 20, width // 5):
        pen.ellipse((x, height - 36, x + 22, height - 14), outline=ink, width=2)
    return screen


def draw_code(generator: np.random.Generator, size: Size) -> Image.Image:
    """Draw an editor or a terminal: numbered, indented lines in colours."""
    paper, ink = _pick_theme(generator, dark=generator.random() < 0.7)
    height = int(generator.integers(11, 19))
    colours = [ink, *(_shift(ink, int(-s * 60)) for s in generator.random(2))]
    colours += [pick(generator, 70, 230) for _ in range(3)]
    screen = Image.new("RGB", size, paper)
    pen, font, indent = ImageDraw.Draw(screen), load_font(MONO, height), 0
    numbered = generator.random() < 0.7
    for number, y in enumerate(range(6, size[1], height + 5), start=1):
        if numbered:
            pen.text((4, y), f"{number:>3}", fill=_shift(ink, -90), font=font)
        indent = int(np.clip(indent + generator.integers(-1, 2), 0, 4))
        x = (4 * height if numbered else 8) + indent * 2 * height
        for _ in range(int(generator.integers(0, 9))):
            word = make_word(generator) if generator.random() < 0.7 else generator.choice(_WORDS)
            word = f"{word}{generator.choice(['', '', '(', ')', ':', ' =', '.', ',', ' {'])} "
            pen.text((x, y), word, fill=colours[generator.integers(len(colours))], font=font)
            x += round(font.getlength(word))
    return screen


def draw_spreadsheet(generator: np.random.Generator, size: Size) -> Image.Image:
    """Draw a table program: lettered columns, numbered rows, cells with numbers and words."""
    paper, ink = _pick_theme(generator, dark=generator.random() < 0.15)
    screen = Image.new("RGB", size, paper)
    pen, line = ImageDraw.Draw(screen), _shift(paper, -40)
    tall, wide = int(generator.integers(17, 28)), int(generator.integers(58, 120))
    top = int(generator.choice([0, 56]))
    pen.rectangle((0, 0, size[0], top), fill=pick(generator, 20, 160))
    pen.rectangle((0, top, size[0], top + tall), fill=_shift(paper, -22))
    words = generator.random(26) < 0.3
    filled, colour = generator.uniform(0.4, 1), pick(generator, 150, 250)
    for row, y in enumerate(range(top, size[1], tall)):
        pen.line((0, y, size[0], y), fill=line)
        for column, x in enumerate(range(0, size[0], wide)):
            pen.line((x, top, x, size[1]), fill=line)
            if row and column and generator.random() < 0.06:
                pen.rectangle((x + 1, y + 1, x + wide - 1, y + tall - 1), fill=colour)
            text = make_word(generator)[:7] if words[column % 26] else make_number(generator)
            text = chr(65 + column % 26) if row == 0 else str(row) if column == 0 else text
            if row == 0 or column == 0 or generator.random() < filled:
                _write(pen, (x + 5, y + 3), text, tall - 9, ink)
    return screen


def _draw_panels(
    pen: ImageDraw.ImageDraw,
    generator: np.random.Generator,
    box: tuple[int, int, int, int],
    colours: tuple[Colour, Colour, Colour],
) -> None:
    """Fill a box with rows of text, fields, buttons, bars and tick boxes."""
    (left, y, right, bottom), (paper, ink, accent) = box, colours
    while y < bottom - 40 and right - left > 60:
        what, reach = int(generator.integers(5)), int(generator.uniform(0.3, 1) * (right - left))
        if what == 0:
            pen.text((left, y), make_line(generator, 3), fill=ink, font=load_font(BOLD, 18))
        elif what == 1:
            for line in range(y, min(y + 48, bottom - 12), 16):
                _write(pen, (left, line), make_line(generator, reach // 50), 12, ink)
        elif what == 2:
            pen.rectangle((left, y, left + reach, y + 24), outline=_shift(paper, -70))
            _write(pen, (left + 6, y + 5), make_word(generator), 12, _shift(ink, -60))
        elif what == 3:
            for x in range(left, right - 80, 96):
                pen.rounded_rectangle((x, y, x + 84, y + 26), 5, fill=accent)
                _write(pen, (x + 14, y + 6), make_word(generator)[:7], 12, (255, 255, 255))
        else:
            pen.rounded_rectangle((left, y, right, y + 10), 4, fill=_shift(paper, -30))
            pen.rounded_rectangle((left, y, left + reach, y + 10), 4, fill=accent)
        y += (34, 60, 38, 40, 28)[what]


def _pick_theme(generator: np.random.Generator, *, dark: bool) -> tuple[Colour, Colour]:
    """Return colours of the ground and of the letters."""
    if dark:
        return pick(generator, 12, 48), pick(generator, 190, 240)
    return pick(generator, 232, 255), pick(generator, 0, 70)


def _pick_lights(generator: np.random.Generator) -> tuple[Colour, ...]:
    if generator.random() < 0.5:
        return ((237, 106, 94), (245, 191, 79), (98, 197, 84))
    return ((230, 230, 230),) * 3


def _shift(colour: Colour, amount: int) -> Colour:
    """Move a colour by an amount, towards the other side where it would leave 0–255."""
    red, green, blue = (
        part + (amount if 0 <= part + amount <= 255 else -amount) for part in colour
    )
    return red, green, blue


def _write(pen: ImageDraw.ImageDraw, place: Size, text: str, height: int, ink: Colour) -> None:
    pen.text(place, text, fill=ink, font=load_font(SANS, height))
