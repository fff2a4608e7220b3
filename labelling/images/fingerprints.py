"""Fingerprints of image files: SHA-256 and difference hash, kept between runs.

Every file is decoded once, small, which also finds the broken ones.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from multiprocessing.pool import ThreadPool
from pathlib import Path

import imagehash
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inference.errors import UserInputError
from inference.images import MAX_BYTES, decode
from inference.process import count_usable_cores

Progress = Callable[[int, int], None]
_HASH_SIZE = 16
# Four times what the hash is made of: scaling further while decoding would move its bits.
_MIN_SIDE = 64


@dataclass(frozen=True)
class Fingerprint:
    """`sha256` of the file's bytes; `dhash`: 256-bit difference hash; both in hex."""

    sha256: str
    dhash: str


@dataclass(frozen=True)
class _Key:
    """By which a file that was changed is told from one already known; `size` in bytes."""

    path: str
    size: int
    mtime_ns: int


def read_fingerprints(
    paths: Sequence[Path], index: Path, progress: Progress | None = None
) -> list[Fingerprint | str]:
    """Return for each file its fingerprint, or the reason why it is left out.

    `index`: a file of JSON lines that remembers what was read; it is added to as we go, so that
    a run that is stopped loses nothing. `progress` is called with how many files are done, and how
    many there are.
    """
    known = _read_index(index)
    results: list[Fingerprint | str] = []
    with index.open("a", encoding="utf-8") as file, ThreadPool(count_usable_cores()) as pool:
        for key, result in pool.imap(lambda path: _examine(path, known), paths, chunksize=8):
            if key and isinstance(result, Fingerprint) and key not in known:
                file.write(json.dumps(asdict(key) | asdict(result)) + "\n")
            results.append(result)
            if progress:
                progress(len(results), len(paths))
    return results


def stack_hashes(fingerprints: Sequence[Fingerprint]) -> NDArray[np.uint64]:
    """Return the difference hashes as (N, 4) uint64, 256 bits each."""
    joined = b"".join(bytes.fromhex(fingerprint.dhash) for fingerprint in fingerprints)
    return np.frombuffer(joined, dtype=np.uint64).reshape(-1, 4)


def _examine(path: Path, known: dict[_Key, Fingerprint]) -> tuple[_Key | None, Fingerprint | str]:
    try:
        status = path.stat()
        key = _Key(str(path), status.st_size, status.st_mtime_ns)
        if key in known:
            return key, known[key]
        if status.st_size > MAX_BYTES:
            return key, f"{status.st_size / 1e6:.0f} MB; at most {MAX_BYTES / 1e6:.0f} are taken"
        return key, take_fingerprint(path.read_bytes())
    except UserInputError as error:
        return None, str(error)
    except OSError as error:
        return None, f"cannot be read: {error.strerror}"


def take_fingerprint(data: bytes) -> Fingerprint:
    """Decode an image, and hash its bytes and its look.

    Raises: UserInputError for what is not a whole image of an allowed format and size.
    """
    image = Image.fromarray(decode(data, min_side=_MIN_SIDE))
    bits: NDArray[np.bool_] = imagehash.dhash(image, hash_size=_HASH_SIZE).hash
    return Fingerprint(hashlib.sha256(data).hexdigest(), np.packbits(bits).tobytes().hex())


def _read_index(index: Path) -> dict[_Key, Fingerprint]:
    return dict(_parse_lines(index)) if index.is_file() else {}


def _parse_lines(index: Path) -> Iterator[tuple[_Key, Fingerprint]]:
    with index.open(encoding="utf-8") as lines:
        for line in lines:
            try:
                entry = json.loads(line)
                key = _Key(entry["path"], entry["size"], entry["mtime_ns"])
                yield key, Fingerprint(entry["sha256"], entry["dhash"])
            except (json.JSONDecodeError, KeyError):
                # The run was stopped while it wrote this line: that file is read again.
                continue
