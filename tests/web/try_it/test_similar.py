"""Pictures like this one: found by teachers alone, and only among approved pictures."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gradio.data_classes import FileData
from starlette.testclient import TestClient

from inference.images import decode
from inference.versions.catalog import Catalog
from labelling.store.store import Store
from tests.inference.tiny_versions import write_version
from tests.web.requests import make_access
from tests.web.teach_page import MODEL, paint, serve
from web.access.rules import Access
from web.serving import Service
from web.try_it.chooser import Choice, SentImage
from web.try_it.feedback import Suggestions
from web.try_it.similar import Query, find_nearest, make_similar_route, name_distance
from web.try_it.tab import answer_choice

KEY = "a" * 64


@pytest.fixture
def suggestions(tmp_path: Path) -> Iterator[Suggestions]:
    """An empty store beside a tiny network."""
    write_version(tmp_path / "exported" / MODEL / "1", backbone_sha256=KEY)
    service = Service(Catalog(tmp_path / "exported", tmp_path / "data"), MODEL, None, "cpu")
    with Store(tmp_path / "data") as store:
        yield Suggestions(service, make_access(), store)


def make_client(suggestions: Suggestions, access: Access | None = None) -> TestClient:
    route = make_similar_route(suggestions, access or suggestions.access)
    return serve([route])


def keep(suggestions: Suggestions, label: str, data: bytes, state: str = "approved") -> int:
    """Store a picture with its embedding; returns its number."""
    store, classifier = suggestions.store, suggestions.service.open()
    entry = store.add(data, label, model=MODEL, state=state, name="a.png").entry
    vector = classifier.predict([decode(data)])[0].embedding.astype(np.float16)
    store.put_embeddings(KEY, {entry.sha256: vector})
    return entry.id


def upload(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "upload.png"
    path.write_bytes(data)
    return path


def make_token(suggestions: Suggestions, path: Path) -> str:
    prediction = suggestions.service.answer(path.read_bytes()).prediction
    return suggestions.make_upload_token(path, path.name, prediction)


def ask(suggestions: Suggestions, path: Path) -> dict[str, Any]:
    body = {"upload": make_token(suggestions, path)}
    response = make_client(suggestions).post("/teach/similar", json=body)
    assert response.status_code == 200, response.text
    return dict(response.json())


def test_nearest_come_first_at_most_five(suggestions: Suggestions, tmp_path: Path) -> None:
    for seed in range(4):
        keep(suggestions, "green", paint("green", seed))
        keep(suggestions, "red", paint("red", seed))
    found = ask(suggestions, upload(tmp_path, paint("red", 9)))
    assert [picture["label"] for picture in found["pictures"]] == ["Red"] * 4 + ["Green"]
    assert found["pictures"][-1]["alike"] == "not much alike"
    assert found["sentence"] == "As this model sees it, among 8 labelled pictures."


def test_same_picture_is_called_so(suggestions: Suggestions, tmp_path: Path) -> None:
    keep(suggestions, "red", paint("red", 1))
    keep(suggestions, "green", paint("green"))
    found = ask(suggestions, upload(tmp_path, paint("red", 1)))["pictures"]
    assert found[0]["alike"] == "the same picture"
    assert found[1]["alike"] == "not much alike"


def test_what_is_not_approved_or_deleted_is_not_shown(
    suggestions: Suggestions, tmp_path: Path
) -> None:
    keep(suggestions, "red", paint("red", 1), "pending")
    gone = keep(suggestions, "red", paint("red", 2))
    kept = keep(suggestions, "red", paint("red", 3))
    suggestions.store.delete(gone, "a teacher")
    found = ask(suggestions, upload(tmp_path, paint("red")))["pictures"]
    assert [p["sha256"] for p in found] == [suggestions.store.get(kept).sha256]
    suggestions.store.delete(kept, "a teacher")
    found = ask(suggestions, upload(tmp_path, paint("red")))
    assert found == {"sentence": "No picture is labelled here any more.", "pictures": []}


def test_pictures_of_another_backbone_wait_to_be_looked_at(
    suggestions: Suggestions, tmp_path: Path
) -> None:
    suggestions.store.add(paint("red", 1), "red", model=MODEL)
    path = upload(tmp_path, paint("red"))
    assert "has not looked at the labelled pictures yet" in ask(suggestions, path)["sentence"]
    keep(suggestions, "red", paint("red", 2))
    found = ask(suggestions, path)
    assert found["sentence"].endswith("among 1 labelled picture; 1 it has not looked at yet.")
    assert len(found["pictures"]) == 1


def test_upload_that_is_gone_is_a_sentence(suggestions: Suggestions, tmp_path: Path) -> None:
    path = upload(tmp_path, paint("red"))
    token = make_token(suggestions, path)
    path.unlink()
    client = make_client(suggestions)
    for value in (token, token[:-3], "x", ""):
        response = client.post("/teach/similar", json={"upload": value})
        assert response.status_code == 400
        assert "no longer here" in response.json()["error"]
    assert client.post("/teach/similar", json={}).status_code == 400


@pytest.mark.parametrize(
    "headers",
    [{"X-Forwarded-For": "8.8.8.8"}, {"Host": "page.example"}, {"Origin": "http://evil.example"}],
    ids=str,
)
def test_visitors_are_refused_by_the_route_itself(
    suggestions: Suggestions, tmp_path: Path, headers: dict[str, str]
) -> None:
    keep(suggestions, "red", paint("red", 1))
    body = {"upload": make_token(suggestions, upload(tmp_path, paint("red")))}
    client = make_client(suggestions)
    response = client.post("/teach/similar", json=body, headers=headers)
    assert response.status_code == 403
    assert "pictures" not in response.json()
    shared = make_client(suggestions, make_access(share=True))
    assert shared.post("/teach/similar", json=body).status_code == 403


def test_section_is_there_for_teachers_with_labelled_pictures_alone(
    suggestions: Suggestions, tmp_path: Path
) -> None:
    path = upload(tmp_path, paint("red"))
    picture = SentImage(name="a.png", size=9, shown=True, file=FileData(path=str(path)))
    choice = Choice(token=1, images=[picture])

    def read(is_teacher: bool) -> str:
        ((html, _),) = answer_choice(suggestions.service, choice, suggestions, is_teacher)
        return html

    assert 'class="similar"' not in read(True)
    keep(suggestions, "red", paint("red", 1), "pending")
    assert 'class="similar"' not in read(True)
    keep(suggestions, "red", paint("red", 2))
    assert 'class="similar"' in read(True)
    assert 'class="similar"' not in read(False)
    assert "That’s wrong" in read(False)


def test_order_and_distance_are_those_of_the_cosine(suggestions: Suggestions) -> None:
    ids = [keep(suggestions, "red", paint("red", seed)) for seed in range(3)]
    entries = [suggestions.store.get(number) for number in ids]
    rows = {(1.0, 0.0): 0, (3.0, 4.0): 1, (0.0, -2.0): 2}
    vectors = {entries[i].sha256: np.array(row, np.float16) for row, i in rows.items()}
    found = find_nearest(entries, vectors, Query(np.array([3.0, 4.0], np.float32), "x"))
    assert [entry.id for entry, _ in found] == [ids[1], ids[0], ids[2]]
    assert [distance for _, distance in found] == pytest.approx([0.0, 0.4, 1.8], abs=1e-3)
    assert find_nearest([], {}, Query(np.zeros(2, np.float32), "x")) == []


@pytest.mark.parametrize(
    ("distance", "words"),
    [
        (0.0, "the same picture"),
        (0.04, "almost the same"),
        (0.1, "very alike"),
        (0.2, "alike"),
        (1.9, "not much alike"),
    ],
)
def test_distance_is_told_in_words(distance: float, words: str) -> None:
    assert name_distance(distance) == words
