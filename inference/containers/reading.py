"""Which container a file is, and its lean form."""

from collections.abc import Callable

from inference.containers.bmp import read_bmp
from inference.containers.gif import read_gif
from inference.containers.heif import read_heif
from inference.containers.jpeg import read_jpeg
from inference.containers.lean import LeanFile
from inference.containers.png import SIGNATURE, read_png
from inference.containers.tiff import read_tiff

_READERS: dict[bytes, Callable[[bytes], LeanFile]] = {
    b"\xff\xd8\xff": read_jpeg,
    SIGNATURE: read_png,
    b"GIF8": read_gif,
    b"BM": read_bmp,
    **dict.fromkeys((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), read_tiff),
}


def read_container(data: bytes) -> LeanFile:
    """Return a file without the metadata that its pixels do not need.

    Raises: UserInputError for one that is built in a way that no decoder should follow.
    """
    for head, read in _READERS.items():
        if data.startswith(head):
            return read(data)
    return read_heif(data) if data[4:8] == b"ftyp" else LeanFile(data)
