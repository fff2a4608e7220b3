"""One thread for linear algebra, where matrices are small.

Cores that share such work mostly wait for each other, all the more while others decode and a
network runs on its own threads.
"""

import os

# What is under NumPy and SciPy. Not MKL: PyTorch uses it too, and has large matrices.
_SETTINGS = ("OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "BLIS_NUM_THREADS")


def wait_asleep() -> None:
    """Let PyTorch's threads sleep while they wait for each other, unless told otherwise.

    They spin otherwise, on cores that could decode the next pictures or serve a page. Must be
    called before PyTorch is imported.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def keep_to_one_thread() -> None:
    """Tell the libraries under NumPy and SciPy, unless the environment says otherwise.

    Must be called before NumPy is imported.
    """
    for name in _SETTINGS:
        os.environ.setdefault(name, "1")
