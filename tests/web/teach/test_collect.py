"""Models, classes and images, as the Teach tab's first column asks for them."""

import hashlib
import threading
from pathlib import Path

import numpy as np
import pytest

from inference.images import decode
from tests.inference.tiny_versions import write_version
from tests.web.pictures import CAT, save_heic
from tests.web.teach_page import MODEL, Visit, paint
from web.teach.collect import NewImage, add_image
from web.teach.models import open_context


def find_class(state: dict, label: str) -> dict:
    (found,) = [found for found in state["classes"] if found["label"] == label]
    return dict(found)


def test_empty_state_shows_what_the_model_knows(visit: Visit) -> None:
    state = visit.get("state")
    assert (state["model"], state["version"], state["models"]) == (MODEL, 1, [MODEL])
    assert [found["label"] for found in state["classes"]] == ["red", "green", "blue_berry"]
    assert all(found["known"] and not found["images"] for found in state["classes"])
    assert state["plans"]["head"]["obstacle"] == "Add pictures to a class first."


def test_image_is_stored_with_its_prediction_and_embedding(visit: Visit) -> None:
    data = paint("red")
    added = visit.add("green", data, "C:\\holiday\\berry.png").json()
    assert not added["existed"]
    entry = visit.store.get(added["entry"]["id"])
    assert (entry.label, entry.model, entry.state, entry.name) == (
        *("green", MODEL, "approved"),
        "berry.png",
    )
    assert entry.prediction is not None
    recorded = entry.prediction
    assert (recorded.label, recorded.model, recorded.version) == ("red", MODEL, 1)
    assert entry.origin_sha256 == hashlib.sha256(data).hexdigest()
    (prediction,) = visit.service.open(MODEL).predict([decode(data)])
    kept = visit.store.read_embeddings("a" * 64, [entry.sha256])[entry.sha256]
    assert np.allclose(kept, prediction.embedding, atol=0.01)
    assert added["entry"]["answer"]["label"] == "red"


def test_classes_count_and_show_their_last_images(visit: Visit) -> None:
    for seed in range(6):
        assert visit.add("red", paint("red", seed)).status_code == 200
    found = find_class(visit.get("state", model=MODEL), "red")
    newest = [entry.sha256 for entry in visit.store.find(MODEL, label="red", limit=4)]
    assert found["images"] == found["groups"] == 6
    assert found["last"] == newest
    assert found["sentence"] == "6 different pictures. 4 more for a start."


def test_same_image_is_not_added_twice(visit: Visit) -> None:
    first = visit.add("red", paint("red")).json()
    again = visit.add("red", paint("red")).json()
    assert again["existed"]
    assert again["entry"]["id"] == first["entry"]["id"]
    other = visit.add("green", paint("red"))
    assert other.status_code == 400
    assert "labelled 'red' already" in other.json()["error"]


def test_near_duplicate_is_pointed_out_and_counts_once(visit: Visit) -> None:
    visit.add("red", paint("red", size=64))
    assert visit.add("red", paint("red", size=96)).json()["near"]
    found = find_class(visit.get("state"), "red")
    assert (found["images"], found["groups"]) == (2, 1)


def test_phone_pictures_are_taken(visit: Visit, tmp_path: Path) -> None:
    heic = save_heic(CAT, tmp_path / "IMG_1.HEIC").read_bytes()
    assert visit.add("red", heic).json()["entry"]["width"] > 100


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "This file is empty"),
        (b"<svg/>", "looks like an SVG drawing"),
        (b"PK\x03\x04", "looks like a zip archive"),
        (paint("red")[:200], "cannot be read to its end"),
    ],
)
def test_other_files_are_refused_in_a_sentence(visit: Visit, data: bytes, words: str) -> None:
    response = visit.add("red", data)
    assert response.status_code == 400
    assert words in response.json()["error"]
    assert not visit.store.find(MODEL)


def test_too_large_a_body_is_refused_while_it_arrives(visit: Visit) -> None:
    response = visit.add("red", bytes(20_000_001))
    assert response.status_code == 413
    assert "20 MB" in response.json()["error"]


@pytest.mark.parametrize("label", ["", " ", "a/b", "..", "a" * 41, "a\nb"])
def test_impossible_class_names_are_refused(visit: Visit, label: str) -> None:
    assert visit.add(label, paint("red")).status_code == 400
    assert visit.refuse("classes", model=MODEL, label=label)


def test_unknown_model_is_refused(visit: Visit) -> None:
    response = visit.client.get("/teach/state", params={"model": "nobody"})
    assert response.status_code == 400
    assert response.json()["error"] == "There is no model named 'nobody'; there are: colours."


def test_new_model_is_made_taught_and_embedded(visit: Visit) -> None:
    state = visit.post("models", model="pets", labels=["cat", "dog"], catch_all="none of these")
    assert state["models"] == [MODEL, "pets"]
    assert state["version"] is None
    assert [found["label"] for found in state["classes"]] == ["cat", "dog", "none of these"]
    values = {"model": "pets", "label": "cat", "name": "a.png"}
    added = visit.client.post("/teach/images", params=values, content=paint("red")).json()
    assert added["entry"]["answer"] is None  # it does not exist yet
    assert visit.store.read_embeddings("a" * 64, [added["entry"]["sha256"]])
    assert visit.get("state", model="pets")["plans"]["head"]["obstacle"] == (
        "Add pictures to at least two classes."
    )


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"model": "pets", "labels": ["cat"]}, "at least two classes"),
        ({"model": "a b", "labels": ["cat", "dog"]}, "cannot name a model"),
        ({"model": "../a", "labels": ["cat", "dog"]}, "cannot name a model"),
        ({"model": "Colours", "labels": ["cat", "dog"]}, "a model colours already"),
        ({"model": "pets", "labels": ["cat", "Cat"]}, "a class Cat already"),
        ({"model": "pets", "labels": [f"c{i}" for i in range(101)]}, "at most 100 classes"),
        ({"model": "pets", "labels": "cat"}, "as a list of names"),
        ({"model": 7, "labels": ["cat", "dog"]}, "'model' as text"),
    ],
)
def test_impossible_new_models_are_refused(visit: Visit, values: dict, words: str) -> None:
    assert words in visit.refuse("models", **values)
    assert visit.get("state")["models"] == [MODEL]


def test_class_is_added_once_and_removed_while_it_is_empty(visit: Visit) -> None:
    visit.post("classes", model=MODEL, label=" yellow ")
    assert "a class Yellow already" in visit.refuse("classes", model=MODEL, label="Yellow")
    visit.add("yellow", paint("red"))
    assert "has pictures" in visit.refuse("classes/remove", model=MODEL, label="yellow")
    assert "knows Red" in visit.refuse("classes/remove", model=MODEL, label="red")
    (entry,) = visit.store.find(MODEL)
    visit.store.delete(entry.id, "Ann")
    state = visit.post("classes/remove", model=MODEL, label="yellow")
    assert [found["label"] for found in state["classes"]] == ["red", "green", "blue_berry"]


def test_what_visitors_suggest_is_no_class_yet(visit: Visit) -> None:
    visit.store.add(paint("red"), "spam", model=MODEL, state="pending")
    state = visit.get("state")
    assert "spam" not in [found["label"] for found in state["classes"]]
    visit.store.approve(visit.store.find(MODEL, states=("pending",))[0].id, "Ann")
    assert find_class(visit.get("state"), "spam")["images"] == 1


def test_all_that_waits_for_review_is_counted(visit: Visit) -> None:
    visit.store.add(paint("red"), "spam", model=MODEL, state="pending")
    visit.store.add(paint("green"), "green", model=MODEL, state="pending")
    assert visit.get("state")["pending"] == 2


def test_classes_keep_the_order_in_which_they_were_typed(visit: Visit) -> None:
    visit.post("models", model="pets", labels=["zebra", "cat", "dog"])
    names = ("cat", "zebra")  # as a trained version orders them
    write_version(visit.data / "models" / "pets" / "1", model="pets", class_names=names, probes=())
    visit.store.add(paint("red"), "ant", model="pets")
    state = visit.get("state", model="pets")
    assert [found["label"] for found in state["classes"]] == ["zebra", "cat", "dog", "ant"]
    shipped = visit.post("classes", model=MODEL, label="amber")
    assert [found["label"] for found in shipped["classes"]] == [
        *("red", "green", "blue_berry", "amber"),
    ]


def test_classes_that_a_model_came_with_stand_first(visit: Visit) -> None:
    """As where a project of another page was opened, to which a teacher had added a class."""
    write_version(visit.data / "models" / "fruit" / "1", model="fruit")
    visit.post("classes", model="fruit", label="amber")
    found = visit.get("state", model="fruit")["classes"]
    assert [one["label"] for one in found] == ["red", "green", "blue_berry", "amber"]


def test_shipped_classes_are_never_out_of_balance(visit: Visit) -> None:
    for seed in range(5):
        visit.add("red", paint("red", seed))
    visit.add("green", paint("green"))
    assert visit.get("state")["warnings"] == []


def test_images_are_added_one_at_a_time(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that answers on Try it stay quick."""
    context = open_context(visit.service, visit.store)
    classifier, most, inside = context.open_classifier(MODEL), [0], [0]
    predict = classifier.predict

    def count(images: list) -> list:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        found = predict(images)
        inside[0] -= 1
        return found

    monkeypatch.setattr(classifier, "predict", count)
    new = [NewImage(MODEL, "red", "Ann", "a.png", paint("red", seed)) for seed in range(12)]
    threads = [threading.Thread(target=add_image, args=(context, one)) for one in new]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]
    assert len(visit.store.find(MODEL)) == 12


@pytest.mark.parametrize("name", ["model.json", "model.onnx"])
def test_classes_are_shown_though_a_version_is_damaged(visit: Visit, name: str) -> None:
    """Those of the version that answers; without any, those typed and stored."""
    visit.add("red", paint("red"))
    write_version(visit.data / "models" / MODEL / "2", version=2)
    visit.service.catalog.publish(MODEL, 2)
    for number in (2, 1):
        (visit.service.catalog.find(MODEL, number) / name).write_bytes(b"{}")
        labels = [found["label"] for found in visit.get("state")["classes"]]
        assert "red" in labels
        assert ("green" in labels) == (number == 2)


def test_what_became_of_a_damaged_list_of_labels_is_said(visit: Visit) -> None:
    assert visit.get("state")["notices"] == []
    folder = visit.data / "damaged" / "20261125T102252Z"
    folder.mkdir(parents=True)
    (folder / "what-happened.txt").write_text("The list of labels was empty.")
    assert visit.get("state")["notices"] == ["The list of labels was empty."]
