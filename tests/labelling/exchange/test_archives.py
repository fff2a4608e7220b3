import shutil
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from inference.errors import UserInputError
from labelling.exchange.archives import MAX_DEPTH, Limits, is_finished, replacing, unpack_archive
from tests.labelling.sample_files import encode, make_image, write_images
from trainer.data.dataset import read_dataset


def make_zip(path: Path, entries: dict[str, bytes], mode: int = 0) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = mode << 16
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return path


def list_files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("top", ["", "top/"])
def test_a_zip_reads_like_its_folder(tmp_path: Path, top: str) -> None:
    folder = tmp_path / "data"
    paths = write_images(folder / "cat", range(6)) + write_images(folder / "dog", range(6, 12))
    entries = {f"{top}{path.relative_to(folder)}": path.read_bytes() for path in paths}
    archive = make_zip(tmp_path / "data.zip", entries | {"__MACOSX/cat/._1.jpg": b"fork"})
    from_zip = read_dataset([str(archive)], folder=tmp_path / "run")
    from_folder = read_dataset([str(folder)], folder=tmp_path / "run")
    assert from_zip.sha256 == from_folder.sha256
    assert len(from_zip.images) == 12
    assert from_zip.left_out == ()


def test_what_is_left_out_is_named_after_the_zip(tmp_path: Path) -> None:
    entries = {f"cat/{i}.jpg": encode(make_image(i)) for i in range(3)}
    entries |= {f"dog/{i}.jpg": encode(make_image(i)) for i in range(3, 6)}
    archive = make_zip(tmp_path / "data.zip", entries | {"cat/note.txt": b"no picture"})
    (entry,) = read_dataset([str(archive)], folder=tmp_path / "run").left_out
    assert entry.path == "data.zip/cat/note.txt"


@pytest.mark.parametrize(
    "name",
    ["../evil.jpg", "cat/../../evil.jpg", "/evil.jpg", "C:/evil.jpg", "..\\evil.jpg", "\\evil.jpg"],
)
def test_climbing_paths_are_refused(tmp_path: Path, name: str) -> None:
    archive = make_zip(tmp_path / "data.zip", {"cat/1.jpg": b"1", name: b"evil"})
    with pytest.raises(UserInputError, match="leads out of the archive"):
        unpack_archive(archive, tmp_path)
    assert list_files(tmp_path) == {"data.zip"}


def test_links_are_refused(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "data.zip", {"cat": b"/etc"}, stat.S_IFLNK | 0o777)
    with pytest.raises(UserInputError, match="a link or device"):
        unpack_archive(archive, tmp_path)
    assert list_files(tmp_path) == {"data.zip"}


def test_too_many_entries_are_refused(tmp_path: Path) -> None:
    limits = Limits(entries=3)
    three = make_zip(tmp_path / "three.zip", {f"cat/{i}": b"1" for i in range(3)})
    four = make_zip(tmp_path / "four.zip", {f"cat/{i}": b"1" for i in range(4)})
    assert len(list_files(unpack_archive(three, tmp_path, limits))) == 3
    with pytest.raises(UserInputError, match="holds 4 files"):
        unpack_archive(four, tmp_path, limits)


def test_an_archive_over_the_limit_is_refused(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "data.zip", {"cat/1": bytes(1001)})
    with pytest.raises(UserInputError, match="at most"):
        unpack_archive(archive, tmp_path, Limits(unpacked=1000))
    assert list_files(tmp_path) == {"data.zip"}


def test_an_archive_larger_than_the_free_space_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = make_zip(tmp_path / "data.zip", {"cat/1": bytes(1001)})
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(UserInputError, match="Make room"):
        unpack_archive(archive, tmp_path)
    assert list_files(tmp_path) == {"data.zip"}


def test_a_bomb_is_refused(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "data.zip", {"cat/1.bmp": bytes(101_000_000)})
    with pytest.raises(UserInputError, match="times its size"):
        unpack_archive(archive, tmp_path)
    assert list_files(tmp_path) == {"data.zip"}


def test_a_password_is_refused(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "data.zip", {"cat/1": b"1"})
    content = bytearray(archive.read_bytes())
    struct.pack_into("<H", content, content.index(b"PK\x01\x02") + 8, 1)
    archive.write_bytes(content)
    with pytest.raises(UserInputError, match="password"):
        unpack_archive(archive, tmp_path)


def break_contents(content: bytearray) -> bytearray:
    content[60:80] = bytes(20)
    return content


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda content: content[:-30], "not a zip"),
        (lambda _: b"\xff\xd8\xff\xe0 a picture", "not a zip"),
        (lambda _: b"", "not a zip"),
        (break_contents, "broken zip"),
    ],
    ids=["truncated", "picture", "empty", "broken"],
)
def test_what_is_not_a_whole_zip_is_refused(
    tmp_path: Path, make: Callable[..., Any], words: str
) -> None:
    archive = make_zip(tmp_path / "data.zip", {"cat/1": encode(make_image(1))})
    archive.write_bytes(make(bytearray(archive.read_bytes())))
    with pytest.raises(UserInputError, match=words):
        unpack_archive(archive, tmp_path)
    assert list_files(tmp_path) == {"data.zip"}


def test_a_name_that_is_file_and_folder_is_refused(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "data.zip", {"cat": b"1", "cat/1": b"1"})
    with pytest.raises(UserInputError, match="cannot be unpacked"):
        unpack_archive(archive, tmp_path)
    assert list_files(tmp_path) == {"data.zip"}


def test_an_archive_is_unpacked_again_only_if_it_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = make_zip(tmp_path / "data.zip", {"cat/1": b"1", "cat/2": b"2"})
    folder = unpack_archive(archive, tmp_path)
    (folder / "cat" / "1").write_bytes(b"touched")
    assert unpack_archive(archive, tmp_path) == folder
    assert (folder / "cat" / "1").read_bytes() == b"touched"
    make_zip(archive, {"cat/1": b"longer"})
    assert unpack_archive(archive, tmp_path) == folder
    assert list_files(folder) == {"cat/1"}
    assert (folder / "cat" / "1").read_bytes() == b"longer"


def test_a_kill_while_replacing_leaves_nothing_that_looks_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(_: Path, target: Path) -> None:
        raise KeyboardInterrupt

    target = tmp_path / "target"
    with replacing(target, {"version": 1}) as fresh:
        (fresh / "a").touch()
    assert is_finished(target, {"version": 1})
    monkeypatch.setattr(Path, "rename", stop)
    with pytest.raises(KeyboardInterrupt), replacing(target, {"version": 2}):
        pass
    assert not is_finished(target, {"version": 1})
    assert not is_finished(target, {"version": 2})


def test_deep_paths_are_refused(tmp_path: Path) -> None:
    most = "a/" * MAX_DEPTH
    unpack_archive(make_zip(tmp_path / "most.zip", {f"{most}1.jpg": b"1"}), tmp_path)
    for name in (f"a/{most}1.jpg", "a/" * 1500 + "1.jpg", "a/" * 1500):
        archive = make_zip(tmp_path / "data.zip", {name: b"" if name.endswith("/") else b"1"})
        with pytest.raises(UserInputError, match="which lies in more than 50 folders") as caught:
            unpack_archive(archive, tmp_path)
        assert len(str(caught.value)) < 400
