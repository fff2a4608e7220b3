"""What decoding one picture may cost: seconds of one core, and memory.

What a header tells is refused before it is decoded. The rest is stopped: decoders are fed by a
file that raises once the time is used up.
"""

import io
import time

from PIL.ImageFile import ImageFile

from inference.decoding.containers.lean import LeanFile
from inference.decoding.heif_rows import is_large_heif
from inference.errors import UserInputError

MAX_SECONDS = 2.0  # of one core
MAX_MEMORY = 400_000_000  # bytes, beside what the process takes anyway
MAX_ANSWER = 20_000_000  # pixels that are left after scaling; a network takes 20 bytes for each
_HEADER_CALLS = 10_000
# Bytes that decoders hold for each pixel beside the decoded image, measured with Pillow 12.3
# (libwebp 1.6: two canvases and a copy; libavif 1.4: samples, RGB and a copy).
_WORKING = {"WEBP": 12.0, "AVIF": 11.5, "BMP": 2.0}
_MODES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16L": 2, "I;16B": 2, "I;16N": 2}
# What conversion holds beside the answer: a band of pixels in up to four forms, or a row of blocks.
_BANDS, _CONVERTED = 8_000_000, 16  # bytes at least, and for each pixel


class LimitedFile(io.BytesIO):
    """An image's bytes, which a decoder may read for so long.

    While a header is read that is little; call `allow_pixels` before the pixels are decoded.
    """

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.started = time.thread_time()
        self.calls_left = _HEADER_CALLS
        self.bytes_left = 3 * len(data) + 1_000_000
        self.is_header = True

    def read(self, size: int | None = -1, /) -> bytes:
        """Read as a file does.

        Raises: OSError for a header beyond the limits, UserInputError once the time is used up.
        """
        found = super().read(size)
        self.check_time()
        if self.is_header:
            self.calls_left -= 1
            self.bytes_left -= len(found)
            if self.calls_left < 0 or self.bytes_left < 0:
                raise OSError("The header of this file makes the decoder read too much.")
        return found

    def allow_pixels(self) -> None:
        """From here on only the time is limited."""
        self.is_header = False

    def check_time(self) -> None:
        """Raise UserInputError if this thread has spent its time since the file was opened."""
        if time.thread_time() - self.started > MAX_SECONDS:
            raise UserInputError(
                f"Decoding this picture was stopped after {MAX_SECONDS:.0f} seconds. "
                "Send a smaller copy, or save it again."
            )


def check_price(image: ImageFile, lean: LeanFile, size: tuple[int, int], factor: int) -> None:
    """Raise UserInputError if decoding would cost too much.

    `size`: the file's, in pixels; `image` may be scaled while it is decoded, and is reduced by
    `factor` afterwards.
    """
    pixels, decoded = size[0] * size[1], image.width * image.height
    each = lean.bytes_per_pixel + _WORKING.get(image.format or "", 0.0)
    working = lean.memory + each * pixels
    answer = 3 * decoded / factor**2
    held = 0 if is_large_heif(image) else decoded * _MODES.get(image.mode, 4)
    bands = max(_BANDS, _CONVERTED * image.width * factor)
    memory = len(lean.data) + working + held + answer + bands
    found = f"{pixels / 1e6:.1f} megapixels in this kind of {image.format}"
    if memory > MAX_MEMORY:
        raise UserInputError(
            f"{found} take {memory / 1e6:.0f} MB of memory; at most {MAX_MEMORY / 1e6:.0f} are "
            "given. Send a smaller copy, or a JPEG."
        )
    if lean.seconds > MAX_SECONDS:
        raise UserInputError(
            f"{found} take {lean.seconds:.1f} seconds to decode; at most {MAX_SECONDS:.0f} are "
            "given. Send a smaller copy, or save it as a plain JPEG."
        )


def check_answer(size: tuple[int, int], factor: int) -> None:
    """Raise UserInputError for a picture so long and thin that scaling it down leaves too much."""
    if size[0] * size[1] / factor**2 > MAX_ANSWER:
        raise UserInputError(
            f"This picture is {size[0]} × {size[1]} pixels, which is too long and thin. "
            "Send a part of it."
        )
