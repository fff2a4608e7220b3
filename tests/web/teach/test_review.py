"""The gallery of a class, suggestions, corrections and undoing them."""

import io

import pytest
from PIL import Image

from labelling.store.store import Answer, Check, Doubt
from tests.web.classrooms import MODEL, Visit, paint


def add(visit: Visit, label: str = "red", seed: int = 0) -> int:
    return int(visit.add(label, paint(label, seed)).json()["entry"]["id"])


def list_ids(visit: Visit, **values: object) -> list[int]:
    found = visit.ask("gallery", model=MODEL, **values)
    return [entry["id"] for entry in found["entries"]]


def test_gallery_is_paged_and_newest_first(visit: Visit) -> None:
    ids = [visit.store.add(paint("red", seed), "red", model=MODEL).entry.id for seed in range(65)]
    first = visit.ask("gallery", model=MODEL, label="red")
    assert [entry["id"] for entry in first["entries"]] == ids[:4:-1]
    assert first["more"]
    rest = visit.ask("gallery", model=MODEL, label="red", offset=60)
    assert [entry["id"] for entry in rest["entries"]] == ids[4::-1]
    assert not rest["more"]


def test_least_sure_come_first_when_asked(visit: Visit) -> None:
    for seed, probability in enumerate((0.9, 0.4, 0.6)):
        said = Answer("red", probability, MODEL, 1, "sure")
        visit.store.add(paint("red", seed), "red", model=MODEL, answer=said)
    found = visit.ask("gallery", model=MODEL, order="unsure")["entries"]
    assert [entry["answer"][1] for entry in found] == [0.4, 0.6, 0.9]


def test_several_are_deleted_and_come_back(visit: Visit) -> None:
    ids = [add(visit, seed=seed) for seed in range(3)]
    changes = visit.tell("gallery/delete", ids=ids[:2])["changes"]
    assert list_ids(visit) == ids[2:]
    visit.tell("gallery/undo", changes=changes)
    assert sorted(list_ids(visit)) == ids


def test_relabelled_and_undone(visit: Visit) -> None:
    number = add(visit)
    changes = visit.tell("gallery/relabel", ids=[number], label="green")["changes"]
    assert visit.store.get(number).label == "green"
    assert visit.tell("gallery/undo", changes=changes)["entries"][0]["label"] == "red"
    assert visit.store.get(number).label == "red"


def test_suggestions_are_approved_rejected_and_relabelled(visit: Visit) -> None:
    ids = [
        visit.store.add(paint("red", seed), "red", model=MODEL, state="pending").entry.id
        for seed in range(3)
    ]
    assert visit.ask("state")["pending"] == 3
    assert list_ids(visit, state="pending") == ids[::-1]
    visit.tell("gallery/approve", ids=ids[:1])
    visit.tell("gallery/approve", ids=ids[1:2], label="green")
    changes = visit.tell("gallery/reject", ids=ids[2:])["changes"]
    assert [visit.store.get(number).state for number in ids] == ["approved"] * 2 + ["rejected"]
    assert visit.store.get(ids[1]).label == "green"
    assert visit.ask("state")["pending"] == 0
    visit.tell("gallery/undo", changes=changes)
    assert list_ids(visit, state="pending") == ids[2:]


def test_later_change_goes_before_undoing(visit: Visit) -> None:
    number = add(visit)
    changes = visit.tell("gallery/relabel", ids=[number], label="green")["changes"]
    visit.tell("gallery/delete", ids=[number])
    assert "changed again since" in visit.refuse("gallery/undo", changes=changes)


def doubt_all(visit: Visit, ids: list[int], too_few: tuple[str, ...] = ()) -> None:
    """Leave what a check after a training leaves, the first ones most in doubt."""
    doubts = tuple(
        Doubt(number, visit.store.get(number).label, "green", 0.9, 0.01 * i)
        for i, number in enumerate(ids)
    )
    visit.store.put_check(MODEL, Check(len(ids), too_few, doubts))


def list_doubts(visit: Visit, **values: object) -> list[int]:
    found = visit.ask("doubts", model=MODEL, **values)
    return [entry["id"] for entry in found["entries"]]


def test_labels_in_doubt_are_told_with_what_they_look_like(visit: Visit) -> None:
    assert visit.ask("doubts", model=MODEL) == {"entries": [], "more": False, "check": None}
    ids = [add(visit, seed=seed) for seed in range(3)]
    doubt_all(visit, ids, too_few=("owl",))
    found = visit.ask("doubts", model=MODEL)
    assert found["check"] == {"pictures": 3, "too_few": ["owl"], "min_groups": 5}
    assert [entry["doubt"] for entry in found["entries"]] == [
        {"suggested": "green", "probability": 0.9}
    ] * 3
    assert visit.ask("state")["doubts"] == 3
    assert list_doubts(visit, offset=1) == ids[1:]


def test_labels_in_doubt_are_paged(visit: Visit) -> None:
    ids = [visit.store.add(paint("red", seed), "red", model=MODEL).entry.id for seed in range(65)]
    doubt_all(visit, ids)
    first = visit.ask("doubts", model=MODEL)
    assert [entry["id"] for entry in first["entries"]] == ids[:60]
    assert first["more"]
    assert list_doubts(visit, offset=60) == ids[60:]


def test_label_in_doubt_is_kept_changed_or_removed_and_each_is_undone(visit: Visit) -> None:
    ids = [add(visit, seed=seed) for seed in range(3)]
    doubt_all(visit, ids)
    kept = visit.tell("gallery/confirm", ids=ids[:1])["changes"]
    changed = visit.tell("gallery/confirm", ids=ids[1:2], label="green")["changes"]
    removed = visit.tell("gallery/delete", ids=ids[2:])["changes"]
    assert list_doubts(visit) == []
    assert visit.ask("state")["doubts"] == 0
    assert [visit.store.get(number).label for number in ids[:2]] == ["red", "green"]
    for number, changes in zip(ids, (kept, changed, removed), strict=True):
        visit.tell("gallery/undo", changes=changes)
        assert number in list_doubts(visit)
    assert [visit.store.get(number).label for number in ids] == ["red"] * 3
    visit.tell("gallery/confirm", ids=ids[:1])
    doubt_all(visit, ids)  # the next training
    assert list_doubts(visit) == ids[1:]


@pytest.mark.parametrize("ids", [None, "1", [1.5], [True], ["x"], [-1], [10**30], {}])
def test_ids_that_are_none_are_a_sentence(visit: Visit, ids: object) -> None:
    assert "Reload the page." in visit.refuse("gallery/delete", ids=ids)


def test_what_is_not_there_is_a_sentence(visit: Visit) -> None:
    assert "no label 99" in visit.refuse("gallery/delete", ids=[99])
    assert "no change 99" in visit.refuse("gallery/undo", changes=[99])
    assert "at most 500" in visit.refuse("gallery/delete", ids=list(range(501)))


@pytest.mark.parametrize(("size", "longest"), [(100, 160), (160, 160), (300, 320), (1024, 400)])
def test_picture_is_sent_small_and_for_this_person_only(
    visit: Visit, size: int, longest: int
) -> None:
    added = visit.add("red", paint("red", size=400)).json()["entry"]
    response = visit.client.get(f"/teach/pictures/{added['sha256']}?size={size}")
    assert Image.open(io.BytesIO(response.content)).size == (longest, longest)
    assert response.headers["content-type"] == "image/jpeg"
    assert response.headers["cache-control"].startswith("private")
    assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("name", ["a" * 64, "x", "..%2f..%2fsecret", "labels.sqlite3"])
def test_no_other_file_is_sent(visit: Visit, name: str) -> None:
    assert visit.client.get(f"/teach/pictures/{name}").status_code == 404


def test_one_wrong_number_changes_nothing(visit: Visit) -> None:
    ids = [add(visit, seed=seed) for seed in range(2)]
    assert "no label 999999" in visit.refuse("gallery/delete", ids=[*ids, 999999])
    assert sorted(list_ids(visit)) == ids
    changes = visit.tell("gallery/delete", ids=ids)["changes"]
    assert "no change" in visit.refuse("gallery/undo", changes=[*changes, 999999])
    assert list_ids(visit) == []
