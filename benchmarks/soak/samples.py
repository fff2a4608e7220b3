"""Good picture files of every allowed format, to be mutated: the same on every machine."""

import io
import struct
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin, TiffImagePlugin

from inference.images import register_formats

_SIZES = ((33, 21), (180, 140), (400, 300))
# In a hundred draws, how many take a sample of each size: the small ones are decoded at once.
_WEIGHTS = (55, 40, 5)


@cache
def make_samples() -> tuple[dict[str, bytes], tuple[int, ...]]:
    """Return name → file, and how often each is to be drawn."""
    register_formats()
    files, weights = {}, []
    for size, weight in zip(_SIZES, _WEIGHTS, strict=True):
        for name, data in _list_files(draw(*size)):
            files[f"{name} {size[0]}×{size[1]}"] = data
            weights.append(weight)
    return files, tuple(weights)


def draw(width: int, height: int, seed: int = 0) -> Image.Image:
    """Draw waves with grain, so that no encoder has little to write."""
    rows, columns = np.mgrid[0:height, 0:width]
    waves = [np.sin(rows / 9), np.cos(columns / 7), np.sin((rows + columns) / 15)]
    grain = np.random.default_rng(seed).normal(0, 12, (height, width, 3))
    pixels = 128 + 90 * np.stack(waves, -1) + grain
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def save(image: Image.Image, format_name: str, **options: Any) -> bytes:  # noqa: ANN401  (Pillow's)
    """Return the image as a file."""
    file = io.BytesIO()
    image.save(file, format_name, **options)
    return file.getvalue()


def _list_files(image: Image.Image) -> Iterator[tuple[str, bytes]]:
    yield from _list_jpegs(image)
    yield from _list_pngs(image)
    yield from _list_tiffs(image)
    frames: dict[str, Any] = {"save_all": True, "append_images": [image.rotate(180)]}
    alpha = _add_alpha(image)
    exif = _make_exif()
    yield "WebP", save(image, "WEBP", exif=exif)
    yield "lossless WebP", save(alpha, "WEBP", lossless=True, quality=0)
    yield "animated WebP", save(image, "WEBP", **frames)
    yield "GIF", save(image, "GIF", comment=b"a comment")
    yield "animated GIF", save(image, "GIF", **frames)
    yield "BMP", save(image, "BMP")
    yield "palette BMP", save(image.quantize(200), "BMP")
    yield "1-bit BMP", save(image.convert("1"), "BMP")
    yield "run-length BMP", make_run_length_bmp(image)
    yield "AVIF", save(image, "AVIF", exif=exif, speed=10)
    yield "transparent AVIF", save(alpha, "AVIF", speed=10)
    yield "animated AVIF", save(image, "AVIF", speed=10, **frames)
    yield "HEIC", save(image, "HEIF", exif=exif)
    yield "transparent HEIC", save(alpha, "HEIF")


def _list_jpegs(image: Image.Image) -> Iterator[tuple[str, bytes]]:
    exif = _make_exif()
    yield "JPEG", save(image, "JPEG", exif=exif, icc_profile=b"profile" * 40)
    yield "progressive JPEG", save(image, "JPEG", progressive=True, comment=b"words")
    yield "restarting JPEG", save(image, "JPEG", restart_marker_blocks=2, subsampling=0)
    yield "grey JPEG", save(image.convert("L"), "JPEG", optimize=True)
    yield "CMYK JPEG", save(image.convert("CMYK"), "JPEG")
    yield "MPO", save(image, "MPO", save_all=True, append_images=[image.rotate(180)])


def _list_pngs(image: Image.Image) -> Iterator[tuple[str, bytes]]:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Title", "plain")
    texts.add_text("Comment", "squeezed " * 50, zip=True)
    texts.add_itxt("Author", "who", zip=True)
    deep = np.asarray(image.convert("L"), np.uint16) * 257
    yield "PNG", save(image, "PNG", exif=_make_exif(), pnginfo=texts, icc_profile=b"profile" * 40)
    yield "palette PNG", save(image.quantize(200), "PNG", transparency=1)
    yield "1-bit PNG", save(image.convert("1"), "PNG")
    yield "16-bit PNG", save(Image.fromarray(deep), "PNG")
    yield "transparent PNG", save(_add_alpha(image), "PNG")
    yield "APNG", save(image, "PNG", save_all=True, append_images=[image.rotate(180)])


def _list_tiffs(image: Image.Image) -> Iterator[tuple[str, bytes]]:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[270] = "words"
    tags[278] = 8  # rows a strip
    for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
        options = {"compression": compression, "tiffinfo": tags}
        yield f"{compression} TIFF", save(image, "TIFF", **options)
    yield "fax TIFF", save(image.convert("1"), "TIFF", compression="group4")
    yield "float TIFF", save(image.convert("F"), "TIFF")
    yield "32-bit TIFF", save(image.convert("I"), "TIFF", compression="tiff_lzw")
    yield "CMYK TIFF", save(image.convert("CMYK"), "TIFF", compression="tiff_lzw")
    yield "transparent TIFF", save(_add_alpha(image), "TIFF", compression="tiff_deflate")
    yield "big TIFF", save(image, "TIFF", big_tiff=True)
    yield "TIFF of pages", save(image, "TIFF", save_all=True, append_images=[image, image])


def make_run_length_bmp(image: Image.Image) -> bytes:
    """Return a BMP of 8 bits whose rows are runs, which Pillow reads but never writes."""
    coarse = image.convert("L").reduce((16, 1)).resize(image.size, Image.Resampling.NEAREST)
    grey = np.asarray(coarse)[::-1]
    rows = b"".join(_squeeze(row) + b"\0\0" for row in grey) + b"\0\1"
    palette = b"".join(bytes((value, value, value, 0)) for value in range(256))
    place, size = 54 + len(palette), (image.width, image.height)
    head = struct.pack("<2sIHHI", b"BM", place + len(rows), 0, 0, place)
    info = struct.pack("<IiiHHIIiiII", 40, *size, 1, 8, 1, len(rows), 2835, 2835, 256, 0)
    return head + info + palette + rows


def _squeeze(row: "np.ndarray[Any, Any]") -> bytes:
    """Return a row as pairs of a count and a value."""
    starts = [0, *(np.flatnonzero(np.diff(row)) + 1).tolist(), len(row)]
    pairs = bytearray()
    for start, end in pairwise(starts):
        for place in range(start, end, 255):
            pairs += bytes((min(255, end - place), int(row[start])))
    return bytes(pairs)


def _add_alpha(image: Image.Image) -> Image.Image:
    transparent = image.convert("RGBA")
    transparent.putalpha(image.convert("L"))
    return transparent


def _make_exif() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation
    exif[0x010F] = "camera"
    return exif
