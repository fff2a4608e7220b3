"""Classes that a teacher typed for a model before there were images of them.

`<data>/models/<model>/classes.json`; the page writes it, the trainer reads the catch-all there.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from inference.atomic_files import replace_file
from inference.errors import explaining_files
from inference.versions.catalog import check_model_name

FILE = "classes.json"


@dataclass(frozen=True)
class PlannedClasses:
    """Classes in the order in which they were typed. `catch_all`: the one for everything else."""

    class_names: tuple[str, ...] = ()
    catch_all: str | None = None


def read_planned(data: Path, model: str) -> PlannedClasses:
    """Return the planned classes of a model, none where nothing was typed."""
    try:
        values = json.loads(_find(data, model).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return PlannedClasses()
    return PlannedClasses(tuple(values["class_names"]), values["catch_all"])


def write_planned(data: Path, model: str, planned: PlannedClasses) -> None:
    """Write the planned classes of a model, in one step.

    Raises: UserInputError where they cannot be written.
    """
    path = _find(data, model)
    with explaining_files(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, json.dumps(asdict(planned), ensure_ascii=False).encode())


def list_planned(data: Path) -> list[str]:
    """Return the models that have planned classes."""
    return sorted(path.parent.name for path in (data / "models").glob(f"*/{FILE}"))


def _find(data: Path, model: str) -> Path:
    return data / "models" / check_model_name(model) / FILE
