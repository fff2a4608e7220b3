"""Which container a file is, and its lean form."""

from collections.abc import Callable

from inference.containers.gif import read_gif
from inference.containers.jpeg import read_jpeg
from inference.containers.lean import LeanFile
from inference.containers.png import SIGNATURE, read_png
from inference.containers.tiff import read_tiff
from inference.exif import leave_out_exif_item

_READERS: dict[bytes, Callable[[bytes], LeanFile]] = {
    b"\xff\xd8\xff": read_jpeg,
    SIGNATURE: read_png,
    b"GIF8": read_gif,
    **dict.fromkeys((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), read_tiff),
}


def read_container(data: bytes) -> LeanFile:
    """Return a file without the metadata that its pixels do not need.

    Raises: UserInputError for one that is built in a way that no decoder should follow.
    """
    for head, read in _READERS.items():
        if data.startswith(head):
            return read(data)
    return LeanFile(leave_out_exif_item(data) if data[4:8] == b"ftyp" else data)
