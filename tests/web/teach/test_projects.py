"""Zips of class folders in, and a model out of one installation and into another."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from labelling.exchange.exporting import export_folder
from labelling.exchange.importing import import_path
from labelling.exchange.items import ImportOptions
from labelling.store.store import Store
from tests.web.teach_page import MODEL, Visit, open_visit, paint


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
    return [
        path
        for path in visit.data.iterdir()
        if path.name.startswith((".taking", ".project", ".unpacked", ".arrived", ".writing"))
    ]


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
    assert all(entry.prediction for entry in entries)
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


def send_project(visit: Visit, content: bytes, model: str = "") -> list[dict[str, Any]]:
    response = visit.client.post("/teach/project", params={"model": model}, content=content)
    assert response.status_code == 200, response.text
    return [json.loads(line) for line in response.text.splitlines()]


def test_a_model_goes_home_and_goes_on_elsewhere(visit: Visit, tmp_path: Path) -> None:
    for seed in range(3):
        visit.add("red", paint("red", seed))
    response = visit.client.get("/teach/project", params={"model": MODEL})
    assert response.headers["content-disposition"] == f'attachment; filename="{MODEL}.zip"'
    assert not list_left(visit)
    with open_visit(tmp_path / "other") as other:
        taken = send_project(other, response.content)
        assert "The name colours is taken here" in taken[-1]["error"]
        assert not other.store.find(None)
        last = send_project(other, response.content, "more_colours")[-1]
        assert last["model"] == "more_colours"
        assert last["sentence"] == "More colours is here, with 3 labelled pictures and version 1."
        assert {e.sha256 for e in other.store.find("more_colours")} == {
            e.sha256 for e in visit.store.find(MODEL)
        }
        assert "more_colours" in other.get("state")["models"]
        assert other.get("state", model="more_colours")["version"] == 1
        assert not list_left(other)


def test_a_damaged_project_changes_nothing(visit: Visit, tmp_path: Path) -> None:
    visit.add("red", paint("red"))
    whole = visit.client.get("/teach/project", params={"model": MODEL}).content
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    files["labels.jsonl"] += b"\n"
    with open_visit(tmp_path / "other") as other:
        lines = send_project(other, make_zip(files), "mine")
        assert "was changed or damaged" in lines[-1]["error"]
        assert not other.store.find(None)
        (line,) = send_zip(other, whole, "colours.zip")
        assert "colours.zip is a project file" in line["error"]
        (line,) = send_project(other, make_zip({"red/1.png": paint("red")}))[1:]
        assert "is not a project file" in line["error"]


def test_a_model_that_is_not_there_has_no_project(visit: Visit) -> None:
    response = visit.client.get("/teach/project", params={"model": "x"})
    assert response.status_code == 400
    assert not list_left(visit)


def zip_folder(folder: Path) -> bytes:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return make_zip(
        {path.relative_to(folder.parent).as_posix(): path.read_bytes() for path in files}
    )


def export(tmp_path: Path, model: str, states: dict[str, str], label: str) -> Path:
    """Export pictures of a class from another installation; `states`: colour → state."""
    with Store(tmp_path / "origin") as store:
        for seed, (colour, state) in enumerate(states.items()):
            store.add(paint(colour, seed), label, model=model, state=state, who="Ann", name="b.png")
        export_folder(store, tmp_path / "out", model, ("pending", "approved", "rejected"))
    return tmp_path / "out"


def test_our_own_export_comes_back_as_it_was(visit: Visit, tmp_path: Path) -> None:
    folder = export(tmp_path, "other", {"red": "approved", "green": "approved"}, "train")
    assert (folder / "train+").is_dir()
    lines = send_zip(visit, zip_folder(folder))
    assert lines[0] == {"total": 2}
    assert all(not line["existed"] for line in lines[1:])
    entries = visit.store.find(None)
    assert {(entry.label, entry.model, entry.name) for entry in entries} == {
        ("train", MODEL, "b.png")
    }
    assert "Ann" not in {entry.who for entry in entries}  # a zip names nobody as its sender
    assert all(entry.prediction for entry in entries)
    assert len(visit.store.read_embeddings("a" * 64, [entry.sha256 for entry in entries])) == 2


def test_the_page_takes_of_a_folder_what_the_command_takes(visit: Visit, tmp_path: Path) -> None:
    folder = export(tmp_path, MODEL, {"red": "approved", "green": "approved"}, "train")
    (folder / "red").mkdir()
    (folder / "red" / "1.png").write_bytes(paint("blue_berry", 5))
    (folder / "train+" / "copy.png").write_bytes(paint("blue_berry", 5))
    (folder / "red" / "broken.png").write_bytes(b"no picture")
    lines = send_zip(visit, zip_folder(folder), "out")
    with Store(tmp_path / "third") as store:
        imported = import_path(store, folder, ImportOptions(model=MODEL))
        assert {e.label for e in visit.store.find(MODEL)} == {e.label for e in store.find(MODEL)}
    refused = {line.get("left_out") or line["name"] for line in lines if "error" in line}
    assert {name.removeprefix("out/out/") for name in refused} == {
        name.removeprefix("out/") for name in imported.left_out
    }
    assert sum("labelled red and train+" in line.get("error", "") for line in lines) == 2


def test_what_nobody_approved_is_left_out(visit: Visit, tmp_path: Path) -> None:
    states = {"red": "rejected", "green": "pending", "blue_berry": "approved"}
    lines = send_zip(visit, zip_folder(export(tmp_path, MODEL, states, "red")))
    assert lines[0] == {"total": 1}
    reasons = sorted(line["error"] for line in lines if "left_out" in line)
    assert [reason.split(" in ")[0] for reason in reasons] == ["it is pending", "it is rejected"]
    (entry,) = visit.store.find(None, states=("pending", "approved", "rejected"))
    assert entry.state == "approved"


@pytest.mark.parametrize("asked", ["bytes=5-1", "bytes=99999999-", "bytes=0-1", "nonsense"])
def test_a_project_is_sent_whole_whatever_range_is_asked_for(visit: Visit, asked: str) -> None:
    visit.add("red", paint("red"))
    response = visit.client.get("/teach/project", params={"model": MODEL}, headers={"Range": asked})
    assert response.status_code == 200
    assert int(response.headers["content-length"]) == len(response.content)
    assert zipfile.ZipFile(io.BytesIO(response.content)).testzip() is None
    assert not list_left(visit)


def test_a_project_that_fails_leaves_nothing(visit: Visit) -> None:
    visit.add("red", paint("red"))
    visit.store.path(visit.store.find(MODEL)[0].sha256).unlink()
    response = visit.client.get("/teach/project", params={"model": MODEL})
    assert response.status_code == 400
    assert "is not kept here" in response.json()["error"]
    assert not list_left(visit)
