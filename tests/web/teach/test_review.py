"""The gallery of a class, suggestions, corrections and undoing them."""

import io

import pytest
from PIL import Image

from labelling.store.entries import RecordedPrediction
from labelling.store.label_issues import LabelCheck, LabelIssue
from tests.web.teach_page import MODEL, Visit, paint


def add(visit: Visit, label: str = "red", seed: int = 0) -> int:
    return int(visit.add(label, paint(label, seed)).json()["entry"]["id"])


def list_ids(visit: Visit, **values: object) -> list[int]:
    found = visit.get("gallery", model=MODEL, **values)
    return [entry["id"] for entry in found["entries"]]


def test_gallery_is_paged_and_newest_first(visit: Visit) -> None:
    ids = [visit.store.add(paint("red", seed), "red", model=MODEL).entry.id for seed in range(65)]
    first = visit.get("gallery", model=MODEL, label="red")
    assert [entry["id"] for entry in first["entries"]] == ids[:4:-1]
    assert first["more"]
    rest = visit.get("gallery", model=MODEL, label="red", offset=60)
    assert [entry["id"] for entry in rest["entries"]] == ids[4::-1]
    assert not rest["more"]


def test_least_sure_first_is_an_order(visit: Visit) -> None:
    for seed, probability in enumerate((0.9, 0.4, 0.6)):
        said = RecordedPrediction("red", probability, MODEL, 1, "sure")
        visit.store.add(paint("red", seed), "red", model=MODEL, prediction=said)
    found = visit.get("gallery", model=MODEL, order="unsure")["entries"]
    assert [entry["answer"]["probability"] for entry in found] == [0.4, 0.6, 0.9]


def test_several_are_deleted_and_come_back(visit: Visit) -> None:
    ids = [add(visit, seed=seed) for seed in range(3)]
    changes = visit.post("gallery/delete", ids=ids[:2])["changes"]
    assert list_ids(visit) == ids[2:]
    visit.post("gallery/undo", changes=changes)
    assert sorted(list_ids(visit)) == ids


def test_relabelled_and_undone(visit: Visit) -> None:
    number = add(visit)
    changes = visit.post("gallery/relabel", ids=[number], label="green")["changes"]
    assert visit.store.get(number).label == "green"
    assert visit.post("gallery/undo", changes=changes)["entries"][0]["label"] == "red"
    assert visit.store.get(number).label == "red"


def test_suggestions_are_approved_rejected_and_relabelled(visit: Visit) -> None:
    ids = [
        visit.store.add(paint("red", seed), "red", model=MODEL, state="pending").entry.id
        for seed in range(3)
    ]
    assert visit.get("state")["pending"] == 3
    assert list_ids(visit, state="pending") == ids[::-1]
    visit.post("gallery/approve", ids=ids[:1])
    visit.post("gallery/approve", ids=ids[1:2], label="green")
    changes = visit.post("gallery/reject", ids=ids[2:])["changes"]
    assert [visit.store.get(number).state for number in ids] == ["approved"] * 2 + ["rejected"]
    assert visit.store.get(ids[1]).label == "green"
    assert visit.get("state")["pending"] == 0
    visit.post("gallery/undo", changes=changes)
    assert list_ids(visit, state="pending") == ids[2:]


def test_later_change_goes_before_undoing(visit: Visit) -> None:
    number = add(visit)
    changes = visit.post("gallery/relabel", ids=[number], label="green")["changes"]
    visit.post("gallery/delete", ids=[number])
    assert "changed again since" in visit.refuse("gallery/undo", changes=changes)


def report_all(visit: Visit, ids: list[int], too_few: tuple[str, ...] = ()) -> None:
    """Leave what a check after a training leaves, the first ones the worst."""
    issues = tuple(
        LabelIssue(number, visit.store.get(number).label, "green", 0.9, 0.01 * i)
        for i, number in enumerate(ids)
    )
    visit.store.put_label_check(MODEL, LabelCheck(len(ids), too_few, issues))


def list_label_issues(visit: Visit, **values: object) -> list[int]:
    found = visit.get("label-issues", model=MODEL, **values)
    return [entry["id"] for entry in found["entries"]]


def test_label_issues_come_with_what_they_look_like(visit: Visit) -> None:
    assert visit.get("label-issues", model=MODEL) == {"entries": [], "more": False, "check": None}
    ids = [add(visit, seed=seed) for seed in range(3)]
    report_all(visit, ids, too_few=("owl",))
    found = visit.get("label-issues", model=MODEL)
    assert found["check"] == {"images": 3, "too_few": ["owl"], "min_groups": 5}
    assert [entry["issue"] for entry in found["entries"]] == [
        {"suggested": "green", "probability": 0.9}
    ] * 3
    assert visit.get("state")["label_issues"] == 3
    assert list_label_issues(visit, offset=1) == ids[1:]


def test_label_issues_are_paged(visit: Visit) -> None:
    ids = [visit.store.add(paint("red", seed), "red", model=MODEL).entry.id for seed in range(65)]
    report_all(visit, ids)
    first = visit.get("label-issues", model=MODEL)
    assert [entry["id"] for entry in first["entries"]] == ids[:60]
    assert first["more"]
    assert list_label_issues(visit, offset=60) == ids[60:]


def test_label_issue_is_kept_changed_or_removed_and_each_is_undone(visit: Visit) -> None:
    ids = [add(visit, seed=seed) for seed in range(3)]
    report_all(visit, ids)
    kept = visit.post("gallery/confirm", ids=ids[:1])["changes"]
    changed = visit.post("gallery/confirm", ids=ids[1:2], label="green")["changes"]
    removed = visit.post("gallery/delete", ids=ids[2:])["changes"]
    assert list_label_issues(visit) == []
    assert visit.get("state")["label_issues"] == 0
    assert [visit.store.get(number).label for number in ids[:2]] == ["red", "green"]
    for number, changes in zip(ids, (kept, changed, removed), strict=True):
        visit.post("gallery/undo", changes=changes)
        assert number in list_label_issues(visit)
    assert [visit.store.get(number).label for number in ids] == ["red"] * 3
    visit.post("gallery/confirm", ids=ids[:1])
    report_all(visit, ids)  # the next training
    assert list_label_issues(visit) == ids[1:]


@pytest.mark.parametrize("ids", [None, "1", [1.5], [True], ["x"], [-1], [10**30], {}])
def test_ids_must_be_whole_numbers(visit: Visit, ids: object) -> None:
    assert "Reload the page." in visit.refuse("gallery/delete", ids=ids)


def test_missing_entries_and_too_many_are_refused(visit: Visit) -> None:
    assert "no label 99" in visit.refuse("gallery/delete", ids=[99])
    assert "no change 99" in visit.refuse("gallery/undo", changes=[99])
    assert "at most 500" in visit.refuse("gallery/delete", ids=list(range(501)))


@pytest.mark.parametrize(("size", "longest"), [(100, 160), (160, 160), (300, 320), (1024, 400)])
def test_image_is_sent_small_and_cached_privately(visit: Visit, size: int, longest: int) -> None:
    added = visit.add("red", paint("red", size=400)).json()["entry"]
    response = visit.client.get(f"/teach/images/{added['sha256']}?size={size}")
    assert Image.open(io.BytesIO(response.content)).size == (longest, longest)
    assert response.headers["content-type"] == "image/jpeg"
    assert response.headers["cache-control"].startswith("private")
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize("name", ["a" * 64, "x", "..%2f..%2fsecret", "labels.sqlite3"])
def test_no_other_file_is_sent(visit: Visit, name: str) -> None:
    assert visit.client.get(f"/teach/images/{name}").status_code == 404


def test_one_wrong_number_changes_nothing(visit: Visit) -> None:
    ids = [add(visit, seed=seed) for seed in range(2)]
    assert "no label 999999" in visit.refuse("gallery/delete", ids=[*ids, 999999])
    assert sorted(list_ids(visit)) == ids
    changes = visit.post("gallery/delete", ids=ids)["changes"]
    assert "no change" in visit.refuse("gallery/undo", changes=[*changes, 999999])
    assert list_ids(visit) == []
