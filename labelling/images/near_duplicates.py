"""Groups of near-duplicates, which must not span two splits.

Knows nothing of files: hashes, names and splits go in, group numbers and choices come out.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

# Source: the rule by which the shipped data (../shared/data/README.md) was grouped.
MAX_BITS = 20
# Of near-duplicates in two splits, the first of these keeps its images: to measure on fewer would
# cost more than to train on fewer.
SPLIT_PRIORITY = ("test", "val", "train")
# Tiles of the N × N comparison; 64 MB of 64-bit words at a time.
_TILE_ROWS, _TILE_COLUMNS = 1024, 8192


def join_near_duplicates(hashes: NDArray[np.uint64]) -> NDArray[np.intp]:
    """Number the groups of images whose difference hashes differ in at most `MAX_BITS` bits.

    Chains join too. A hash within `MAX_BITS` of a plain image's says nothing about what is seen,
    so its image stays alone: otherwise every small thing on white would be the same image.

    `hashes`: (N, 4) uint64, 256 bits each. Returns: (N,) group numbers, in no order.
    """
    groups = np.arange(len(hashes))
    distinctive = find_distinctive(hashes)
    unique, inverse = np.unique(hashes[distinctive], axis=0, return_inverse=True)
    joined = np.arange(len(unique))
    for rows, columns in _find_close_pairs(unique):
        apart = joined[rows] != joined[columns]
        if apart.any():
            joined = _join(joined, rows[apart], columns[apart])
    groups[distinctive] = len(hashes) + joined[inverse]
    return groups


def name_groups(numbers: Sequence[int], sha256s: Sequence[str]) -> list[str]:
    """Name each image's group by the smallest SHA-256 in it."""
    names: dict[int, str] = {}
    for number, sha256 in zip(numbers, sha256s, strict=True):
        names[number] = min(sha256, names.get(number, sha256))
    return [names[number] for number in numbers]


def find_outranked(groups: Sequence[object], splits: Sequence[str]) -> dict[int, int]:
    """Return image → image of the same group in a split that goes before its own.

    Both are positions; `SPLIT_PRIORITY` is the order. What is not returned may stay.
    """
    best: dict[object, int] = {}
    for i, group in enumerate(groups):
        if group not in best or _rank(splits[i]) < _rank(splits[best[group]]):
            best[group] = i
    return {i: best[g] for i, g in enumerate(groups) if splits[i] != splits[best[g]]}


def choose_val_groups(groups: Sequence[str], labels: Sequence[str], fraction: float) -> set[str]:
    """Choose the groups, named by SHA-256, that become validation images.

    A group's own name decides, so that it stays where it is whatever else is added; but every
    label that has two groups gets at least one in each split.
    """
    fractions = {group: hash_to_fraction(group, "val") for group in groups}
    chosen = {group for group, own in fractions.items() if own < fraction}
    labels_of: dict[str, set[str]] = defaultdict(set)
    for group, label in zip(groups, labels, strict=True):
        labels_of[group].add(label)
    for label in sorted(set(labels)):
        own = {group for group, found in labels_of.items() if label in found}
        # Moving a group that other labels share could empty a split of theirs.
        if not own & chosen:
            chosen.add(min(own, key=lambda group: (len(labels_of[group]), fractions[group])))
        if own <= chosen:
            fewest = min(len(labels_of[group]) for group in own)
            least_shared = (group for group in own if len(labels_of[group]) == fewest)
            chosen.remove(max(least_shared, key=lambda group: fractions[group]))
    return chosen


def hash_to_fraction(group: str, salt: str) -> float:
    """Return 0–1 from a group's name, hashed once more with a salt.

    Whoever made the data may have split it by SHA-256 too, so that train has no small ones of
    some kind (seen: no Food-101 hot dog of the shipped data would have become validation).
    """
    return int(hashlib.sha256(f"{salt} {group}".encode()).hexdigest()[:16], 16) / 2**64


def _rank(split: str) -> int:
    return SPLIT_PRIORITY.index(split)


def find_distinctive(hashes: NDArray[np.uint64]) -> NDArray[np.intp]:
    """Return the positions of the hashes that are not (nearly) those of a plain image."""
    bits = np.bitwise_count(hashes).sum(axis=1)
    return np.flatnonzero((bits > MAX_BITS) & (bits < 256 - MAX_BITS))


def _find_close_pairs(
    hashes: NDArray[np.uint64],
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Yield, tile by tile, the positions of pairs that differ in at most `MAX_BITS` bits."""
    for top in range(0, len(hashes), _TILE_ROWS):
        rows = hashes[top : top + _TILE_ROWS]
        for left in range(top, len(hashes), _TILE_COLUMNS):
            columns = hashes[left : left + _TILE_COLUMNS]
            i, j = _find_candidates(rows, columns)
            close = np.bitwise_count(rows[i] ^ columns[j]).sum(axis=1) <= MAX_BITS
            yield top + i[close], left + j[close]


def _find_candidates(
    rows: NDArray[np.uint64], columns: NDArray[np.uint64]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the pairs that one of four words allows: cheap, and few are left.

    The second word, since the first holds the top of the image, often the same plain sky.
    """
    differing = np.bitwise_count(rows[:, None, 1] ^ columns[None, :, 1])
    i, j = np.nonzero(differing <= MAX_BITS)
    return i, j


def _join(
    joined: NDArray[np.intp], rows: NDArray[np.intp], columns: NDArray[np.intp]
) -> NDArray[np.intp]:
    from scipy.sparse import coo_array  # noqa: PLC0415  (a page that starts need not wait for it)
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415

    size = int(joined.max()) + 1
    pairs = coo_array((np.ones(len(rows), bool), (joined[rows], joined[columns])), (size, size))
    numbers: NDArray[np.intp] = connected_components(pairs, directed=False)[1]
    return numbers[joined]
