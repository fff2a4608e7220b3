import os
import subprocess
import sys
from pathlib import Path

import pytest

from inference.atomic_files import (
    STAGING,
    UNFINISHED,
    replace_file,
    replacing_file,
    staging_folder,
)
from tests.running import ROOT

KILLED = """
import os, signal, sys
from pathlib import Path
from inference.atomic_files import replacing_file
with replacing_file(Path(sys.argv[1])) as file:
    file.write(b"new")
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_file_is_made_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for data in (b"old", b"new"):
        replace_file(path, data)
        assert path.read_bytes() == data
    assert [found.name for found in tmp_path.iterdir()] == ["file"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_permissions_are_those_that_are_given(tmp_path: Path) -> None:
    replace_file(tmp_path / "mine", b"")
    replace_file(tmp_path / "ours", b"", 0o644)
    modes = [(tmp_path / name).stat().st_mode & 0o777 for name in ("mine", "ours")]
    assert modes == [0o600, 0o644]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_kill_before_the_rename_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    replace_file(path, b"old")
    done = subprocess.run([sys.executable, "-c", KILLED, str(path)], cwd=ROOT, check=False)
    assert done.returncode == -9
    assert path.read_bytes() == b"old"
    (left,) = (found for found in tmp_path.iterdir() if found != path)
    assert left.name.startswith(UNFINISHED)


def test_a_disk_that_fails_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    replace_file(path, b"old")

    def fail(_: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="Input/output error"):
        replace_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert [found.name for found in tmp_path.iterdir()] == ["file"]


def test_a_block_that_raises_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    replace_file(path, b"old")
    with pytest.raises(KeyError), replacing_file(path) as file:
        file.write(b"new")
        raise KeyError
    assert path.read_bytes() == b"old"
    assert [found.name for found in tmp_path.iterdir()] == ["file"]


def test_a_folder_is_kept_where_it_was_renamed(tmp_path: Path) -> None:
    parent = tmp_path / "parent"
    with staging_folder(parent) as folder:
        assert folder.name.startswith(STAGING)
        (folder / "file").write_text("x")
        folder.rename(parent / "kept")
    with staging_folder(parent) as folder:
        (folder / "file").write_text("x")
    with pytest.raises(KeyError), staging_folder(parent):
        raise KeyError
    assert [found.name for found in parent.iterdir()] == ["kept"]
