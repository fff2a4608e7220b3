"""Exports all labels, or a model's project, and is killed when the second image is written.

python -m tests.labelling.killed_export DATA TARGET [MODEL]
"""

import os
import signal
import sys
from pathlib import Path

from inference.versions.catalog import Catalog
from labelling.exchange.exporting import export_folder
from labelling.exchange.projects import write_project
from labelling.store.store import Store


def export(data: Path, target: Path, model: str | None) -> None:
    def watch(done: int, _: int) -> None:
        if done == 2:
            os.kill(os.getpid(), signal.SIGKILL)

    with Store(data) as store:
        if model is None:
            export_folder(store, target, None, progress=watch)
        else:
            write_project(store, Catalog(data / "exported", data), model, target, watch)


if __name__ == "__main__":
    export(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else None)
