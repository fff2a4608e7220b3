"""EXIF: an image's orientation, and limits on what a header may make the decoder read.

Pillow reads every field of every EXIF block and every segment of a file, however many point to
the same bytes: 4 MB can ask it for hundreds of gigabytes, or for minutes. The one field needed
here is the orientation.
"""

import io
import re
import struct

_ORIENTATION, _SHORT = 0x0112, 3
_EXIF = b"Exif\0\0"
# How AVIF and HEIC name the item that holds EXIF; they turn pictures by boxes of their own.
# Source: ISO/IEC 14496-12, ItemInfoEntry of version 2 or 3.
_EXIF_ITEM = re.compile(rb"(infe.{8}(?:..)?)Exif", re.DOTALL)


class LimitedFile(io.BytesIO):
    """An image's bytes, of which a decoder may read only so much and so often.

    While a header is read that is little; call `allow_pixels` before the pixels are decoded.
    """

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.calls_left = 10_000
        self.bytes_left = 3 * len(data) + 1_000_000

    def read(self, size: int | None = -1, /) -> bytes:
        """Read as a file does.

        Raises: OSError beyond the limits.
        """
        found = super().read(size)
        self.calls_left -= 1
        self.bytes_left -= len(found)
        if self.calls_left < 0 or self.bytes_left < 0:
            raise OSError("The header of this file makes the decoder read too much.")
        return found

    def allow_pixels(self) -> None:
        """Grant what strips and blocks of pixels take: decoders read beyond the end of each."""
        self.calls_left, self.bytes_left = 50_000, 1 << 32


def leave_out_exif(data: bytes) -> bytes:
    """Hide the EXIF blocks that say nothing of the picture: all but a JPEG's first, an AVIF's."""
    if data.startswith(b"\xff\xd8"):
        head, found, rest = data.partition(_EXIF)
        return head + found + rest.replace(_EXIF, b"\0" * len(_EXIF)) if _EXIF in rest else data
    return _EXIF_ITEM.sub(rb"\1none", data) if data[4:8] == b"ftyp" else data


def read_orientation(exif: bytes) -> int:
    """Return the orientation, 1 (upright) to 8, of an EXIF block; 1 where it says none."""
    block = exif.removeprefix(_EXIF)
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None:
        return 1
    try:
        (start,) = struct.unpack_from(f"{order}I", block, 4)
        (count,) = struct.unpack_from(f"{order}H", block, start)
        for place in range(start + 2, start + 2 + 12 * count, 12):
            tag, kind, _, value = struct.unpack_from(f"{order}HHIH", block, place)
            if (tag, kind) == (_ORIENTATION, _SHORT):
                return int(value)
    except struct.error:  # cut off, as in many a file whose pixels are good
        return 1
    return 1
