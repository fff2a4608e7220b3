"""The rows of a large HEIC as its decoder gives them, without the copy that Pillow makes.

A phone's 48 megapixels would otherwise take over 400 MB.
"""

import pillow_heif
from PIL import Image
from PIL.ImageFile import ImageFile

_LARGE = 16_000_000  # pixels


def is_large_heif(image: ImageFile) -> bool:
    """Return whether an opened picture should be decoded by rows."""
    return image.format == "HEIF" and image.width * image.height > _LARGE


class HeifRows:
    """A decoded HEIC that can be cut like an image."""

    def __init__(self, data: bytes) -> None:
        """Decode the primary picture of a file.

        Raises: what pillow-heif raises on broken files.
        """
        file = pillow_heif.open_heif(data)
        heif = file[file.primary_index]
        self._data, self._stride = memoryview(heif.data), heif.stride
        self.mode: str = heif.mode
        self.width, self.height = heif.size

    def crop(self, box: tuple[int, int, int, int]) -> Image.Image:
        """Return a band of whole rows."""
        _, top, _, bottom = box
        rows = self._data[top * self._stride : bottom * self._stride]
        size = (self.width, bottom - top)
        return Image.frombytes(self.mode, size, bytes(rows), "raw", self.mode, self._stride)
