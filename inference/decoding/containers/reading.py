"""Which container a file is, and its lean form."""

from collections.abc import Callable
from dataclasses import replace
from itertools import chain

from inference.decoding.containers.bmp import read_bmp
from inference.decoding.containers.gif import read_gif
from inference.decoding.containers.heif import read_heif
from inference.decoding.containers.jpeg import read_jpeg
from inference.decoding.containers.lean import LeanFile
from inference.decoding.containers.png import SIGNATURE, read_png
from inference.decoding.containers.tiff import read_tiff

# By how a file begins: what reads its container, and Pillow's names of the formats that it may be.
# A decoder that opened it as anything else would be one whose price nobody looked at.
_READERS: dict[bytes, tuple[Callable[[bytes], LeanFile], tuple[str, ...]]] = {
    b"\xff\xd8\xff": (read_jpeg, ("JPEG",)),
    SIGNATURE: (read_png, ("PNG",)),
    b"GIF8": (read_gif, ("GIF",)),
    b"BM": (read_bmp, ("BMP",)),
    b"RIFF": (LeanFile, ("WEBP",)),
    **dict.fromkeys((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), (read_tiff, ("TIFF",))),
}
_BOXES = (read_heif, ("AVIF", "HEIF"))
# Never one whose decoder starts another program, such as EPS.
ALLOWED_FORMATS = frozenset(chain(_BOXES[1], *(formats for _, formats in _READERS.values())))


def read_container(data: bytes) -> LeanFile:
    """Return a file without the metadata that its pixels do not need.

    Of one that begins in an unknown way, there is no format that it may be.
    Raises: UserInputError for one that is built in a way that no decoder should follow.
    """
    known = (found for head, found in _READERS.items() if data.startswith(head))
    read, formats = _BOXES if data[4:8] == b"ftyp" else next(known, (LeanFile, ()))
    return replace(read(data), formats=formats)
