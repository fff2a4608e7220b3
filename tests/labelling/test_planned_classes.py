from pathlib import Path

import pytest

from inference.errors import UserInputError
from labelling.planned_classes import Plan, list_planned, read_plan, write_plan


def test_plan_is_read_as_it_was_written(tmp_path: Path) -> None:
    plan = Plan(("cat", "dog", "neither"), "neither")
    write_plan(tmp_path, "pets", plan)
    assert read_plan(tmp_path, "pets") == plan
    assert list_planned(tmp_path) == ["pets"]
    assert [path.name for path in (tmp_path / "models" / "pets").iterdir()] == ["classes.json"]


def test_nothing_was_planned(tmp_path: Path) -> None:
    assert read_plan(tmp_path, "pets") == Plan()
    assert list_planned(tmp_path) == []


def test_names_that_climb_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserInputError, match="cannot name"):
        write_plan(tmp_path, "../pets", Plan())
