"""Opens a store whose list of labels is damaged, and is killed at the n-th step that changes files.

python -m tests.labelling.killed_recovery DATA STEP
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any

from labelling.store.store import Store

STEPS = ("os.rename", "os.mkdir", "os.remove")


def open_store(data: Path, last: int) -> None:
    seen = 0

    def watch(event: str, _: tuple[Any, ...]) -> None:
        nonlocal seen
        if event in STEPS:
            seen += 1
            if seen == last:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
    Store(data).close()


if __name__ == "__main__":
    open_store(Path(sys.argv[1]), int(sys.argv[2]))
