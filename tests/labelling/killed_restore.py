"""Restores a project and is killed just before it renames something to a path that ends so.

python -m tests.labelling.killed_restore DATA FILE ENDING
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any

from inference.versions.catalog import Catalog
from labelling.exchange.projects import restore_project
from labelling.store.store import Store


def restore(data: Path, file: Path, pattern: str) -> None:
    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "os.rename" and Path(os.fsdecode(arguments[1])).match(pattern):
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
    with Store(data) as store:
        restore_project(store, Catalog(data.parent / "exported", data), file)


if __name__ == "__main__":
    restore(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
