"""What is stored of an image: upright, small, and encoded again.

Encoding again leaves out EXIF (where and when it was taken) and whatever else a file may carry.
"""

import hashlib
import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inference.decoding.containers.reading import read_container
from inference.errors import UserInputError
from inference.images import decode
from labelling.images.fingerprints import take_fingerprint

MAX_SIDE = 1024  # pixels
_QUALITY = 90
# What Pillow reads of a JPEG that carries nothing but its resolution.
_JFIF = {"jfif", "jfif_version", "jfif_unit", "jfif_density", "dpi"}


@dataclass(frozen=True)
class PreparedImage:
    """An image ready to be stored.

    `data`: the JPEG; empty where it is stored already. `dhash`: 32 bytes. `width` and `height`
    in pixels. `origin_sha256`: of the bytes that were given.
    """

    data: bytes
    sha256: str
    dhash: bytes
    width: int
    height: int
    origin_sha256: str


def prepare(data: bytes) -> PreparedImage:
    """Decode an image file of any allowed format, and encode it as it is stored.

    Raises: UserInputError for what is not a whole image of an allowed format and size.
    """
    return prepare_image(decode(data, min_side=MAX_SIDE), hash_bytes(data))


def prepare_image(image: NDArray[np.uint8], origin_sha256: str = "") -> PreparedImage:
    """Encode a decoded image as it is stored.

    `image`: (H, W, 3) uint8 RGB, upright. Without an origin the SHA-256 is that of what is stored.
    """
    small = Image.fromarray(image)
    # Draft scaling and averaging have come close already; Lanczos is the last step.
    small.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    small.save(file, "JPEG", quality=_QUALITY, subsampling=0)
    return _describe(file.getvalue(), small, origin_sha256)


def check_stored(data: bytes, origin_sha256: str) -> PreparedImage:
    """Take over, byte for byte, an image that another store has written.

    Raises: UserInputError for what no store of ours writes.
    """
    decode(data)
    lean = read_container(data).data  # Pillow must not meet what metadata there may be
    with Image.open(io.BytesIO(lean)) as image:
        is_ours = image.format == "JPEG" and image.mode == "RGB" and lean == data
        if not is_ours or max(image.size) > MAX_SIDE or set(image.info) - _JFIF:
            raise UserInputError("This picture is not as a store keeps it. Import it as a file.")
        return _describe(data, image, origin_sha256)


def _describe(data: bytes, image: Image.Image, origin_sha256: str) -> PreparedImage:
    """Describe by the bytes that are stored, so that every store says the same of them."""
    fingerprint = take_fingerprint(data)
    return PreparedImage(
        data=data,
        sha256=fingerprint.sha256,
        dhash=bytes.fromhex(fingerprint.dhash),
        width=image.width,
        height=image.height,
        origin_sha256=origin_sha256 or fingerprint.sha256,
    )


def hash_bytes(data: bytes) -> str:
    """Return the SHA-256 of bytes, in hex."""
    return hashlib.sha256(data).hexdigest()
