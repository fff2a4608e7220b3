from pathlib import Path

import pytest

from inference.errors import UserInputError
from labelling.planned_classes import PlannedClasses, list_planned, read_planned, write_planned


def test_plan_is_read_as_it_was_written(tmp_path: Path) -> None:
    plan = PlannedClasses(("cat", "dog", "neither"), "neither")
    write_planned(tmp_path, "pets", plan)
    assert read_planned(tmp_path, "pets") == plan
    assert list_planned(tmp_path) == ["pets"]
    assert [path.name for path in (tmp_path / "models" / "pets").iterdir()] == ["classes.json"]


def test_nothing_was_planned(tmp_path: Path) -> None:
    assert read_planned(tmp_path, "pets") == PlannedClasses()
    assert list_planned(tmp_path) == []


def test_names_that_climb_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserInputError, match="cannot name"):
        write_planned(tmp_path, "../pets", PlannedClasses())


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff", b"[]", b"3", b'{"class_names": 3}', b'{"class_names": [1, {}]}']
)
def test_plan_that_was_damaged_is_none_and_can_be_made_again(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    write_planned(tmp_path, "pets", PlannedClasses(("cat", "dog")))
    (tmp_path / "models" / "pets" / "classes.json").write_bytes(content)
    assert read_planned(tmp_path, "pets") == PlannedClasses()
    assert "classes.json is damaged" in caplog.text
    write_planned(tmp_path, "pets", PlannedClasses(("cat", "dog")))
    assert read_planned(tmp_path, "pets") == PlannedClasses(("cat", "dog"))
