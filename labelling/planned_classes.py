"""Classes that a teacher typed for a network before there were images of them.

`<data>/models/<model>/classes.json`; the page writes it, the trainer reads the catch-all there.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from inference.atomic_files import replace_file
from inference.versions.folders import check_model_name
from labelling.images.files import explaining_files

FILE = "classes.json"


@dataclass(frozen=True)
class Plan:
    """Classes in the order in which they were typed. `catch_all`: the one for everything else."""

    class_names: tuple[str, ...] = ()
    catch_all: str | None = None


def read_plan(data: Path, model: str) -> Plan:
    """Return what was typed for a network, nothing for one of which nothing was."""
    try:
        values = json.loads(_find(data, model).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Plan()
    return Plan(tuple(values["class_names"]), values["catch_all"])


def write_plan(data: Path, model: str, plan: Plan) -> None:
    """Write what was typed, whole or not at all.

    Raises: UserInputError where it cannot be written.
    """
    path = _find(data, model)
    with explaining_files(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, json.dumps(asdict(plan), ensure_ascii=False).encode())


def list_planned(data: Path) -> list[str]:
    """Return the networks for which something was typed."""
    return sorted(path.parent.name for path in (data / "models").glob(f"*/{FILE}"))


def _find(data: Path, model: str) -> Path:
    return data / "models" / check_model_name(model) / FILE
