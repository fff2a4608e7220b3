import logging
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import web.serving
from inference.classifier import Classifier
from inference.errors import UserInputError
from inference.versions.catalog import Catalog
from tests.inference.tiny_versions import write_version
from tests.web.pictures import CAT, EXAMPLES
from web.serving import DEFECT_SENTENCE, MAX_IMAGES, MAX_OPEN, Service, check_count, explain

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


@pytest.mark.parametrize("damage", ["model.json", "model.onnx", "card", "network"])
def test_version_that_cannot_be_opened_leaves_the_one_before(
    catalog: Catalog, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    service = make_service(catalog)
    service.open()
    folder = catalog.find("colours", 2)
    damage_version(folder, damage)
    if damage != "model.onnx":  # without it there is no such version
        catalog.publish("colours", 2)
        assert service.open().card.version == 1
        assert "cannot be opened" in caplog.text
        caplog.clear()
        assert service.answer(PICTURE).prediction.version == 1
        assert not caplog.records  # it is not tried again and again
    catalog.publish("colours", 1)
    assert service.open().card.version == 1


def damage_version(folder: Path, damage: str) -> None:
    if damage.startswith("model."):
        (folder / damage).unlink()
    else:
        (folder / {"card": "model.json", "network": "model.onnx"}[damage]).write_bytes(b"{}")


def test_broken_version_does_not_close_the_one_before(catalog: Catalog) -> None:
    service = make_service(catalog)
    service.open()
    for number in range(MAX_OPEN):  # others push it out
        write_version(catalog.exported / f"other{number}" / "1", model=f"other{number}")
        service.open(f"other{number}")
    damage_version(catalog.find("colours", 2), "network")
    catalog.publish("colours", 2)
    assert service.open().card.version == 1


def test_first_version_must_open(catalog: Catalog) -> None:
    damage_version(catalog.find("colours", 1), "model.json")
    with pytest.raises(UserInputError, match=r"no model\.json"):
        make_service(catalog).open()


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
