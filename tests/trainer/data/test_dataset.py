import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import labelling.images.fingerprints
from inference.errors import UserInputError
from tests.labelling.sample_files import encode, make_image, write_images
from trainer.data.dataset import (
    Dataset,
    LabelledImage,
    find_sources,
    halve_validation,
    read_dataset,
    read_names,
)

SHIPPED = Path(__file__).resolve().parents[3] / "trainer" / "corrections" / "hotdog_val.txt"
HOTDOG = SHIPPED.parents[3] / "shared" / "data" / "hotdog"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Ten images of each of two classes."""
    folder = tmp_path / "data"
    write_images(folder / "cat", range(10))
    write_images(folder / "dog", range(10, 20))
    return folder


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Dataset]:
    def read_into_run(*locations: Path, **options: float) -> Dataset:
        return read_dataset([str(path) for path in locations], folder=tmp_path / "run", **options)

    return read_into_run


def reasons(dataset: Dataset) -> dict[str, str]:
    return {entry.path: entry.reason for entry in dataset.left_out}


def test_every_image_of_class_folders_is_found(data: Path, read: Callable[..., Dataset]) -> None:
    dataset = read(data)
    assert dataset.class_names == ("cat", "dog")
    assert dataset.left_out == ()
    assert {p.path for p in dataset.images} == set(data.rglob("*.jpg"))
    for image in dataset.images:
        assert image.label == image.path.parent.name
        assert image.sha256 == hashlib.sha256(image.path.read_bytes()).hexdigest()
        assert image.group == image.sha256  # noise resembles nothing


def test_counts_and_select_agree(data: Path, read: Callable[..., Dataset]) -> None:
    dataset = read(data)
    counts = dataset.counts()
    assert list(counts) == ["train", "val", "test"]
    for label in ("cat", "dog"):
        assert counts["train"][label] + counts["val"][label] == 10
        assert counts["val"][label] >= 1
        assert counts["test"][label] == 0
    assert len(dataset.select("val")) == sum(counts["val"].values())


def test_given_splits_are_kept(tmp_path: Path, read: Callable[..., Dataset]) -> None:
    root = tmp_path / "data"
    start = 0
    for split, count in (("train", 6), ("validation", 3), ("test", 2)):
        for label in ("cat", "dog"):
            write_images(root / split / label, range(start, start + count))
            start += count
    assert read(root).counts() == {
        "train": {"cat": 6, "dog": 6},
        "val": {"cat": 3, "dog": 3},
        "test": {"cat": 2, "dog": 2},
    }


def test_val_is_split_off_only_where_a_class_has_none(
    tmp_path: Path, read: Callable[..., Dataset]
) -> None:
    write_images(tmp_path / "first" / "train" / "cat", range(40))
    write_images(tmp_path / "first" / "val" / "cat", range(40, 43))
    write_images(tmp_path / "second" / "dog", range(50, 90))
    counts = read(tmp_path / "first", tmp_path / "second", validation=0.3).counts()
    assert (counts["train"]["cat"], counts["val"]["cat"]) == (40, 3)
    assert 4 <= counts["val"]["dog"] <= 20


def test_locations_are_merged(data: Path, tmp_path: Path, read: Callable[..., Dataset]) -> None:
    write_images(tmp_path / "more" / "data" / "bird", range(30, 34))
    (tmp_path / "more" / "data" / "bird" / "note.txt").write_text("no picture")
    (data / "cat" / "note.txt").write_text("no picture")
    dataset = read(data, tmp_path / "more" / "data" / "bird" / "..")
    assert dataset.class_names == ("bird", "cat", "dog")
    assert len(dataset.images) == 24
    assert set(reasons(dataset)) == {"data/cat/note.txt", "data (2)/bird/note.txt"}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"not a picture", "not a picture"),
        (b"%PDF-1.4 and so on", "PDF"),
        (encode(make_image(99))[:-500], "cannot be read to its end"),
        (encode(make_image(99), "PPM"), "not a picture"),
        (bytes(20_000_001), "20 MB"),
    ],
    ids=["empty", "text", "pdf", "truncated", "format", "large"],
)
def test_odd_files_are_left_out_with_the_reason(
    data: Path, read: Callable[..., Dataset], content: bytes, reason: str
) -> None:
    (data / "cat" / "odd.jpg").write_bytes(content)
    dataset = read(data)
    assert len(dataset.images) == 20
    assert list(reasons(dataset)) == ["data/cat/odd.jpg"]
    assert reason in reasons(dataset)["data/cat/odd.jpg"]


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "CMYK", "I;16", "1"])
def test_images_of_every_mode_are_taken(
    data: Path, read: Callable[..., Dataset], mode: str
) -> None:
    suffix = "TIFF" if mode == "CMYK" else "PNG"
    image = make_image(99).convert("L") if mode == "I;16" else make_image(99)
    (data / "cat" / "odd").write_bytes(encode(image.convert(mode), suffix))
    assert len(read(data).images) == 21


def make_nothing(root: Path) -> None:
    pass


def make_no_folder(root: Path) -> None:
    root.mkdir()
    (root / "a.jpg").write_bytes(encode(make_image(1)))


def make_empty_class(root: Path) -> None:
    write_images(root / "cat", range(5))
    (root / "dog").mkdir()


def make_broken_class(root: Path) -> None:
    write_images(root / "cat", range(5))
    (root / "dog").mkdir()
    (root / "dog" / "a.jpg").write_bytes(b"not a picture")


def make_one_class(root: Path) -> None:
    write_images(root / "cat", range(5))


def make_no_image(root: Path) -> None:
    for label in ("cat", "dog"):
        (root / label).mkdir(parents=True)
        (root / label / "a.txt").write_text("not a picture")


def make_single_image(root: Path) -> None:
    write_images(root / "cat", range(5))
    write_images(root / "dog", range(5, 6))


def make_class_of_near_duplicates(root: Path) -> None:
    write_images(root / "cat", range(5))
    (root / "dog").mkdir()
    for quality in (70, 80, 90):
        content = encode(make_image(9), quality=quality)
        (root / "dog" / f"{quality}.jpg").write_bytes(content)


def make_class_without_train(root: Path) -> None:
    for label, seeds in (("cat", range(5)), ("dog", range(5, 10))):
        write_images(root / "train" / label, seeds)
    write_images(root / "test" / "bird", range(10, 15))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (make_nothing, "nothing at"),
        (make_no_folder, "no class folder"),
        (make_empty_class, "class dog has 0 pictures"),
        (make_broken_class, "Files left out: 1, such as data/dog/a.jpg: This file is not"),
        (make_one_class, "Only the class cat"),
        (make_no_image, "No picture could be used"),
        (make_single_image, "class dog has 1 pictures to train on and 0 others"),
        (make_class_of_near_duplicates, "class dog has 3 pictures to train on and 0 others"),
        (make_class_without_train, "class bird has 0 pictures"),
    ],
)
def test_too_few_images_are_refused(
    tmp_path: Path, read: Callable[..., Dataset], make: Callable[..., Any], words: str
) -> None:
    make(tmp_path / "data")
    with pytest.raises(UserInputError, match=words):
        read(tmp_path / "data")


@pytest.mark.parametrize("fraction", [0, 1, -0.1, float("nan")])
def test_a_fraction_that_leaves_a_side_empty_is_refused(
    data: Path, read: Callable[..., Dataset], fraction: float
) -> None:
    with pytest.raises(UserInputError, match="validate"):
        read(data, validation=fraction)


def test_the_same_image_twice_is_kept_once(data: Path, read: Callable[..., Dataset]) -> None:
    (data / "cat" / "z-copy.jpg").write_bytes((data / "cat" / "picture-3.jpg").read_bytes())
    dataset = read(data)
    assert len(dataset.images) == 20
    assert reasons(dataset) == {
        "data/cat/z-copy.jpg": "same picture as data/cat/picture-3.jpg",
    }


def test_an_image_with_two_labels_is_not_used(data: Path, read: Callable[..., Dataset]) -> None:
    (data / "dog" / "copy.jpg").write_bytes((data / "cat" / "picture-3.jpg").read_bytes())
    dataset = read(data)
    assert dataset.counts()["train"]["cat"] + dataset.counts()["val"]["cat"] == 9
    reason = "the same picture is labelled cat and dog"
    assert reasons(dataset) == {"data/cat/picture-3.jpg": reason, "data/dog/copy.jpg": reason}


def test_near_duplicates_of_test_images_are_left_out_of_train(
    tmp_path: Path, read: Callable[..., Dataset]
) -> None:
    root = tmp_path / "data"
    write_images(root / "train" / "cat", range(10))
    write_images(root / "train" / "dog", range(10, 20))
    write_images(root / "test" / "cat", range(20, 22))
    (root / "train" / "cat" / "again.png").write_bytes(encode(make_image(20, side=150), "PNG"))
    dataset = read(root)
    assert dataset.counts()["test"] == {"cat": 2, "dog": 0}
    assert reasons(dataset) == {
        "data/train/cat/again.png": (
            "near-duplicate of a test picture (data/test/cat/picture-20.jpg)"
        )
    }


def test_plain_images_are_not_near_duplicates(tmp_path: Path, read: Callable[..., Dataset]) -> None:
    for label, channel in (("red", 0), ("blue", 2)):
        (tmp_path / "data" / label).mkdir(parents=True)
        for shade in range(50, 250, 20):
            colour = [0, 0, 0]
            colour[channel] = shade
            image = encode(Image.new("RGB", (64, 64), tuple(colour)))
            (tmp_path / "data" / label / f"{shade}.jpg").write_bytes(image)
    assert len(read(tmp_path / "data").images) == 20


@pytest.mark.parametrize(("sources", "kept"), [(8, True), (9, False)])
def test_source_is_read_from_few_name_prefixes_only(
    data: Path, read: Callable[..., Dataset], sources: int, kept: bool
) -> None:
    for number, path in enumerate(sorted((data / "cat").iterdir())[:sources]):
        path.rename(path.with_name(f"source{number}_{path.name}"))
    path = data / "dog" / "picture-10.jpg"
    path.rename(path.with_name("no-source_10.jpg"))
    found = {image.source for image in read(data).images}
    assert found == ({""} | {f"source{i}" for i in range(sources)} if kept else {""})


@pytest.mark.parametrize(("count", "kept"), [(2000, True), (1999, False)])
def test_large_data_may_come_from_many_sources(count: int, kept: bool) -> None:
    found = find_sources([f"source{number % 20}_{number}.jpg" for number in range(count)])
    assert len(set(found)) == (20 if kept else 1)


def test_the_hash_is_of_contents_and_labels_not_of_names(
    data: Path, tmp_path: Path, read: Callable[..., Dataset]
) -> None:
    before = read(data).sha256
    (data / "cat" / "picture-3.jpg").rename(data / "cat" / "another name.jpg")
    assert read(data).sha256 == before
    (data / "cat" / "another name.jpg").rename(data / "dog" / "another name.jpg")
    assert read(data).sha256 != before


def test_a_restart_reads_only_what_changed(
    data: Path, read: Callable[..., Dataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = read(data)
    decoded = []

    def decode(content: bytes, min_side: int | None = None) -> object:
        decoded.append(content)
        return original(content, min_side=min_side)

    original = labelling.images.fingerprints.decode
    monkeypatch.setattr(labelling.images.fingerprints, "decode", decode)
    assert read(data) == first
    assert decoded == []
    changed = encode(make_image(77))
    (data / "cat" / "picture-3.jpg").write_bytes(changed)
    assert read(data) != first
    assert decoded == [changed]


def test_progress_counts_up_to_the_number_of_files(
    data: Path, read: Callable[..., Dataset]
) -> None:
    told = []
    read(data, progress=lambda done, total: told.append((done, total)))
    assert told == [(done, 20) for done in range(1, 21)]


HOTDOG = Path(__file__).parents[4] / "shared" / "data" / "hotdog"


@pytest.mark.shared
@pytest.mark.skipif(not HOTDOG.is_dir(), reason="../shared/data/hotdog is not here")
@pytest.mark.slow
def test_the_shipped_data_loses_nothing_and_validates_every_source(
    read: Callable[..., Dataset],
) -> None:
    dataset = read(HOTDOG)
    assert dataset.left_out == ()
    assert dataset.counts()["test"] == {"hot_dog": 314, "not_hot_dog": 468}
    assert len(dataset.images) == 11_299
    free = [p for p in dataset.images if p.split != "test"]
    assert Counter(p.label for p in free) == {"hot_dog": 4119, "not_hot_dog": 6398}
    groups = Counter((p.source, p.label) for p in free)
    large = {group for group, count in groups.items() if count >= 20}
    assert len(large) > 25
    assert large <= {(p.source, p.label) for p in dataset.select("val")}


def test_named_images_are_the_validation_images_without_their_near_duplicates(
    data: Path, read: Callable[..., Dataset], tmp_path: Path
) -> None:
    named = sorted(path.name for path in (data / "cat").iterdir())[:3]
    dog = sorted((data / "dog").iterdir())[0]
    with Image.open(dog) as image:
        image.save(data / "dog" / "again.jpg", quality=60)
    names = tmp_path / "names.txt"
    names.write_text("".join(f"cat/{name}\n" for name in named) + f"\ndog/{dog.name}")
    dataset = read(data, validation=names)
    assert sorted(p.path.name for p in dataset.select("val")) == sorted([*named, dog.name])
    assert "near-duplicate of a val picture" in reasons(dataset)["data/dog/again.jpg"]
    assert dataset.counts()["train"] == {"cat": 7, "dog": 9}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (b"cat/none.jpg\ndog/no.jpg", "2 cannot be read, are not among the pictures to train on"),
        (b"\n \n", "names no validation pictures"),
        (b"\xff", "cannot be read"),
    ],
)
def test_odd_names_get_one_sentence(
    data: Path, read: Callable[..., Dataset], tmp_path: Path, text: bytes, sentence: str
) -> None:
    names = tmp_path / "names.txt"
    names.write_bytes(text)
    with pytest.raises(UserInputError, match=sentence):
        read(data, validation=names)


def make_validation(count: int, groups: int, label: str = "cat") -> list[LabelledImage]:
    return [
        LabelledImage(Path(f"{n}.jpg"), label, "val", "", "", f"{label}{n % groups:064}")
        for n in range(count)
    ]


def test_half_of_the_groups_of_each_class_calibrates_and_the_other_chooses() -> None:
    images = make_validation(390, 130) + make_validation(40, 40, "dog")
    chooses, calibrates = halve_validation(images)
    assert all(one != other for one, other in zip(chooses, calibrates, strict=True))
    sides = Counter((i.label, kept) for i, kept in zip(images, calibrates, strict=True))
    assert sides == {("cat", True): 195, ("cat", False): 195, ("dog", True): 20, ("dog", False): 20}
    assert len({(i.group, kept) for i, kept in zip(images, calibrates, strict=True)}) == 170


def test_rendered_images_choose_and_do_not_calibrate() -> None:
    photos = make_validation(600, 600) + make_validation(200, 200, "dog")
    images = [
        replace(i, path=Path("rendered_1.jpg")) if n < 300 else i for n, i in enumerate(photos)
    ]
    chooses, calibrates = halve_validation(images)
    assert not any(calibrates[:300])
    assert sum(calibrates) + sum(chooses) + sum(halve_validation(photos)[1][:300]) == 800


@pytest.mark.parametrize(
    "images",
    [make_validation(399, 399), make_validation(500, 500) + make_validation(9, 1, "dog")],
    ids=["few", "one group of a class"],
)
def test_where_one_half_could_not_do_all_do_both(images: list[LabelledImage]) -> None:
    assert halve_validation(images) == ([True] * len(images), [True] * len(images))


@pytest.mark.parametrize(
    ("name", "source", "kind"),
    [
        ("jmne_french-fries_Fries-3-ab.jpg", "jmne", "french-fries"),
        ("food101_apple_pie_12.jpg", "food101", "apple-pie"),
        ("food101_12.jpg", "food101", ""),
        ("IMG_20240101_120000.jpg", "IMG", ""),
        ("a_cat_12.jpg", "", ""),
    ],
)
def test_kind_is_what_stands_between_source_and_number(name: str, source: str, kind: str) -> None:
    assert LabelledImage(Path(name), "cat", "val", source, "", "").kind == kind


@pytest.mark.shared
@pytest.mark.skipif(not HOTDOG.is_dir(), reason="../shared/data/hotdog is not here")
def test_shipped_names_are_of_images_that_are_there() -> None:
    names = {name for name in read_names(SHIPPED) if "/rendered_" not in name}
    assert len(names) > 1500
    assert not [name for name in names if not (HOTDOG / "train" / name).is_file()]
