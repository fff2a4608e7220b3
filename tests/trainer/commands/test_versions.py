import json
import subprocess
import sys
from pathlib import Path

import pytest

from inference.errors import UserInputError
from inference.versions.catalog import Catalog
from labelling.audit_log import read_acts
from tests.inference.tiny_versions import write_version
from trainer.commands.versions import describe_rows, list_rows, put_into_use

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    write_version(tmp_path / "exported" / "colours" / "1")
    write_version(tmp_path / "data" / "models" / "colours" / "2", version=2)
    return Catalog(tmp_path / "exported", tmp_path / "data")


def test_rows_say_what_is_in_use(catalog: Catalog) -> None:
    rows = list_rows(catalog, "colours")
    assert [(r.version, r.custom, r.in_use) for r in rows] == [
        (1, False, True),
        (2, True, False),
    ]
    assert describe_rows(rows).splitlines()[0].startswith("*   1  2026-01-01T00:00  shipped, full")


@pytest.mark.parametrize("name", ["model.json", "model.onnx"])
def test_damaged_version_is_a_row_that_says_so(catalog: Catalog, name: str) -> None:
    (catalog.find("colours", 2) / name).write_bytes(b"{}")
    whole, damaged = list_rows(catalog, "colours")
    assert whole.fault is None
    assert damaged.fault
    assert describe_rows([damaged]) == f"    2  cannot be opened: {damaged.fault}"
    with pytest.raises(UserInputError, match="model"):
        put_into_use(catalog, "colours", "2")


def test_any_version_can_be_put_into_use_and_back(catalog: Catalog) -> None:
    assert put_into_use(catalog, "colours", "2") == 2
    assert catalog.read_current("colours") == 2
    assert put_into_use(catalog, "colours", "shipped") == 1
    assert catalog.read_current("colours") == 1
    assert catalog.data is not None
    assert [f"{act.who} {act.describe()}" for act in read_acts(catalog.data)] == [
        "command line put the shipped version 1 of colours back",
        "command line published colours version 2",
    ]


@pytest.mark.parametrize("version", ["9", "newest", "-1", "²", ""])
def test_what_is_no_version_is_refused(catalog: Catalog, version: str) -> None:
    with pytest.raises(UserInputError, match="version"):
        put_into_use(catalog, "colours", version)
    assert catalog.read_current("colours") == 1


def test_commands_list_and_publish(catalog: Catalog) -> None:
    folders = [f"--data={catalog.data}", f"--exported={catalog.exported}", "--model=colours"]

    def run(*arguments: str) -> str:
        command = [sys.executable, "-m", "trainer", *arguments, *folders]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        return done.stdout

    assert run("publish", "2") == "colours version 2 is in use.\n"
    rows = json.loads(run("versions", "--json"))["versions"]
    assert [row["in_use"] for row in rows] == [False, True]
