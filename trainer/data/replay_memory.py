"""The replay memory of a version: embeddings of its images with label, split and hash.

Training a new head replays them, so that it forgets nothing; no image can be recovered from them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

FILE = "memory.npz"
DOUBTFUL = (
    -1
)  # a target: of no class for sure; neither replayed nor measured on, but known to exist


@dataclass(frozen=True)
class Remembered:
    """M images as numbers.

    `embeddings` (M, D) float16; `targets` (M,) int16, or `DOUBTFUL`; `is_val` (M,) bool: never
    trained on; `sha256` (M,) of the files, empty where there is no file; `groups` (M,) common to
    near-duplicates, empty where unknown.
    """

    embeddings: NDArray[np.float16]
    targets: NDArray[np.int16]
    is_val: NDArray[np.bool_]
    sha256: NDArray[np.bytes_]
    groups: NDArray[np.bytes_]

    def __len__(self) -> int:
        return len(self.targets)

    def select(self, mask: NDArray[np.bool_]) -> Self:
        """Return the rows of a (M,) mask."""
        return type(self)(
            self.embeddings[mask],
            self.targets[mask],
            self.is_val[mask],
            self.sha256[mask],
            self.groups[mask],
        )

    def forget(self, known: set[str]) -> Self:
        """Return the rows whose files are not among the SHA-256 given."""
        return self.select(np.array([name not in known for name in self.list_files()], dtype=bool))

    def list_files(self) -> list[str]:
        """Return each row's SHA-256, empty where there is no file."""
        return [name.decode("ascii") for name in self.sha256.tolist()]


def make_rows(
    embeddings: NDArray[np.floating],
    targets: Sequence[int],
    is_val: Sequence[bool],
    sha256: Sequence[str],
    groups: Sequence[str],
) -> Remembered:
    """Return rows of embeddings (N, D) and what is known of each."""
    return Remembered(
        embeddings.astype(np.float16),
        np.array(targets, dtype=np.int16),
        np.array(is_val, dtype=bool),
        np.array(sha256, dtype="S64"),
        np.array(groups, dtype="S64"),
    )


def make_empty(width: int) -> Remembered:
    """Return no rows, of embeddings of `width` numbers."""
    return make_rows(np.zeros((0, width)), [], [], [], [])


def join_rows(parts: Sequence[Remembered]) -> Remembered:
    """Return the rows of all, in order."""
    return Remembered(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("embeddings", "targets", "is_val", "sha256", "groups")
        )
    )


def read_memory(version_folder: Path, width: int) -> Remembered:
    """Return what a version remembers; nothing where it holds no memory.

    Older ones know neither files nor groups of their rows.
    """
    path = version_folder / FILE
    if not path.is_file():
        return make_empty(width)
    with np.load(path, allow_pickle=False) as arrays:
        blank = np.zeros(len(arrays["targets"]), dtype="S64")
        return Remembered(
            arrays["embeddings"].astype(np.float16),
            arrays["targets"].astype(np.int16),
            arrays["is_val"],
            arrays["sha256"].astype("S64") if "sha256" in arrays else blank,
            arrays["group"].astype("S64") if "group" in arrays else blank,
        )


def write_memory(version_folder: Path, rows: Remembered) -> None:
    """Write `memory.npz` into a version's folder."""
    np.savez_compressed(
        version_folder / FILE,
        embeddings=rows.embeddings,
        targets=rows.targets,
        is_val=rows.is_val,
        sha256=rows.sha256,
        group=rows.groups,
    )
