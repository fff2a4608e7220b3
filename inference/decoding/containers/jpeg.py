"""JPEG: segments without comments, profiles and previews, and the price of several scans."""

import re
import struct
from collections.abc import Iterator

from inference.decoding.containers.lean import LeanFile
from inference.errors import UserInputError
from inference.exif import EXIF, read_orientation

_SOS, _COM, _SCAN = 0xDA, 0xFE, b"\xff\xda"
# Markers without a length: filling, no marker at all, TEM and restarts.
_ALONE = frozenset((0x00, 0x01, 0xFF, *range(0xD0, 0xD8)))
_APPS = range(0xE0, 0xF0)
_JFIF, _EXIF, _ADOBE = 0xE0, 0xE1, 0xEE
# All start-of-frame markers; DHT, JPG and DAC lie between them.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = frozenset((0xC2, 0xC6, 0xCA, 0xCE))
# No lossless frame is scaled while it is decoded, which Pillow 12.3 does not know: its rows are
# written beyond the end of its memory.
_LOSSLESS = frozenset((0xC3, 0xC7, 0xCB, 0xCF))
_HIDDEN_LOSSLESS = re.compile(rb"\xff[\xc3\xc7\xcb\xcf]\0[\x0b\x0e\x11\x14]")
_IS_LOSSLESS = "This is a lossless JPEG, which is not read. Save it again, as a PNG."
_MAX_SEGMENTS = 100_000
# Measured with libjpeg-turbo 3.1: a scan that refines nothing still visits every coefficient.
_SECONDS_PER_PIXEL_AND_SCAN = 0.7e-9


def read_jpeg(data: bytes) -> LeanFile:
    """Leave out what the pixels do not need, and read the orientation of the first EXIF block.

    Raises: UserInputError for a lossless one.
    """
    view, kept = memoryview(data), [memoryview(data)[:2]]
    place, orientation, frame, scan = 2, None, None, None
    for marker, start, end in _list_segments(data):
        if marker == _SOS:
            scan = start
            break
        if marker in _FRAMES:
            frame = data[start:end]
        if marker == _EXIF and orientation is None and data.startswith(EXIF, start + 4):
            orientation = read_orientation(data[start + 4 : end])
        if _is_needed(marker, data[start + 4 : start + 9]):
            kept.append(view[start:end])
        place = end
    kept.append(view[place:])
    lean = data if sum(map(len, kept)) == len(data) else b"".join(kept)
    price = _find_price(frame, data, scan) if frame and scan is not None else None
    if frame is None or price is None:  # a decoder may find another frame than we do
        if _HIDDEN_LOSSLESS.search(lean):
            raise UserInputError(_IS_LOSSLESS)
        return LeanFile(lean, orientation or 1, is_bounded=False)
    if frame[1] in _LOSSLESS:
        raise UserInputError(_IS_LOSSLESS)
    memory, seconds = price
    return LeanFile(lean, orientation or 1, memory=memory, seconds=seconds)


def _list_segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield marker, beginning and end of each segment up to the header of the first scan.

    What lies between segments is skipped, as decoders do.
    """
    place = data.find(b"\xff", 2)
    for _ in range(_MAX_SEGMENTS):
        if place < 0 or place + 4 > len(data):
            return
        marker = data[place + 1]
        if marker in _ALONE:
            end = place + (1 if marker == 0xFF else 2)
        else:
            end = place + 2 + int.from_bytes(data[place + 2 : place + 4])
            if end < place + 4 or end > len(data):
                return
            yield marker, place, end
        place = data.find(b"\xff", end)


def _is_needed(marker: int, head: bytes) -> bool:
    if marker == _JFIF:
        return head == b"JFIF\0"  # says that colours are YCbCr
    if marker == _ADOBE:
        return head == b"Adobe"
    return marker not in _APPS and marker != _COM


def _find_price(frame: bytes, data: bytes, scan: int) -> tuple[float, float] | None:
    """Return bytes and seconds; None where they cannot be told.

    Only what comes in several scans is held as coefficients, all of which each scan visits.
    """
    try:
        height, width, count = struct.unpack_from(">HHB", frame, 5)
        shares = [frame[11 + 3 * i] for i in range(count)]
    except (struct.error, IndexError):
        return None
    if frame[1] not in _PROGRESSIVE and data[scan + 4 : scan + 5] == bytes([count]):
        return 0.0, 0.0
    areas = [(share >> 4) * (share & 15) for share in shares]
    pixels = height * width
    memory = 2 * pixels * sum(areas) / max(1, *areas, 1)
    return memory, data.count(_SCAN, scan) * pixels * _SECONDS_PER_PIXEL_AND_SCAN
