import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.errors import UserInputError
from inference.images import decode
from inference.versions.catalog import Catalog
from labelling.exchange.exporting import export_folder, name_folders
from labelling.exchange.importing import import_path
from labelling.exchange.items import ImportOptions
from labelling.exchange.projects import write_project
from labelling.store.entries import STATES, Entry, RecordedPrediction
from labelling.store.labels import MAX_LENGTH, check_label
from labelling.store.store import Store
from tests.labelling.sample_files import encode, make_image
from tests.labelling.stored import add_images
from tests.running import ROOT

ODD = (
    *("cat", "Cat", "hot dog", "café", "猫", "a:b?", "con", "test", "my-train-set", "val 2"),
    *(".hidden", "trailing.", "<b>", "👩\u200d🍳", "__MACOSX", "Thumbs.db", "[x]*", "null", "1.0"),
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "data") as opened:
        yield opened


def test_folders_hold_images_and_what_is_known(store: Store, tmp_path: Path) -> None:
    add_images(store, "cat", range(3))
    add_images(store, "dog", range(3, 5), model="pets")
    done = export_folder(store, tmp_path / "out" / "pictures", None)
    assert done.classes == {"cat": 3, "dog": 2}
    files = sorted(path.relative_to(done.folder).as_posix() for path in done.folder.rglob("*.*"))
    assert len(files) == 6
    assert [file.split("/")[0] for file in files] == ["cat"] * 3 + ["dog"] * 2 + ["metadata.jsonl"]
    assert decode((done.folder / files[0]).read_bytes()).shape == (96, 96, 3)


def test_a_model_s_images_include_those_for_every_model(store: Store, tmp_path: Path) -> None:
    add_images(store, "cat", range(3))
    add_images(store, "dog", range(1), model="pets")
    add_images(store, "cow", range(5, 6), model="farm")
    assert export_folder(store, tmp_path / "a", "pets").classes == {"cat": 2, "dog": 1}
    assert export_folder(store, tmp_path / "b", None).classes == {"cat": 3, "cow": 1, "dog": 1}


def test_states_are_asked_for(store: Store, tmp_path: Path) -> None:
    store.add(encode(make_image(1)), "cat", state="pending")
    with pytest.raises(UserInputError, match="no such labelled picture"):
        export_folder(store, tmp_path / "out", "")
    assert export_folder(store, tmp_path / "out", "", STATES).classes == {"cat": 1}


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="nothing can be held there")
@pytest.mark.parametrize("model", [None, "pets"])
def test_what_a_killed_export_left_is_swept_by_the_next(
    store: Store, tmp_path: Path, model: str | None
) -> None:
    add_images(store, "cat", range(3), model="pets")
    out = tmp_path / "out"
    out.mkdir()
    (out / ".staging-other").mkdir()  # of somebody else's
    for ending in ("a", "b"):
        command = [sys.executable, "-m", "tests.labelling.killed_export", store.data, out / ending]
        command += [model] if model else []
        done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
        assert done.returncode == -9, done.stderr.decode()
        assert len(list(out.iterdir())) == 2
    if model:
        write_project(store, Catalog(tmp_path / "exported", store.data), model, out / "c")
    else:
        export_folder(store, out / "c", None)
    assert sorted(path.name for path in out.iterdir()) == [".staging-other", "c"]


def test_a_full_folder_is_left_alone(store: Store, tmp_path: Path) -> None:
    add_images(store, "cat", range(1))
    (tmp_path / "out").mkdir()
    export_folder(store, tmp_path / "out", "")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UserInputError, match="not empty"):
        export_folder(store, tmp_path / "out", "")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserInputError):
        export_folder(store, tmp_path / "file", "")
    with pytest.raises(UserInputError, match="Nothing can be written"):
        export_folder(store, tmp_path / "file" / "out", "")
    assert sorted(tmp_path.rglob("*")) == sorted([*before, tmp_path / "file"])


def without_number(entries: list[Entry]) -> list[tuple[object, ...]]:
    return [
        (e.label, e.model, e.state, e.who, e.created, e.split, e.prediction, e.name)
        for e in sorted(entries, key=lambda entry: entry.created)
    ]


def test_everything_comes_back(store: Store, tmp_path: Path) -> None:
    for seed, label in enumerate(ODD):
        prediction = RecordedPrediction(label, 0.5, "pets", 1, "sure") if seed % 2 else None
        state = STATES[seed % 3]
        data = encode(make_image(seed))
        who, name = f"Ann {seed}", f"{seed}.jpg"
        store.add(data, label, state=state, who=who, prediction=prediction, name=name)
    add_images(store, "cat", range(2), model="pets")
    done = export_folder(store, tmp_path / "out", None, STATES)
    with Store(tmp_path / "other") as other:
        found = import_path(other, done.folder, ImportOptions())
        assert (found.added, found.left_out) == (len(ODD) + 2, {})
        entries, wanted = other.find(None, states=STATES), store.find(None, states=STATES)
        assert without_number(entries) == without_number(wanted)
        assert import_path(other, done.folder, ImportOptions()).existed == len(ODD) + 2
    assert import_path(store, done.folder, ImportOptions()).existed == len(ODD) + 2


def test_datasets_reads_the_labels(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed, label in enumerate(ODD):
        store.add(encode(make_image(seed)), label, name=f"{seed}.jpg")
    done = export_folder(store, tmp_path / "out", "")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    import datasets

    datasets.disable_progress_bars()
    read = datasets.load_dataset(
        "imagefolder", data_dir=str(done.folder), cache_dir=str(tmp_path / "cache")
    )
    assert list(read) == ["train"]
    rows = {row["name"]: row for row in read["train"]}
    assert {name: row["label"] for name, row in rows.items()} == {
        f"{seed}.jpg": label for seed, label in enumerate(ODD)
    }
    assert rows["0.jpg"]["image"].size == (96, 96)
    assert {row["state"] for row in rows.values()} == {"approved"}


def test_names_of_folders_are_safe() -> None:
    names = name_folders(ODD)
    assert names["hot dog"] == "hot dog"
    assert names["猫"] == "猫"
    assert {names["cat"].lower(), names["Cat"].lower()} == {"cat", "cat~2"}
    assert names["test"] == "test+"
    assert names["my-train-set"] == "my-train+-set"
    assert names["con"] == "con+"


labels = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=MAX_LENGTH)


@given(st.sets(labels, max_size=8))
def test_names_of_folders_are_different_on_every_system(texts: set[str]) -> None:
    wanted = set()
    for text in texts:
        try:
            wanted.add(check_label(text))
        except UserInputError:
            continue
    names = name_folders(wanted)
    assert set(names) == wanted
    assert len({os.path.normcase(name).casefold() for name in names.values()}) == len(wanted)
    for name in names.values():
        assert name == name.strip()
        assert not name.startswith((".", "__"))
        assert not name.endswith(".")
        assert not set('<>:"/\\|?*[]') & set(name)
