"""Zips of class folders in, and everything out of one installation and into another."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

from tests.web.classrooms import MODEL, Visit, open_visit, paint


def make_zip(files: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()


def send_zip(visit: Visit, content: bytes, name: str = "a.zip") -> list[dict[str, Any]]:
    values = {"model": MODEL, "name": name}
    response = visit.client.post("/teach/zip", params=values, content=content)
    assert response.status_code == 200, response.text
    return [json.loads(line) for line in response.text.splitlines()]


def list_left(visit: Visit) -> list[Path]:
    """Return what a call left behind in the data folder."""
    return [path for path in visit.data.iterdir() if path.name.startswith((".taking", ".bundle"))]


def test_class_folders_are_added_and_each_is_told(visit: Visit) -> None:
    files = {
        "red/1.png": paint("red"),
        "red/2.png": paint("red", 1),
        "yellow/notes.txt": b"not a picture",
        "readme.txt": b"hello",
    }
    lines = send_zip(visit, make_zip(files))
    assert lines[0] == {"total": 3}
    assert lines[1]["left_out"] == "a.zip/readme.txt"
    assert [line["name"] for line in lines[2:]] == [
        *("a.zip/red/1.png", "a.zip/red/2.png", "a.zip/yellow/notes.txt")
    ]
    assert "is not a picture" in lines[-1]["error"]
    entries = visit.store.find(MODEL)
    assert sorted(entry.name for entry in entries) == ["1.png", "2.png"]
    assert all(entry.answer for entry in entries)
    assert len(visit.store.read_embeddings("a" * 64, [entry.sha256 for entry in entries])) == 2
    assert all(line["existed"] for line in send_zip(visit, make_zip(files))[2:4])
    assert not list_left(visit)


def test_what_is_no_zip_or_no_safe_one_is_a_last_line(visit: Visit) -> None:
    for content, words in (
        (b"hello", "is not a zip archive"),
        (make_zip({"../red/1.png": paint("red")}), "leads out of the archive"),
        (make_zip({"1.png": paint("red")}), "holds no class folder"),
        (b"", "is not a zip archive"),
    ):
        (line,) = send_zip(visit, content)
        assert words in line["error"]
        assert not list_left(visit)
    assert not visit.store.find(MODEL)


def test_everything_goes_home_and_goes_on_elsewhere(visit: Visit, tmp_path: Path) -> None:
    for seed in range(3):
        visit.add("red", paint("red", seed))
    response = visit.client.get("/teach/bundle")
    assert response.headers["content-disposition"] == 'attachment; filename="taught-here.zip"'
    assert not list_left(visit)
    with open_visit(tmp_path / "other") as other:
        lines = send_zip(other, response.content, "taught-here.zip")
        assert lines[-1]["sentence"].startswith("3 labelled pictures were added, 0 were here.")
        assert {e.sha256 for e in other.store.find(MODEL)} == {
            e.sha256 for e in visit.store.find(MODEL)
        }
        assert not list_left(other)


def test_damaged_bundle_changes_nothing(visit: Visit, tmp_path: Path) -> None:
    visit.add("red", paint("red"))
    whole = visit.client.get("/teach/bundle").content
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    files["labels.jsonl"] += b"\n"
    with open_visit(tmp_path / "other") as other:
        lines = send_zip(other, make_zip(files))
        assert "was changed or damaged" in lines[-1]["error"]
        assert not other.store.find(MODEL)
