"""That's wrong: what is stored, when, how much of it, and who may take it back."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

import web.try_it.feedback
from inference.errors import UserInputError
from inference.versions.catalog import Catalog
from labelling.store.database import Database
from labelling.store.store import Store
from tests.web.pictures import CAT, EXAMPLES, HOT_DOG, make_prediction
from tests.web.requests import make_access
from web.access.rules import NotAllowedError
from web.serving import Service
from web.try_it.feedback import (
    MAX_NEW_NAMES,
    VISITOR,
    Suggestions,
    draw_feedback,
    make_suggestion_routes,
)

PREDICTION = make_prediction({"hot_dog": 0.7, "not_hot_dog": 0.3}, certainty="unsure")


@pytest.fixture
def suggestions(exported: Path, tmp_path: Path) -> Iterator[Suggestions]:
    service = Service(Catalog(exported, tmp_path), "hotdog", None, "cpu")
    with Store(tmp_path) as store:
        yield Suggestions(service, make_access(), store)


def make_values(suggestions: Suggestions, path: Path = CAT, **changes: Any) -> dict[str, Any]:
    token = suggestions.make_upload_token(path, "cat.jpg", PREDICTION)
    return {"upload": token, "label": "not_hot_dog", "agreed": True, **changes}


def find_pending(suggestions: Suggestions) -> list[Any]:
    return suggestions.store.find("hotdog", states=("pending",))


def test_suggestion_is_pending_with_what_was_answered(suggestions: Suggestions) -> None:
    answer = suggestions.suggest(make_values(suggestions), "1.2.3.4")
    assert answer["sentence"] == "Thank you. A teacher will look at it."
    (entry,) = find_pending(suggestions)
    assert (entry.label, entry.who, entry.name) == ("not_hot_dog", VISITOR, "cat.jpg")
    said = entry.prediction
    assert (said.label, said.probability, said.model) == ("hot_dog", 0.7, "hotdog")
    assert (said.version, said.certainty) == (1, "unsure")
    assert not suggestions.store.find("hotdog")


@pytest.mark.parametrize("agreed", [False, None, "yes", 1])
def test_nothing_is_stored_before_the_visitor_agreed(
    suggestions: Suggestions, agreed: object
) -> None:
    with pytest.raises(UserInputError, match="before you agree"):
        suggestions.suggest(make_values(suggestions, agreed=agreed), "a")
    assert not list((suggestions.store.data / "pictures").rglob("*.jpg"))


def test_nothing_is_taken_where_nobody_would_look(suggestions: Suggestions) -> None:
    suggestions.access = make_access(teach=False)
    with pytest.raises(NotAllowedError):
        suggestions.suggest(make_values(suggestions), "a")
    with pytest.raises(NotAllowedError):
        suggestions.withdraw({"undo": "a"})


def test_a_busy_list_of_labels_is_a_503_and_its_place_no_visitors_business(
    exported: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Store(tmp_path).close()
    other = Database(tmp_path / "labels.sqlite3")
    with Store(tmp_path, timeout=0.01) as hurried, other.writing():
        service = Service(Catalog(exported, tmp_path), "hotdog", None, "cpu")
        suggestions = Suggestions(service, make_access(), hurried)
        client = TestClient(Starlette(routes=make_suggestion_routes(suggestions)))
        response = client.post("/suggestions", json=make_values(suggestions))
    other.close()
    assert response.status_code == 503
    assert int(response.headers["retry-after"]) > 0
    assert response.json() == {"error": "Your picture could not be kept here. Try again later."}
    assert "in use by another process" in caplog.text


def test_only_what_was_answered_here_can_be_suggested(
    suggestions: Suggestions, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = suggestions.make_upload_token(CAT, "a", PREDICTION)
    other = Suggestions(suggestions.service, suggestions.access, suggestions.store)
    for forged in (
        None,
        "",
        "a.b.c",
        "\ud800",
        token[:-2],
        other.make_upload_token(CAT, "a", PREDICTION),
    ):
        with pytest.raises(UserInputError, match="no longer here"):
            suggestions.suggest(make_values(suggestions, upload=forged), "a")
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 3700)
    with pytest.raises(UserInputError, match="no longer here"):
        suggestions.suggest(make_values(suggestions, upload=token), "a")


def test_upload_that_is_gone_is_told(suggestions: Suggestions, tmp_path: Path) -> None:
    with pytest.raises(UserInputError, match="Choose it again"):
        suggestions.suggest(make_values(suggestions, tmp_path / "gone.jpg"), "a")


@pytest.mark.parametrize(
    ("typed", "label"),
    [
        ("hot_dog", "hot_dog"),
        ("Hot dog", "hot_dog"),
        (" NOT HOT DOG ", "not_hot_dog"),
        ("Corn dog", "Corn dog"),
    ],
)
def test_class_is_known_however_it_is_typed(
    suggestions: Suggestions, typed: str, label: str
) -> None:
    suggestions.suggest(make_values(suggestions, label=typed), "a")
    assert [entry.label for entry in find_pending(suggestions)] == [label]


@pytest.mark.parametrize("label", ["", "  ", "x" * 41, "a/b", "..", "a\nb", None, 5, ["a"]])
def test_what_is_no_name_is_refused(suggestions: Suggestions, label: object) -> None:
    with pytest.raises(UserInputError, match="class"):
        suggestions.suggest(make_values(suggestions, label=label), "a")
    assert not find_pending(suggestions)


def test_quota_is_a_visitors_own(suggestions: Suggestions) -> None:
    values = make_values(suggestions)
    for _ in range(20):
        suggestions.suggest(values, "a")
    with pytest.raises(UserInputError, match="in an hour"):
        suggestions.suggest(values, "a")
    suggestions.suggest(values, "b")


def test_pending_pictures_have_an_end(
    suggestions: Suggestions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web.try_it.feedback, "MAX_PENDING", 1)
    suggestions.suggest(make_values(suggestions), "a")
    with pytest.raises(UserInputError, match="another day"):
        suggestions.suggest(make_values(suggestions, HOT_DOG), "b")


def test_made_up_names_have_an_end(
    suggestions: Suggestions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web.try_it.feedback, "MAX_NEW_NAMES", 1)
    assert MAX_NEW_NAMES < 100
    suggestions.suggest(make_values(suggestions, label="corn dog"), "a")
    suggestions.suggest(make_values(suggestions, HOT_DOG, label="corn dog"), "a")
    other = EXAMPLES / "hot_dog-emoji.webp"
    with pytest.raises(UserInputError, match="enough new names"):
        suggestions.suggest(make_values(suggestions, other, label="taco"), "a")
    suggestions.suggest(make_values(suggestions, other, label="hot_dog"), "a")


def test_suggestion_can_be_taken_back_once_by_who_made_it(suggestions: Suggestions) -> None:
    answer = suggestions.suggest(make_values(suggestions), "a")
    assert len(answer["undo"]) >= 32
    for guess in ("", None, "a", answer["undo"][:-1], 1):
        with pytest.raises(UserInputError, match="too late"):
            suggestions.withdraw({"undo": guess})
    assert suggestions.withdraw(answer) == {"sentence": "Taken back."}
    assert not find_pending(suggestions)
    with pytest.raises(UserInputError, match="too late"):
        suggestions.withdraw(answer)


def test_after_a_while_it_is_too_late(
    suggestions: Suggestions, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = suggestions.suggest(make_values(suggestions), "a")
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 16)
    with pytest.raises(UserInputError, match="too late"):
        suggestions.withdraw(answer)
    assert find_pending(suggestions)


def test_what_a_teacher_decided_cannot_be_taken_back(suggestions: Suggestions) -> None:
    answer = suggestions.suggest(make_values(suggestions), "a")
    suggestions.store.approve(find_pending(suggestions)[0].id, "teacher")
    with pytest.raises(UserInputError):
        suggestions.withdraw(answer)
    assert suggestions.store.find("hotdog")


def test_picture_that_a_teacher_has_is_left_as_it_is(suggestions: Suggestions) -> None:
    suggestions.store.add(CAT.read_bytes(), "cat", model="hotdog", who="teacher")
    for label in ("cat", "hot_dog"):
        answer = suggestions.suggest(make_values(suggestions, label=label), "a")
        assert answer == {
            "sentence": "Thank you. A teacher has this picture already.",
            "undo": None,
        }
    assert [entry.label for entry in suggestions.store.find("hotdog")] == ["cat"]


def test_every_other_class_can_be_chosen_and_is_escaped() -> None:
    html = draw_feedback(make_prediction({"a": 0.6, "<b>": 0.3, "c": 0.1}), "token")
    assert 'data-label="a"' not in html
    assert 'data-label="&lt;b&gt;"' in html
    assert 'data-label="c"' in html
    assert "<b>" not in html.replace('<b class="chosen">', "")
