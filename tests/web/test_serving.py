import hashlib
import logging
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import web.serving
from inference.classifier import Classifier
from inference.errors import UserInputError
from inference.versions.cards import Rate, read_card
from inference.versions.catalog import Catalog
from inference.versions.comparison import Comparison, SideMetrics, write_comparison
from tests.inference.tiny_versions import put_card, write_version
from tests.web.pictures import CAT, EXAMPLES
from web.serving import DEFECT_SENTENCE, MAX_IMAGES, MAX_OPEN, Service, check_count, explain

CARD = "model.json"
PICTURE = CAT.read_bytes()


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    """A shipped model `colours` with versions 1 and 2, of which 1 is in use."""
    for version in (1, 2):
        write_version(tmp_path / "exported" / "colours" / str(version), version=version)
    made = Catalog(tmp_path / "exported", tmp_path / "data")
    made.publish("colours", 1)
    return made


def make_service(catalog: Catalog, version: int | None = None) -> Service:
    return Service(catalog, "colours", version, "cpu")


def test_only_answers_are_counted(catalog: Catalog) -> None:
    service = make_service(catalog)
    answer = service.answer(PICTURE)
    assert answer.image.ndim == 3
    assert answer.prediction.model == answer.classifier.card.model == "colours"
    with pytest.raises(UserInputError):
        service.answer(b"not a picture")
    assert service.answered == 1


def test_next_answer_is_by_what_was_published(catalog: Catalog) -> None:
    service = make_service(catalog)
    for version in (1, 2, 1, 2):
        catalog.publish("colours", version)
        assert service.answer(PICTURE).prediction.version == version
    catalog.reset("colours")
    assert service.answer(PICTURE).prediction.version == 2  # the newest that ships


def test_version_that_is_asked_for_stays(catalog: Catalog) -> None:
    service = make_service(catalog, 1)
    assert service.open().card.version == 1
    catalog.publish("colours", 2)
    assert service.open().card.version == 1


def test_taught_version_goes_before_a_shipped_one(catalog: Catalog) -> None:
    service = make_service(catalog)
    assert catalog.data is not None
    folder = catalog.data / "models" / "colours" / "2"
    write_version(folder, version=2)
    catalog.publish("colours", 2)
    assert service.open().folder == folder


DAMAGES = ("no model.json", "card", "card of another", "network", "another network", "flipped byte")


def damage_version(folder: Path, damage: str) -> None:
    path = folder / ("model.onnx" if "network" in damage or damage == "flipped byte" else CARD)
    if damage == "no model.json":
        path.unlink()
    elif damage == "card of another":
        path.write_text(path.read_text().replace('"version": 2', '"version": 7'))
    elif damage == "another network":
        path.write_bytes(path.read_bytes().replace(b"red", b"rad") + b"\x22\x01a")  # one more field
    elif damage == "flipped byte":
        flip_byte(path)
    else:
        path.write_bytes(b"{}")


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_version_leaves_the_one_before(
    catalog: Catalog, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    service = make_service(catalog)
    service.open()
    catalog.publish("colours", 2)
    damage_version(catalog.find("colours", 2), damage)
    assert service.open().card.version == 1
    fault = service.find_fault()
    assert fault is not None
    assert fault.startswith("Version 2 of colours, which is in use, cannot be opened.")
    assert fault.endswith("Version 1 answers instead.")
    assert fault in caplog.text
    assert "Traceback" not in caplog.text
    caplog.clear()
    assert service.answer(PICTURE).prediction.version == 1
    assert not caplog.records  # it is not tried again and again
    catalog.publish("colours", 1)
    assert service.open().card.version == 1
    assert service.find_fault() is None


@pytest.mark.parametrize("damage", DAMAGES)
def test_page_starts_though_the_version_in_use_is_damaged(catalog: Catalog, damage: str) -> None:
    catalog.publish("colours", 2)
    damage_version(catalog.find("colours", 2), damage)
    assert make_service(catalog).answer(PICTURE).prediction.version == 1
    assert make_service(catalog, 2).open().card.version == 1  # where it was requested, too


def test_damaged_memory_is_a_damaged_version(catalog: Catalog) -> None:
    folder = catalog.find("colours", 2)
    write_memory(folder, files={})  # as an older release did, without its hash
    catalog.publish("colours", 2)
    assert make_service(catalog).open().card.version == 2
    flip_byte(folder / "memory.npz")
    assert make_service(catalog).open().card.version == 1
    write_memory(folder)
    assert make_service(catalog).open().card.version == 2
    np.savez(folder / "memory.npz", embeddings=np.zeros((2, 3), np.float16))
    service = make_service(catalog)
    assert service.open().card.version == 1
    assert "memory.npz of colours version 2 is damaged" in str(service.find_fault())


def write_memory(folder: Path, files: dict[str, str] | None = None) -> None:
    """Write a memory, and its hash into the card unless other `files` are given."""
    path = folder / "memory.npz"
    np.savez(path, embeddings=np.ones((2, 3), np.float16), targets=np.zeros(2, np.int16))
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    named = {path.name: sha256} if files is None else files
    put_card(folder, read_card(folder).model_copy(update={"files": named}))


def flip_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_newest_custom_version_that_opens_answers_and_the_shipped_one_at_the_last(
    catalog: Catalog,
) -> None:
    """A candidate, which no person has published, does not come before what ships."""
    for number in (3, 4, 5, 6):
        write_version(catalog.data / "models" / "colours" / str(number), version=number)
    candidate = Comparison(
        outcome="candidate", new=SideMetrics(top1=Rate(correct=0, n=0, value=0, low=0, high=1))
    )
    write_comparison(catalog.find("colours", 5), candidate)
    catalog.publish("colours", 6)
    for damaged, left in ((6, 4), (4, 3), (3, 2), (2, 1), (1, 5)):
        damage_version(catalog.find("colours", damaged), "network")
        assert make_service(catalog).open().card.version == left
    damage_version(catalog.find("colours", 5), "network")
    with pytest.raises(UserInputError, match=r"model\.onnx of colours version 6 is damaged"):
        make_service(catalog).open()


def test_version_in_use_that_is_gone_is_told(catalog: Catalog) -> None:
    folder = catalog.data / "models" / "colours" / "3"
    write_version(folder, version=3)
    catalog.publish("colours", 3)
    (folder / "model.onnx").unlink()
    service = make_service(catalog)
    assert service.open().card.version == 2
    assert service.find_fault() == (
        "Version 3 of colours, which was in use, is not there any more. Version 2 answers instead."
    )


def test_broken_version_does_not_close_the_one_before(catalog: Catalog) -> None:
    service = make_service(catalog)
    service.open()
    for number in range(MAX_OPEN):  # others push it out
        write_version(catalog.exported / f"other{number}" / "1", model=f"other{number}")
        service.open(f"other{number}")
    catalog.publish("colours", 2)
    damage_version(catalog.find("colours", 2), "network")
    assert service.open().card.version == 1


def test_networks_beyond_the_last_four_are_closed(catalog: Catalog) -> None:
    service = make_service(catalog)
    first = service.open()
    for number in range(MAX_OPEN):
        write_version(catalog.exported / f"other{number}" / "1", model=f"other{number}")
        service.open(f"other{number}")
    assert service.open("other0") is service.open("other0")
    assert service.open() is not first
    assert service.list_models() == ["colours", "other0", "other1", "other2", "other3"]


@pytest.mark.parametrize("name", ["cats", "../colours", "..", "a/b", "x" * 100, "colours/1"])
def test_unknown_model_is_one_sentence(catalog: Catalog, name: str) -> None:
    with pytest.raises(UserInputError):
        make_service(catalog).open(name)


def test_network_is_opened_once_however_many_ask(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Path] = []

    def count(folder: Path, providers: str) -> Classifier:
        opened.append(folder)
        return Classifier(folder, providers)

    monkeypatch.setattr(web.serving, "Classifier", count)
    service = make_service(catalog)
    together = threading.Barrier(8)

    def ask(_: int) -> Classifier:
        together.wait()
        return service.open()

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(ask, range(8)))
    assert len({id(classifier) for classifier in found}) == len(opened) == 1


def test_answer_is_by_one_version_while_others_come_into_use(catalog: Catalog) -> None:
    """Its classifier is the one that predicted, however often another is published meanwhile."""
    service = make_service(catalog)
    over = threading.Event()

    def publish() -> int:
        times = 0
        while not over.is_set():
            catalog.publish("colours", 1 + times % 2)
            times += 1
        return times

    pictures = [path.read_bytes() for path in sorted(EXAMPLES.glob("*.webp"))]
    with ThreadPoolExecutor(5) as pool:
        published = pool.submit(publish)
        answers = list(pool.map(service.answer, pictures * 20))
        over.set()
        assert published.result() > 1
    assert all(a.prediction.version == a.classifier.card.version for a in answers)


def test_deleted_version_answers_until_another_is_in_use(exported: Path, tmp_path: Path) -> None:
    """Its file is open; nobody who asks meanwhile fails."""
    shutil.copytree(Catalog(exported).find("hotdog"), tmp_path / "exported" / "hotdog" / "1")
    service = Service(Catalog(tmp_path / "exported"), "hotdog", None, "cpu")
    service.open()
    shutil.rmtree(tmp_path / "exported" / "hotdog" / "1")
    assert service.answer(PICTURE).prediction.label == "not_hot_dog"


def test_as_many_as_allowed_are_allowed() -> None:
    check_count(MAX_IMAGES)
    with pytest.raises(UserInputError, match="at most 200"):
        check_count(MAX_IMAGES + 1)


def test_people_read_our_sentences_and_no_others(caplog: pytest.LogCaptureFixture) -> None:
    assert explain(UserInputError("Choose a picture.")) == "Choose a picture."
    assert not caplog.records
    assert explain(KeyError("internal")) == DEFECT_SENTENCE
    assert "KeyError: 'internal'" in caplog.text
    assert caplog.records[0].levelno == logging.ERROR
