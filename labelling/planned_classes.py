"""Classes that a teacher typed for a model before there were images of them.

`<data>/models/<model>/classes.json`; the page writes it, the trainer reads the catch-all there.
"""

import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from inference.atomic_files import replace_file
from inference.errors import explaining_files
from inference.versions.catalog import check_model_name

FILE = "classes.json"


@dataclass(frozen=True)
class PlannedClasses:
    """Classes in the order in which they were typed. `catch_all`: the one for everything else."""

    class_names: tuple[str, ...] = ()
    catch_all: str | None = None


_FILE = TypeAdapter(PlannedClasses)


def read_planned(data: Path, model: str) -> PlannedClasses:
    """Return the planned classes of a model; none without a file, or of a damaged one."""
    path = _find(data, model)
    try:
        return _FILE.validate_json(path.read_bytes())
    except FileNotFoundError:
        return PlannedClasses()
    except (ValidationError, OSError) as error:
        logging.getLogger(__name__).error("%s is damaged; what was typed is lost: %s", path, error)
        return PlannedClasses()


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
