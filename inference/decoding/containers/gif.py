"""GIF: its first frame without comments and other extensions before it."""

from inference.decoding.containers.lean import LeanFile

_EXTENSION, _CONTROL = 0x21, 0xF9
_MAX_BLOCKS = 300_000


def read_gif(data: bytes) -> LeanFile:
    """Leave out what stands before the first frame, but for what says its transparency."""
    start = place = _find_blocks(data)
    kept = [data[:start]]
    blocks = 0
    while data[place : place + 1] == bytes([_EXTENSION]):
        end = place + 2
        while end < len(data) and data[end] and blocks < _MAX_BLOCKS:
            end += 1 + data[end]
            blocks += 1
        if end >= len(data) or blocks >= _MAX_BLOCKS:
            break
        if data[place + 1] == _CONTROL:
            kept.append(data[place : end + 1])
        place = end + 1
        blocks += 1
    return LeanFile(b"".join((*kept, memoryview(data)[place:])), 1)


def _find_blocks(data: bytes) -> int:
    """Return where the palette of all frames ends."""
    flags = data[10] if len(data) > 10 else 0
    return 13 + (3 * (2 << (flags & 7)) if flags & 0x80 else 0)
