"""Adds pictures to a store and says so, one line each, until it is done or killed.

python -m tests.labelling.writer DATA FIRST COUNT
"""

import sys
from pathlib import Path

from labelling.store.store import Store
from tests.labelling.sample_files import encode, make_image


def write(data: Path, first: int, count: int) -> None:
    with Store(data) as store:
        for seed in range(first, first + count):
            added = store.add(encode(make_image(seed)), f"class-{seed % 5}", who="writer")
            print(added.entry.id, added.entry.sha256, seed, flush=True)  # noqa: T201


if __name__ == "__main__":
    write(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
