"""JPEG: segments without comments, profiles and previews, and the price of progressive scans."""

import struct

from inference.containers.lean import LeanFile
from inference.exif import EXIF, read_orientation

_SOS, _COM = 0xDA, 0xFE
_APPS = range(0xE0, 0xF0)
_JFIF, _EXIF, _ADOBE = 0xE0, 0xE1, 0xEE
# All start-of-frame markers; DHT, JPG and DAC lie between them.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = frozenset((0xC2, 0xC6, 0xCA, 0xCE))
_MAX_SEGMENTS = 100_000
# Measured with libjpeg-turbo 3.1: a scan that refines nothing still visits every coefficient.
_SECONDS_PER_PIXEL_AND_SCAN = 0.7e-9


def read_jpeg(data: bytes) -> LeanFile:
    """Leave out what the pixels do not need, and read the orientation of the first EXIF block."""
    view, kept = memoryview(data), [memoryview(data)[:2]]
    place, orientation, frame = 2, None, None
    for _ in range(_MAX_SEGMENTS):
        segment = _find_segment(data, place)
        if segment is None:
            break
        marker, end = segment
        if marker in _FRAMES:
            frame = data[place:end]
        if marker == _EXIF and orientation is None and data.startswith(EXIF, place + 4):
            orientation = read_orientation(data[place + 4 : end])
        if _is_needed(marker, data[place + 4 : place + 9]):
            kept.append(view[place:end])
        place = end
    kept.append(view[place:])
    lean = data if sum(map(len, kept)) == len(data) else b"".join(kept)
    memory, seconds = _find_price(frame, data, place) if frame else (0.0, 0.0)
    return LeanFile(lean, orientation or 1, memory=memory, seconds=seconds)


def _find_segment(data: bytes, place: int) -> tuple[int, int] | None:
    """Return marker and end of the segment that begins here; None at the first scan."""
    if data[place : place + 1] != b"\xff" or place + 4 > len(data):
        return None
    marker = data[place + 1]
    if marker == 0xFF:  # filling
        return marker, place + 1
    (length,) = struct.unpack_from(">H", data, place + 2)
    end = place + 2 + length
    is_segment = marker >= 0xC0 and not 0xD0 <= marker <= _SOS
    return (marker, end) if is_segment and length >= 2 and end <= len(data) else None


def _is_needed(marker: int, head: bytes) -> bool:
    if marker == _JFIF:
        return head == b"JFIF\0"  # says that colours are YCbCr
    if marker == _ADOBE:
        return head == b"Adobe"
    return marker not in _APPS and marker not in (_COM, 0xFF)


def _find_price(frame: bytes, data: bytes, place: int) -> tuple[float, float]:
    """Return bytes and seconds; only what comes in several scans is held as coefficients."""
    try:
        height, width, count = struct.unpack_from(">HHB", frame, 5)
        shares = [frame[11 + 3 * i] for i in range(count)]
    except (struct.error, IndexError):
        return 0.0, 0.0
    is_progressive = frame[1] in _PROGRESSIVE
    if not is_progressive and data[place + 4 : place + 5] == bytes([count]):
        return 0.0, 0.0
    areas = [(share >> 4) * (share & 15) for share in shares]
    pixels = height * width
    memory = 2 * pixels * sum(areas) / max(1, *areas, 1)
    scans = data.count(b"\xff\xda", place) if is_progressive else 0
    return memory, scans * pixels * _SECONDS_PER_PIXEL_AND_SCAN
