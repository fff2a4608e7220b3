import zipfile
from pathlib import Path
from typing import Any

import datasets
import pytest
from datasets import ClassLabel, Dataset, Features, Image, Value

import trainer.data.hub
from inference.errors import UserInputError
from tests.labelling.sample_files import encode, make_image, write_images
from trainer.data.dataset import read_dataset
from trainer.data.hub import fetch_dataset, find_columns, name_folders, write_splits

FEATURES = Features(
    {"image": Image(), "label": ClassLabel(names=["cat", "dog"]), "text": Value("string")}
)


def make_rows(seeds: range, names: str = "food101_{}.jpg") -> Dataset:
    """Rows that hold their bytes, even seeds cats, odd ones dogs."""
    images = [{"bytes": encode(make_image(s)), "path": names.format(s)} for s in seeds]
    columns = {"image": images, "label": [s % 2 for s in seeds], "text": [""] * len(seeds)}
    return Dataset.from_dict(columns, features=FEATURES)


def list_files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("streaming", [False, True])
def test_rows_are_written_byte_for_byte(tmp_path: Path, streaming: bool) -> None:
    rows = make_rows(range(2))
    splits = {"train": rows.to_iterable_dataset() if streaming else rows}
    assert write_splits(splits, "owner/name", tmp_path) == {}
    assert list_files(tmp_path) == {
        "train/cat/food101_0-00000000.jpg",
        "train/dog/food101_1-00000001.jpg",
    }
    content = (tmp_path / "train" / "cat" / "food101_0-00000000.jpg").read_bytes()
    assert content == encode(make_image(0))


def test_splits_are_mapped_and_others_named(tmp_path: Path) -> None:
    names = ("train", "validation", "test", "extra")
    splits = {name: make_rows(range(2)) for name in names}
    left_out = write_splits(splits, "owner/name", tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"train", "val", "test"}
    assert left_out == {"hf://owner/name/extra": "neither train, validation nor test"}


def test_rows_without_image_or_label_are_counted(tmp_path: Path) -> None:
    rows = {
        "image": [{"bytes": encode(make_image(0)), "path": None}, None] * 2,
        "label": [0, 1, -1, None],
        "text": [""] * 4,
    }
    splits = {"train": Dataset.from_dict(rows, features=FEATURES)}
    left_out = write_splits(splits, "owner/name", tmp_path)
    assert left_out == {"hf://owner/name/train": "3 rows lack a picture or a label"}
    assert list_files(tmp_path) == {"train/cat/picture-00000000"}


@pytest.mark.parametrize("name", ["../../../evil.jpg", "/evil.jpg", ".evil", "a/..", "..\\evil"])
def test_names_of_rows_do_not_leave_the_folder(tmp_path: Path, name: str) -> None:
    write_splits({"train": make_rows(range(2), name)}, "owner/name", tmp_path / "target")
    files = list_files(tmp_path)
    assert len(files) == 2
    assert all(path.startswith(("target/train/cat/", "target/train/dog/")) for path in files)
    assert not any(Path(path).name.startswith(".") for path in files)


def load_image_folder(source: Path, cache: Path, *, streaming: bool) -> datasets.DatasetDict:
    return datasets.load_dataset(
        "imagefolder", data_dir=str(source), streaming=streaming, cache_dir=str(cache)
    )


@pytest.mark.parametrize("streaming", [False, True])
def test_an_image_folder_reads_like_the_folder(tmp_path: Path, streaming: bool) -> None:
    source = tmp_path / "source"
    write_images(source / "train" / "cat", range(3))
    write_images(source / "train" / "dog", range(3, 6))
    write_images(source / "test" / "cat", range(6, 8))
    write_images(source / "test" / "dog", range(8, 10))
    splits = load_image_folder(source, tmp_path / "cache", streaming=streaming)
    write_splits(splits, "owner/name", tmp_path / "target", origin=str(source))
    ours = read_dataset([str(tmp_path / "target")], folder=tmp_path / "run")
    assert ours.sha256 == read_dataset([str(source)], folder=tmp_path / "run").sha256
    assert ours.counts()["test"] == {"cat": 2, "dog": 2}


def test_images_inside_a_zip_are_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as archive:
        archive.writestr("train/cat/a.jpg", encode(make_image(1)))
    image = {"bytes": None, "path": f"zip://train/cat/a.jpg::{tmp_path}/data.zip"}
    rows = {"image": [image], "label": [0], "text": [""]}
    splits = {"train": Dataset.from_dict(rows, features=FEATURES)}
    write_splits(splits, "owner/name", tmp_path / "target", origin=str(tmp_path))
    written = tmp_path / "target" / "train" / "cat" / "a-00000000.jpg"
    assert written.read_bytes() == encode(make_image(1))


def test_a_row_cannot_name_files_of_this_machine(tmp_path: Path) -> None:
    secret = tmp_path / "secret.jpg"
    secret.write_bytes(encode(make_image(1)))
    for path in (str(secret), f"file://{secret}", f"file://{secret}::hf://datasets/owner/name"):
        rows = {"image": [{"bytes": None, "path": path}], "label": [0], "text": [""]}
        splits = {"train": Dataset.from_dict(rows, features=FEATURES)}
        with pytest.raises(UserInputError, match="not on the Hub"):
            write_splits(splits, "owner/name", tmp_path / "target")
    assert list_files(tmp_path) == {"secret.jpg"}


def test_too_many_bytes_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer.data.hub, "MAX_BYTES", len(encode(make_image(0))) + 10)
    with pytest.raises(UserInputError, match="GB of pictures"):
        write_splits({"train": make_rows(range(2))}, "owner/name", tmp_path)


@pytest.mark.parametrize("splits", [{}, {"test": None}])
def test_a_dataset_without_train_is_refused(tmp_path: Path, splits: dict[str, Any]) -> None:
    with pytest.raises(UserInputError, match="expected a train split"):
        write_splits(splits, "owner/name", tmp_path)


COLOURS = ClassLabel(names=["red", "blue"])


@pytest.mark.parametrize(
    ("features", "columns"),
    [
        ({"img": Image(), "fine": COLOURS, "text": Value("string")}, ("img", "fine")),
        ({"image": Image(), "mask": Image(), "label": COLOURS}, ("image", "label")),
        ({"image": Image(), "label": COLOURS, "coarse": COLOURS}, ("image", "label")),
    ],
)
def test_columns_are_found_by_their_types(
    features: dict[str, Any], columns: tuple[str, str]
) -> None:
    assert find_columns(features, "owner/name") == columns


@pytest.mark.parametrize(
    "features",
    [
        {},
        {"image": Image(), "label": Value("string")},
        {"label": COLOURS},
        {"left": Image(), "right": Image(), "label": COLOURS},
        {"image": Image(), "coarse": COLOURS, "fine": COLOURS},
    ],
)
def test_columns_that_are_not_clear_are_listed(features: dict[str, Any]) -> None:
    with pytest.raises(UserInputError, match="one of type ClassLabel") as caught:
        find_columns(features, "owner/name")
    assert all(f"{name} (" in str(caught.value) for name in features)


def test_folders_are_named_as_classes_where_they_can_be() -> None:
    names = ["hot dog", "n/a", "..", ".hidden", "a\\b", "été"]
    assert name_folders(names, "x") == ["hot dog", "n_a", "_.", "_hidden", "a_b", "été"]
    with pytest.raises(UserInputError, match="two classes"):
        name_folders(["a/b", "a_b"], "owner/name")


@pytest.mark.parametrize("location", ["hf://", "hf://a/b/c", "hf://../x", "hf://owner/na me"])
def test_what_names_no_dataset_is_refused(tmp_path: Path, location: str) -> None:
    with pytest.raises(UserInputError, match="hf://owner/name"):
        fetch_dataset(location, tmp_path)


@pytest.mark.parametrize(
    "error",
    [
        ConnectionError("Couldn't reach 'owner/name' on the Hub"),
        datasets.exceptions.DatasetNotFoundError("it doesn't exist"),
        ValueError("Config name is missing.\nPlease pick one"),
    ],
)
def test_an_unreachable_dataset_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def load_dataset(name: str, *, streaming: bool) -> None:
        assert (name, streaming) == ("owner/name", True)
        raise error

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    with pytest.raises(UserInputError, match=r"cannot be read from huggingface\.co") as caught:
        fetch_dataset("hf://owner/name", tmp_path)
    assert "\n" not in str(caught.value)
    assert list_files(tmp_path) == set()


def test_a_run_fetches_a_dataset_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def load_dataset(name: str, *, streaming: bool) -> dict[str, Dataset]:
        asked.append(name)
        return {"train": make_rows(range(10)), "extra": make_rows(range(1))}

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    first = read_dataset(["hf://owner/name"], folder=tmp_path)
    assert read_dataset(["hf://owner/name"], folder=tmp_path) == first
    assert asked == ["owner/name"]
    assert first.class_names == ("cat", "dog")
    assert {image.source for image in first.images} == {"food101"}
    assert [entry.path for entry in first.left_out] == ["hf://owner/name/extra"]
