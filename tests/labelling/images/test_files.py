import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from inference.atomic_files import (
    DELETED,
    STAGING,
    UNFINISHED,
    ScratchFolder,
    replacing_file,
    staging_folder,
)
from inference.errors import StorageError, UserInputError
from labelling.images.encoding import hash_bytes
from labelling.images.files import ARRIVING, SCRATCH, SENDING, ImageFiles, sweep_scratch
from tests.running import ROOT

DATA = b"a picture"
SHA256 = hash_bytes(DATA)


def test_images_lie_under_their_hash(tmp_path: Path) -> None:
    files = ImageFiles(tmp_path / "pictures")
    files.write(SHA256, DATA)
    files.write(SHA256, DATA)
    assert files.path(SHA256) == tmp_path / "pictures" / SHA256[:2] / f"{SHA256}.jpg"
    assert files.read(SHA256) == DATA
    assert [path.name for path in files.path(SHA256).parent.iterdir()] == [f"{SHA256}.jpg"]


@pytest.mark.parametrize("name", ["", "../../secret", SHA256.upper(), f"{SHA256}/..", "ab" * 31])
def test_only_hashes_name_images(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserInputError, match="SHA-256"):
        ImageFiles(tmp_path).read(name)


def test_a_image_that_is_not_kept_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserInputError, match="not kept here"):
        ImageFiles(tmp_path).read(SHA256)


def test_a_full_disk_is_a_sentence_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    files = ImageFiles(tmp_path)
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StorageError, match="the disk is full"):
        files.write(SHA256, DATA)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "pictures").write_text("in the way")
    with pytest.raises(StorageError, match="Nothing can be written"):
        ImageFiles(tmp_path / "pictures").write(SHA256, DATA)


def test_sweeping_removes_what_no_row_names(tmp_path: Path) -> None:
    files = ImageFiles(tmp_path)
    kept = hash_bytes(b"kept")
    files.write(SHA256, DATA)
    files.write(kept, b"kept")
    folder = files.path(SHA256).parent
    for name in (".writing-old", ".writing-new", "note.txt"):
        (folder / name).write_bytes(b"")
    os.utime(folder / ".writing-old", (0, 0))
    assert files.sweep({kept}) == 1
    assert sorted(path.name for path in folder.iterdir()) == [".writing-new", "note.txt"]
    assert files.has(kept)


@pytest.mark.parametrize("prefix", [ARRIVING, SCRATCH, SENDING, UNFINISHED, STAGING])
def test_what_killed_processes_left_is_removed_and_what_is_held_stays(
    tmp_path: Path, prefix: str
) -> None:
    for name in (f"{prefix}folder", "models"):
        (tmp_path / name / "inner").mkdir(parents=True)
    (tmp_path / f"{prefix}file").write_bytes(b"PK")
    with ScratchFolder(tmp_path, prefix) as held, replacing_file(tmp_path / "file") as writing:
        sweep_scratch(tmp_path)
        left = {path.name for path in tmp_path.iterdir()}
        (unfinished,) = (path for path in tmp_path.glob(f"{UNFINISHED}*") if path.is_file())
        assert left == {Path(held).name, "models", unfinished.name}
        writing.write(b"whole")
    assert (tmp_path / "file").read_bytes() == b"whole"
    assert {path.name for path in tmp_path.iterdir()} == {"file", "models"}


@pytest.mark.parametrize("prefix", [STAGING, DELETED])
def test_versions_that_a_kill_left_half_written_or_half_deleted_are_removed(
    tmp_path: Path, prefix: str
) -> None:
    versions = tmp_path / "models" / "pets"
    for name in (f"{prefix}left", "4"):
        (versions / name / "report").mkdir(parents=True)
    with staging_folder(versions, prefix) as held:
        sweep_scratch(tmp_path)
        assert {path.name for path in versions.iterdir()} == {held.name, "4"}


def test_scratch_of_a_process_that_was_killed_is_removed_at_once(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys; from pathlib import Path; "
        "from inference.atomic_files import ScratchFolder; "
        "folder = ScratchFolder(Path(sys.argv[1]), '.taking-'); "
        "(Path(folder.name) / 'archive.zip').write_bytes(b'PK'); "
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], cwd=ROOT, check=False)
    assert len(list(tmp_path.glob(".taking-*/archive.zip"))) == 1
    sweep_scratch(tmp_path)
    assert not list(tmp_path.iterdir())


def test_an_image_of_which_half_was_written_is_removed(tmp_path: Path) -> None:
    files = ImageFiles(tmp_path / "pictures")
    files.write(SHA256, DATA)
    half = files.path(SHA256).with_name(f"{UNFINISHED}half")
    half.write_bytes(b"ha")
    sweep_scratch(tmp_path)
    assert not half.exists()
    assert files.read(SHA256) == DATA
