"""Picture bytes → pixels: the one place where a file that a stranger sent is opened.

Only formats of an allow-list are tried, under limits of bytes and pixels. JPEG is scaled while
it is decoded, since a network needs 224 pixels and a phone sends 4,000.
"""

import io
import struct
import zlib
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from inference.errors import UserInputError

# Never a format whose decoder starts another program, such as EPS.
ALLOWED_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF")
SUFFIXES = frozenset(
    ".jpg .jpeg .jpe .jfif .png .webp .gif .bmp .tif .tiff .avif .heic .heif".split()
)
FORMAT_NAMES = "JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF or HEIC"
MAX_BYTES = 20_000_000
MAX_PIXELS = 100_000_000

# What Pillow's decoders raise on broken files; anything else is a defect of ours and surfaces.
_DECODER_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    AttributeError,
    OverflowError,
    RuntimeError,
    struct.error,
    zlib.error,
    Image.DecompressionBombWarning,
    Image.DecompressionBombError,
)
_OTHER_FILES = {
    b"%PDF": "a PDF",
    b"%!PS": "a PostScript file",
    b"<svg": "an SVG drawing",
    b"<?xml": "an XML or SVG file",
    b"<!DOC": "a web page",
    b"<html": "a web page",
    b"PK\x03\x04": "a zip archive",
    b"\x1aE\xdf\xa3": "a video",
}


def decode(data: bytes, min_side: int | None = None) -> NDArray[np.uint8]:
    """Decode one picture, upright, its first frame, transparency on white.

    `min_side`, in pixels, allows a smaller answer: the shorter side stays at least that long.

    Returns: (H, W, 3) uint8 RGB.
    Raises: UserInputError for what is not a picture, is broken, too large or not allowed.
    """
    image = open_image(data)
    try:
        image.seek(0)
        image.draft(None, _find_draft_size(image.size, min_side))
        image.load()
        upright = ImageOps.exif_transpose(image)
        return np.array(_shrink(_convert_to_rgb(upright), min_side))
    except _DECODER_ERRORS as error:
        raise UserInputError(_describe_broken(image, len(data))) from error


def open_image(data: bytes) -> Image.Image:
    """Open a picture's header only, within the limits.

    Raises: UserInputError.
    """
    register_formats()
    if not data:
        raise UserInputError("This file is empty. Choose a picture.")
    if len(data) > MAX_BYTES:
        raise UserInputError(
            f"This file has {len(data) / 1e6:.0f} MB; at most {MAX_BYTES / 1e6:.0f} MB are taken. "
            "Send a smaller copy."
        )
    try:
        image = Image.open(io.BytesIO(data), formats=ALLOWED_FORMATS)
        width, height = image.size
    except Image.DecompressionBombError as error:
        raise UserInputError(_describe_too_many_pixels("Over 179")) from error
    except _DECODER_ERRORS as error:
        raise UserInputError(_describe_unknown(data)) from error
    if width * height > MAX_PIXELS:
        raise UserInputError(_describe_too_many_pixels(f"{width * height / 1e6:.0f}"))
    return image


@cache
def register_formats() -> None:
    """Let Pillow open HEIC. Call it before anything else opens pictures, such as Gradio."""
    import pillow_heif  # noqa: PLC0415  (a tenth of a second that --help need not wait for)

    pillow_heif.register_heif_opener()


def _find_draft_size(size: tuple[int, int], min_side: int | None) -> tuple[int, int]:
    scale = 1.0 if min_side is None else min(1.0, min_side / min(size))
    return (max(1, round(size[0] * scale)), max(1, round(size[1] * scale)))


def _shrink(image: Image.Image, min_side: int | None) -> Image.Image:
    factor = 1 if min_side is None else min(image.size) // min_side
    return image.reduce(factor) if factor > 1 else image


def _convert_to_rgb(image: Image.Image) -> Image.Image:
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        image = _convert_to_8_bits(image)
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")


def _convert_to_8_bits(image: Image.Image) -> Image.Image:
    """Scale 16-bit integers by 1/257, floats and wider integers by their own range."""
    values = np.nan_to_num(np.asarray(image, dtype=np.float64))
    low, high = (0.0, 65535.0) if image.mode.startswith("I;16") else _find_range(values)
    scaled = np.clip((values - low) / max(high - low, 1e-12), 0.0, 1.0)
    return Image.fromarray(np.round(scaled * 255).astype(np.uint8))


def _find_range(values: NDArray[np.float64]) -> tuple[float, float]:
    if values.min() >= 0 and values.max() <= 1:
        return 0.0, 1.0
    if values.min() >= 0 and values.max() <= 65535:
        return 0.0, 255.0 if values.max() <= 255 else 65535.0
    return float(values.min()), float(values.max())


def _describe_broken(image: Image.Image, size: int) -> str:
    return (
        f"This file says it is a {image.format} of {image.width} × {image.height} pixels but "
        f"cannot be read to its end ({max(1, size // 1000)} KB). Try to save it again."
    )


def _describe_unknown(data: bytes) -> str:
    found = next((name for head, name in _OTHER_FILES.items() if data.startswith(head)), None)
    looks = f"looks like {found}" if found else "is not a picture that can be read"
    return f"This file {looks}. Send a {FORMAT_NAMES} picture."


def _describe_too_many_pixels(megapixels: str) -> str:
    return (
        f"{megapixels} megapixels are too many; at most {MAX_PIXELS // 1_000_000} are taken. "
        "Send a smaller copy."
    )
