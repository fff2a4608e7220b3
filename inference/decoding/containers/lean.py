"""What reading a picture's container gives: its bytes without metadata, and their price.

Metadata that is not needed is never handed to a decoder: a good picture is not refused for it,
and a bad one cannot hide work in it.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class LeanFile:
    """A picture file that holds little but its pixels.

    `orientation`: as EXIF counts, 1 to 8; None where the decoder has to say it. `memory`: bytes
    that a decoder holds at once beside the decoded pixels, and `bytes_per_pixel` more for each.
    `seconds` of one core that it takes. `is_bounded`: whether that is known, or the decoder can
    be stopped; else it has to work apart. `formats`: Pillow's names of those that it may be.
    """

    data: bytes
    orientation: int | None = None
    memory: float = 0.0
    bytes_per_pixel: float = 0.0
    seconds: float = 0.0
    is_bounded: bool = True
    formats: tuple[str, ...] = ()
