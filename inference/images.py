"""Picture bytes → pixels: the one place where an untrusted file is opened.

Only formats of an allow-list are tried, under limits of bytes and pixels. JPEG is scaled while
it is decoded, since a network needs 224 pixels and a phone sends 4,000.
"""

import struct
import warnings
from dataclasses import replace
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.ImageFile import ImageFile

from inference.decoding.apart import decode_apart
from inference.decoding.containers.lean import LeanFile
from inference.decoding.containers.reading import read_container
from inference.decoding.heif_rows import HeifRows, is_large_heif
from inference.decoding.limits import LimitedFile, check_answer, check_price
from inference.decoding.pixels import to_rgb
from inference.errors import UserInputError
from inference.exif import read_orientation

SUFFIXES = frozenset(
    f".{name}"
    for name in (
        *("jpg", "jpeg", "jpe", "jfif", "png", "webp", "gif", "bmp", "tif", "tiff"),
        *("avif", "heic", "heif"),
    )
)
FORMAT_NAMES = "JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF or HEIC"
MAX_BYTES = 20_000_000
MAX_PIXELS = 110_000_000  # the largest of phones' cameras have 108 megapixels

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
    Raises: UserInputError for what is not a picture, is broken, too large, too dear to decode or
    not allowed.
    """
    _check_bytes(data)
    return _decode(data, read_container(data), min_side)


def decode_here(data: bytes, min_side: int | None = None) -> NDArray[np.uint8]:
    """Do the same in this process, whatever it may cost: it has to be one that can be ended."""
    return _decode(data, replace(read_container(data), is_bounded=True), min_side)


def _decode(data: bytes, lean: LeanFile, min_side: int | None) -> NDArray[np.uint8]:
    file = LimitedFile(lean.data)
    image = _open(file, data, lean.formats)
    try:
        return _load(image, file, lean, min_side)
    except UserInputError:
        raise
    except MemoryError as error:
        raise UserInputError(_describe_no_memory(image)) from error
    except _DECODER_ERRORS as error:
        raise UserInputError(_describe_broken(image, len(data))) from error


def _check_bytes(data: bytes) -> None:
    if not data:
        raise UserInputError("This file is empty. Choose a picture.")
    if len(data) > MAX_BYTES:
        raise UserInputError(
            f"This file has {len(data) / 1e6:.0f} MB; at most {MAX_BYTES / 1e6:.0f} MB are taken. "
            "Send a smaller copy."
        )


def _open(file: LimitedFile, data: bytes, formats: tuple[str, ...]) -> ImageFile:
    """Open a picture's header only, within the limits, as one of some formats."""
    register_formats()
    try:
        image = Image.open(file, formats=formats)
        width, height = image.size
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UserInputError(_describe_too_many_pixels(f"Over {MAX_PIXELS // 10**6}")) from error
    except _DECODER_ERRORS as error:
        raise UserInputError(_describe_unknown(data)) from error
    if width * height > MAX_PIXELS:
        raise UserInputError(_describe_too_many_pixels(f"{width * height / 1e6:.1f}"))
    return image


def _load(
    image: ImageFile, file: LimitedFile, lean: LeanFile, min_side: int | None
) -> NDArray[np.uint8]:
    """Decode the pixels of an opened picture, once their price is known to be paid."""
    size = image.size
    image.seek(0)
    image.draft(None, _find_draft_size(size, min_side))
    factor = 1 if min_side is None else max(1, min(image.size) // min_side)
    if min_side is not None:
        check_answer(image.size, factor)
    check_price(image, lean, size, factor)
    if not lean.is_bounded:
        return decode_apart(lean.data, min_side)
    file.allow_pixels()
    orientation = lean.orientation or read_orientation(image.info.get("exif") or b"")
    if is_large_heif(image):
        return to_rgb(HeifRows(lean.data), factor, orientation, file.check_time)
    image.load()
    return to_rgb(image, factor, orientation, file.check_time)


@cache
def register_formats() -> None:
    """Let Pillow open HEIC, and warn of no picture within our limits.

    Call it before anything else opens pictures, such as Gradio.
    """
    import pillow_heif  # noqa: PLC0415  (a tenth of a second that --help need not wait for)

    pillow_heif.register_heif_opener()
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    # What Pillow warns of is in a file: each would be a line of the log, and be kept for good.
    warnings.filterwarnings("ignore", module=r"PIL\.")


def _find_draft_size(size: tuple[int, int], min_side: int | None) -> tuple[int, int]:
    scale = 1.0 if min_side is None else min(1.0, min_side / min(size))
    return (max(1, round(size[0] * scale)), max(1, round(size[1] * scale)))


def _describe_no_memory(image: Image.Image) -> str:
    return (
        f"Decoding this {image.format} of {image.width} × {image.height} pixels takes more memory "
        "than there is. Send a smaller copy."
    )


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
