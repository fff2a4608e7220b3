"""EXIF: an image's orientation, the one field of it that is needed here.

Pillow reads every field of every EXIF block, however many point to the same bytes: 4 MB can ask
it for hundreds of gigabytes.
"""

import struct

EXIF = b"Exif\0\0"
_ORIENTATION, _SHORT = 0x0112, 3


def read_orientation(exif: bytes) -> int:
    """Return the orientation, 1 (upright) to 8, of an EXIF block; 1 where it says none."""
    block = exif.removeprefix(EXIF)
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
