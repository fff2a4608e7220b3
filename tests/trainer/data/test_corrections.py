from pathlib import Path

import pytest

from inference.errors import UserInputError
from labelling.exchange.folders import ClassFile
from tests.trainer.drawn import CLASSES, write_classes
from trainer.data.corrections import correct, read_corrections
from trainer.data.dataset import read_dataset
from trainer.data.deduplication import Candidate

ROOT = Path(__file__).resolve().parents[3]
SHIPPED = ROOT / "trainer" / "corrections" / "hotdog.csv"
HOTDOG = ROOT.parent / "shared" / "data" / "hotdog"


def _write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(("file,label,becomes,why", *lines)) + "\n")
    return path


def _candidate(name: str, label: str, split: str = "train") -> Candidate:
    found = ClassFile(Path(name), f"shown/{name}", label, split)
    return Candidate(found, fingerprint=None, split=split)  # type: ignore[arg-type]


def test_labels_are_corrected_and_unclear_images_left_out(tmp_path: Path) -> None:
    table = _write(tmp_path / "c.csv", "a.jpg,cat,dog,a dog", "b.jpg,cat,,a box")
    candidates = [
        _candidate("a.jpg", "cat"),
        _candidate("b.jpg", "cat"),
        _candidate("c.jpg", "dog"),
    ]
    left_out: dict[str, str] = {}
    kept, count = correct(candidates, read_corrections(table), left_out)
    assert count == 2
    assert [(c.file.path.name, c.file.label) for c in kept] == [
        ("a.jpg", "dog"),
        ("c.jpg", "dog"),
    ]
    assert left_out == {"shown/b.jpg": "the right label is not clear: a box"}


def test_test_images_keep_their_labels(tmp_path: Path) -> None:
    table = _write(tmp_path / "c.csv", "a.jpg,cat,dog,a dog")
    candidates = [_candidate("a.jpg", "cat", "test"), _candidate("c.jpg", "dog")]
    assert correct(candidates, read_corrections(table), {}) == (candidates, 0)
    [validated, _], count = correct(
        [_candidate("a.jpg", "cat", "val"), _candidate("c.jpg", "dog")], read_corrections(table), {}
    )
    assert (validated.file.label, validated.split, count) == ("dog", "val", 1)


def test_correction_of_another_label_does_nothing(tmp_path: Path) -> None:
    table = _write(tmp_path / "c.csv", "a.jpg,dog,cat,a cat")
    candidates = [_candidate("a.jpg", "cat"), _candidate("c.jpg", "dog")]
    assert correct(candidates, read_corrections(table), {}) == (candidates, 0)


def test_name_that_several_images_have_is_refused(tmp_path: Path) -> None:
    table = _write(tmp_path / "c.csv", "a.jpg,cat,dog,a dog")
    candidates = [_candidate("one/a.jpg", "cat"), _candidate("two/a.jpg", "cat")]
    candidates.append(_candidate("c.jpg", "dog"))
    with pytest.raises(UserInputError, match="Several pictures labelled cat"):
        correct(candidates, read_corrections(table), {})


def test_unknown_class_is_refused(tmp_path: Path) -> None:
    table = _write(tmp_path / "c.csv", "a.jpg,cat,cow,a cow")
    with pytest.raises(UserInputError, match="'cow', which is not among the classes cat"):
        correct([_candidate("a.jpg", "cat")], read_corrections(table), {})


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "found nothing"),
        ("file,label\na,b\n", "found file,label"),
        ("file,label,becomes,why\na,b\n", "in each line"),
        ("file,label,becomes,why\na,b,c,d\na,b,,e\n", "name a twice"),
    ],
)
def test_odd_file_gets_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "c.csv"
    path.write_text(text)
    with pytest.raises(UserInputError, match=sentence):
        read_corrections(path)


def test_missing_file_gets_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserInputError, match="cannot be read"):
        read_corrections(tmp_path / "none.csv")


def test_dataset_applies_them_after_the_split(tmp_path: Path) -> None:
    data = write_classes(tmp_path / "data", 20)
    before = read_dataset([str(data)], folder=tmp_path / "one")
    names = {split: [p.path.name for p in before.select(split)] for split in ("train", "val")}
    discs = [p.path.name for p in before.select("train") if p.label == CLASSES[0]]
    table = _write(tmp_path / "c.csv", f"{discs[0]},{CLASSES[0]},,blurred")
    after = read_dataset([str(data)], folder=tmp_path / "two", corrections=table)
    assert [p.path.name for p in after.select("val")] == names["val"]
    assert len(after.select("train")) == len(before.select("train")) - 1
    assert after.sha256 != before.sha256
    assert (before.corrected, after.corrected) == (0, 1)
    assert [item.reason for item in after.left_out] == ["the right label is not clear: blurred"]


def test_shipped_corrections_can_be_read() -> None:
    found = read_corrections(SHIPPED)
    assert {c.becomes for c in found.values()} == {None, "hot_dog", "not_hot_dog"}
    assert all(c.why for c in found.values())
    assert all(c.becomes != label for (_, label), c in found.items())


@pytest.mark.shared
@pytest.mark.skipif(not HOTDOG.is_dir(), reason="../shared/data/hotdog is not here")
def test_shipped_corrections_name_images_that_are_there() -> None:
    paths = [HOTDOG / "train" / label / file for file, label in read_corrections(SHIPPED)]
    assert not [path for path in paths if not path.is_file()]
