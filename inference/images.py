"""Picture bytes → pixels: the one place where an untrusted file is opened.

Only formats of an allow-list are tried, under limits of bytes and pixels. JPEG is scaled while
it is decoded, since a network needs 224 pixels and a phone sends 4,000.
"""

import struct
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.ImageFile import ImageFile

from inference.errors import UserInputError
from inference.exif import LimitedFile, leave_out_exif, read_orientation

# Never a format whose decoder starts another program, such as EPS.
ALLOWED_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF")
SUFFIXES = frozenset(
    f".{name}"
    for name in (
        *("jpg", "jpeg", "jpe", "jfif", "png", "webp", "gif", "bmp", "tif", "tiff"),
        *("avif", "heic", "heif"),
    )
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
    OverflowError,
    RuntimeError,
    struct.error,
    Image.DecompressionBombWarning,
    Image.DecompressionBombError,
)
_FROM_16_BITS = np.round(np.arange(65536) / 257).astype(np.uint8)
# By EXIF orientation. Source: Exif 2.32, tag 274.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
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
    image, file = _open(data)
    try:
        file.allow_pixels()
        image.seek(0)
        image.draft(None, _find_draft_size(image.size, min_side))
        image.load()
        return np.array(_turn_upright(_shrink(_convert_to_rgb(image), min_side), image))
    except _DECODER_ERRORS as error:
        raise UserInputError(_describe_broken(image, len(data))) from error


def _open(data: bytes) -> tuple[ImageFile, LimitedFile]:
    """Open a picture's header only, within the limits."""
    register_formats()
    if not data:
        raise UserInputError("This file is empty. Choose a picture.")
    if len(data) > MAX_BYTES:
        raise UserInputError(
            f"This file has {len(data) / 1e6:.0f} MB; at most {MAX_BYTES / 1e6:.0f} MB are taken. "
            "Send a smaller copy."
        )
    try:
        file = LimitedFile(leave_out_exif(data))
        image = Image.open(file, formats=ALLOWED_FORMATS)
        width, height = image.size
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UserInputError(_describe_too_many_pixels("Over 100")) from error
    except _DECODER_ERRORS as error:
        raise UserInputError(_describe_unknown(data)) from error
    if width * height > MAX_PIXELS:
        raise UserInputError(_describe_too_many_pixels(f"{width * height / 1e6:.1f}"))
    return image, file


@cache
def register_formats() -> None:
    """Let Pillow open HEIC, and warn of no picture within our limits.

    Call it before anything else opens pictures, such as Gradio.
    """
    import pillow_heif  # noqa: PLC0415  (a tenth of a second that --help need not wait for)

    pillow_heif.register_heif_opener()
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS


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
        rgba = image if image.mode == "RGBA" else image.convert("RGBA")
        white = Image.new("RGB", image.size, "white")
        white.paste(rgba, mask=rgba)
        return white
    return image.convert("RGB")


def _turn_upright(pixels: Image.Image, opened: ImageFile) -> Image.Image:
    """Turn pixels as the opened file's EXIF says; Pillow itself turns TIFF when it loads it."""
    method = _TURNS.get(read_orientation(opened.info.get("exif") or b""))
    return pixels if method is None else pixels.transpose(method)


@np.errstate(invalid="ignore")  # some NaNs signal
def _convert_to_8_bits(image: Image.Image) -> Image.Image:
    """Scale 16-bit integers by 1/257, floats and wider integers by their own range."""
    if image.mode.startswith("I;16"):
        return Image.fromarray(_FROM_16_BITS[np.asarray(image)])
    values = np.array(image, dtype=np.float32)
    low, high = _find_range(values)
    scale = 255 / (high - low) if high > low else 0.0
    np.clip(values, low, high, out=values)
    values *= scale  # in place: 100 megapixels are 400 MB a copy
    values -= low * scale
    np.nan_to_num(values, copy=False)
    return Image.fromarray(np.round(values, out=values).astype(np.uint8))


def _find_range(values: NDArray[np.float32]) -> tuple[float, float]:
    """Return which values are black and white; infinite ones and NaN do not count."""
    finite = np.isfinite(values)
    low = float(values.min(where=finite, initial=np.inf))
    high = float(values.max(where=finite, initial=-np.inf))
    if low < 0 or high > 65535:
        return low, high
    return 0.0, next(limit for limit in (1.0, 255.0, 65535.0) if high <= limit)


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
