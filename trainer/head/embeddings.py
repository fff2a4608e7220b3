"""Embeddings of stored images: read where they are stored, computed and stored where not."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from inference.classifier import find_min_side
from inference.images import decode
from inference.process import count_usable_cores
from labelling.store.entries import Entry
from labelling.store.store import Store
from labelling.training_log import Stage
from trainer.head.start import Start
from trainer.head.training_set import Stored
from trainer.jobs import Job

_BATCH = 256  # stored at a time, so that a kill loses little


def embed_stored(store: Store, entries: Sequence[Entry], start: Start, job: Job) -> Stored:
    """Return the images with their embeddings by the backbone of a version.

    Raises: CancelledError; UserInputError for an image that is not there any more.
    """
    names = sorted({entry.sha256 for entry in entries})
    known = store.read_embeddings(start.card.backbone_key, names)
    missing = [name for name in names if name not in known]
    for first in range(0, len(missing), _BATCH):
        some = missing[first : first + _BATCH]
        fresh = _compute(store, some, start, job, (first, len(missing)))
        store.put_embeddings(start.card.backbone_key, fresh)
        known |= fresh
    width = start.session.get_outputs()[2].shape[1]
    rows = [known[entry.sha256] for entry in entries]
    return Stored(tuple(entries), np.array(rows, dtype=np.float16).reshape(-1, width))


def _compute(
    store: Store, names: Sequence[str], start: Start, job: Job, progress: tuple[int, int]
) -> dict[str, NDArray[np.float16]]:
    """Compute some of the missing ones; `progress`: how many were done before, and are in all."""
    min_side = find_min_side(start.card.input)

    def compute(name: str) -> NDArray[np.float16]:
        image = decode(store.read_bytes(name), min_side)
        found: NDArray[np.float32] = start.session.run(["embedding"], {"image": image[None]})[0][0]
        return found.astype(np.float16)

    fresh = {}
    with ThreadPoolExecutor(count_usable_cores()) as pool:
        try:
            for name, row in zip(names, pool.map(compute, names), strict=True):
                fresh[name] = row
                job.stage(Stage.EMBEDDING, progress[0] + len(fresh), progress[1])
        finally:
            # A cancelled process that ends while a session still runs aborts: wait for it.
            pool.shutdown(cancel_futures=True)
    return fresh
