"""One thread for linear algebra, where matrices are small.

Two cores that share such work mostly wait for each other: the quick retrain took 8.3 s of
processor time on two threads and 3.9 s on one. Must be called before NumPy is imported.
"""

import os

_SETTINGS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def keep_to_one_thread() -> None:
    """Tell the libraries under NumPy and SciPy, unless the environment says otherwise."""
    for name in _SETTINGS:
        os.environ.setdefault(name, "1")
