import hashlib
import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from inference.errors import UserInputError
from labelling.images.fingerprints import (
    Fingerprint,
    read_fingerprints,
    stack_hashes,
    take_fingerprint,
)
from tests.labelling.sample_files import encode, make_image, write_images


def encode_turned(image: Image.Image) -> bytes:
    """Return a JPEG that lies on its side, as a phone saves it."""
    exif, buffer = Image.Exif(), io.BytesIO()
    exif[ExifTags.Base.Orientation] = 6
    image.rotate(90).save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


def count_bits(first: Fingerprint, second: Fingerprint) -> int:
    hashes = stack_hashes([first, second])
    return int(np.bitwise_count(hashes[0] ^ hashes[1]).sum())


@pytest.mark.parametrize(
    "content",
    [
        encode(make_image(1), quality=50),
        encode(make_image(1, side=700), "PNG"),
        encode(make_image(1, side=1200), "JPEG"),
        encode_turned(make_image(1)),
    ],
    ids=["quality", "larger", "scaled-while-decoding", "turned-by-EXIF"],
)
def test_a_image_saved_again_looks_the_same(content: bytes) -> None:
    assert count_bits(take_fingerprint(encode(make_image(1))), take_fingerprint(content)) <= 20


def test_other_images_look_different() -> None:
    prints = [take_fingerprint(encode(make_image(seed))) for seed in range(20)]
    distances = [count_bits(prints[i], prints[j]) for i in range(20) for j in range(i)]
    assert min(distances) > 60


def test_the_hash_is_of_the_bytes() -> None:
    content = encode(make_image(1))
    assert take_fingerprint(content).sha256 == hashlib.sha256(content).hexdigest()


def test_a_broken_image_has_no_fingerprint() -> None:
    with pytest.raises(UserInputError):
        take_fingerprint(encode(make_image(1))[:-500])


def test_no_fingerprints_make_no_hashes() -> None:
    assert stack_hashes([]).shape == (0, 4)


def test_answers_come_in_the_order_of_the_files(tmp_path: Path) -> None:
    paths = write_images(tmp_path, range(30))
    answers = read_fingerprints(paths, tmp_path / "index")
    assert answers == [take_fingerprint(path.read_bytes()) for path in paths]


def test_an_index_cut_short_is_made_whole(tmp_path: Path) -> None:
    paths, index = write_images(tmp_path, range(6)), tmp_path / "index"
    answers = read_fingerprints(paths, index)
    text = index.read_text()
    index.write_text(text[: len(text) - 100])
    assert read_fingerprints(paths, index) == answers
    assert read_fingerprints(paths, index) == answers


def test_a_file_of_the_same_size_but_another_time_is_read_again(tmp_path: Path) -> None:
    path, index = tmp_path / "a.bmp", tmp_path / "index"
    for seed in (1, 2):  # BMP: the same number of bytes
        path.write_bytes(encode(make_image(seed), "BMP"))
        os.utime(path, ns=(seed, seed))
        assert read_fingerprints([path], index) == [take_fingerprint(path.read_bytes())]


def test_what_cannot_be_opened_is_a_reason(tmp_path: Path) -> None:
    (reason,) = read_fingerprints([Path(tmp_path / "gone.jpg")], tmp_path / "index")
    assert reason == "cannot be read: No such file or directory"
