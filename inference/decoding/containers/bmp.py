"""BMP: run lengths are unpacked in a process of their own, since a few bytes can say anything."""

from inference.decoding.containers.lean import LeanFile

_RUN_LENGTHS = (1, 2)  # of 8 and of 4 bits


def read_bmp(data: bytes) -> LeanFile:
    """Return the file as it is.

    One step of a run may skip 255 rows, which Pillow 12.3 writes out without a limit.
    """
    header = int.from_bytes(data[14:18], "little")
    compression = int.from_bytes(data[30:34], "little") if header >= 40 else 0
    return LeanFile(data, is_bounded=compression not in _RUN_LENGTHS)
