"""Labels that look wrong: found among clouds, and among drawn images by a tiny network."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
from numpy.typing import NDArray

from inference.errors import UserInputError
from inference.versions.cards import read_card
from inference.versions.catalog import Catalog
from inference.versions.comparison import Comparison, SideMetrics
from labelling.store.entries import Entry
from labelling.store.label_issues import LabelCheck
from labelling.store.store import Store
from tests.inference.tiny_versions import make_card
from tests.trainer.clouds import WIDTH, make_cloud, make_entry, make_remembered
from tests.trainer.commands.test_head import add, encode, read_events
from tests.trainer.drawn import draw
from trainer.commands.check_labels import (
    Reference,
    check_labels,
    describe,
    find_issues,
    find_reference,
    finish_checked,
    summarise,
)
from trainer.commands.head import train_head
from trainer.data.replay_memory import make_empty
from trainer.evaluation.metrics import measure_rate
from trainer.freezing.version_folder import Version
from trainer.head.regression import Head
from trainer.head.training_set import Stored
from trainer.jobs import CancelledError, run_job, run_unlogged
from trainer.options import HeadOptions

ROOT = Path(__file__).resolve().parents[3]
NOTHING = Reference(make_empty(WIDTH))
NAMES = ("cat", "dog", "owl")


def make_images(*parts: tuple[str, int, int], group: str | None = None) -> Stored:
    """Return stored images from (label, place of what is seen, how many); ids count from 1.

    Every fifth one is locked; `group`: one for all.
    """
    entries: list[Entry] = []
    rows: list[NDArray[np.float32]] = []
    for number, (label, place, count) in enumerate(parts):
        for i, row in enumerate(make_cloud(place, count, seed=number)):
            split = "train" if i % 5 else "locked"
            entry = make_entry(f"{number}-{i}", label, split, group and f"{group}{number}")
            entries.append(Entry(**{**vars(entry), "id": len(entries) + 1}))
            rows.append(row)
    return Stored(tuple(entries), np.array(rows, dtype=np.float16).reshape(-1, WIDTH))


def list_found(check: LabelCheck) -> list[tuple[int, str, str]]:
    return [(issue.entry, issue.label, issue.suggested) for issue in check.issues]


def make_reference(
    *counts: int, names: Sequence[str] = NAMES, catch_all: str | None = None
) -> Reference:
    """Return the memory of a network: so many images of each place, a fifth to validate with."""
    parts = []
    for place, count in enumerate(counts):
        parts.append((place, False, make_cloud(place, count, seed=70)))
        parts.append((place, True, make_cloud(place, max(5, count // 5), seed=71)))
    weight = np.eye(len(counts), WIDTH, dtype=np.float32) * 4
    head = Head(weight, np.zeros(len(counts), np.float32))
    return Reference(make_remembered(*parts), tuple(names[: len(counts)]), head, catch_all)


def test_wrong_labels_are_found_in_either_split() -> None:
    stored = make_images(("cat", 0, 30), ("dog", 1, 30), ("cat", 1, 3), ("dog", 0, 3))
    assert {entry.split for entry in stored.entries[60:]} == {"train", "locked"}
    check = find_issues(stored, NOTHING)
    assert (check.images, check.too_few) == (66, ())
    wrong = {(61 + i, "cat", "dog") for i in range(3)} | {(64 + i, "dog", "cat") for i in range(3)}
    assert set(list_found(check)) == wrong
    qualities = [issue.quality for issue in check.issues]
    assert qualities == sorted(qualities)
    assert all(issue.probability > 0.5 > issue.quality >= 0 for issue in check.issues)


def test_right_labels_are_left_alone() -> None:
    stored = make_images(("cat", 0, 20), ("dog", 1, 20), ("owl", 2, 20))
    assert find_issues(stored, NOTHING) == LabelCheck(60, (), ())


def test_third_class_is_suggested() -> None:
    stored = make_images(("cat", 0, 20), ("dog", 1, 20), ("owl", 2, 20), ("cat", 2, 1))
    assert list_found(find_issues(stored, NOTHING)) == [(61, "cat", "owl")]


@pytest.mark.parametrize(("group", "least", "most"), [("burst", 8, 8), (None, 0, 4)])
def test_near_duplicates_do_not_confirm_each_other(
    group: str | None, least: int, most: int
) -> None:
    """A wrong burst is found when it is held out together; singly it would pass as a kind."""
    burst = make_images(("cat", 3, 8), group=group)
    rest = make_images(("cat", 0, 20), ("dog", 1, 20))
    rows = burst.embeddings.copy()
    rows[:] = rest.embeddings[20] + make_cloud(3, 1)[0].astype(np.float16)  # dogs on one lawn
    entries = [Entry(**{**vars(e), "id": 100 + i}) for i, e in enumerate(burst.entries)]
    stored = Stored((*rest.entries, *entries), np.concatenate([rest.embeddings, rows]))
    found = {number for number, *_ in list_found(find_issues(stored, NOTHING))}
    assert least <= len(found & set(range(100, 108))) <= most


@pytest.mark.parametrize(
    ("parts", "images", "too_few"),
    [
        ([], 0, ()),
        ([("cat", 0, 9)], 0, ()),
        ([("cat", 0, 4), ("dog", 1, 4)], 0, ("cat", "dog")),
        ([("cat", 0, 9), ("dog", 1, 4)], 0, ("dog",)),
        ([("cat", 0, 9), ("dog", 1, 9), ("owl", 2, 4)], 18, ("owl",)),
        ([("cat", 0, 5), ("dog", 1, 5)], 10, ()),
    ],
)
def test_too_few_are_named_and_not_checked(
    parts: list[tuple[str, int, int]], images: int, too_few: tuple[str, ...]
) -> None:
    assert find_issues(make_images(*parts), NOTHING) == LabelCheck(images, too_few, ())


def test_alike_images_count_as_one() -> None:
    stored = make_images(("cat", 0, 12), ("dog", 1, 12), group="one")
    assert find_issues(stored, NOTHING) == LabelCheck(0, ("cat", "dog"), ())


def test_memory_helps_where_images_are_few() -> None:
    stored = make_images(("dog", 0, 1), ("dog", 1, 1))
    check = find_issues(stored, make_reference(60, 60))
    assert check.images == 2
    assert list_found(check) == [(1, "dog", "cat")]


def test_image_that_is_remembered_with_its_wrong_label_is_found() -> None:
    known = make_reference(60, 60)
    wrong = known.remembered.targets == 1
    stored = make_images(("dog", 0, 2), ("dog", 1, 20))
    remembered = known.remembered
    rows = remembered.embeddings.copy()
    rows[np.flatnonzero(wrong)[:2]] = stored.embeddings[:2]
    again = Reference(
        type(remembered)(
            rows, remembered.targets, remembered.is_val, remembered.sha256, remembered.groups
        ),
        known.class_names,
        known.head,
    )
    assert {number for number, *_ in list_found(find_issues(stored, again))} == {1, 2}


def test_new_class_that_the_catch_all_held_is_no_issue() -> None:
    """What is remembered as "other" and looks like the new class is left out."""
    known = make_reference(60, 60, names=("cat", "other"), catch_all="other")
    rows = known.remembered.embeddings.copy()
    mine = np.flatnonzero(known.remembered.targets == 1)
    rows[mine[::3]] = make_cloud(5, len(mine[::3]), seed=9).astype(np.float16)
    remembered = type(known.remembered)(
        rows, *(getattr(known.remembered, n) for n in ("targets", "is_val", "sha256", "groups"))
    )
    stored = make_images(("owl", 5, 30), ("owl", 0, 2))
    held = Reference(remembered, known.class_names, known.head, known.catch_all)
    found = {number for number, *_ in list_found(find_issues(stored, held))}
    assert found
    assert found <= {31, 32}


def test_same_images_give_the_same() -> None:
    stored = make_images(("cat", 0, 20), ("dog", 1, 20), ("cat", 1, 3))
    assert find_issues(stored, NOTHING) == find_issues(stored, NOTHING)


# On a store


def add_wrong(store: Store, model: str, label: str, seen: str, count: int) -> set[int]:
    """Add images of one class under the name of another."""
    images = [encode(draw(seen, seed)) for seed in range(900, 900 + count)]
    return {store.add(image, label, model=model).entry.id for image in images}


def fill(store: Store, model: str) -> set[int]:
    """Add forty drawings, three of them wrong; returns these."""
    add(store, "discs", 20, model)
    add(store, "stripes", 17, model)
    return add_wrong(store, model, "discs", "stripes", 3)


def test_check_is_kept_for_the_page(catalog: Catalog, store: Store) -> None:
    wrong = fill(store, "mine")
    with run_unlogged() as job:
        check = check_labels(catalog, store, "mine", job)
    assert check.images == 40
    found = {entry.id for entry, _ in store.find_label_issues("mine")}
    assert len(found & wrong) >= 2
    assert len(found - wrong) <= 3
    assert not (store.data / "training").exists()  # it is no training
    summary = summarise(store, "mine")
    assert {row["label"] for row in summary["issues"]} == found
    assert f"{len(found)} of 40 labels look wrong." in describe(summary)
    assert "Discs, rather Stripes" in describe(summary)


def test_check_predicts_with_what_ships(catalog: Catalog, store: Store) -> None:
    assert find_reference(catalog, "drawn") == catalog.find("drawn", 1)
    assert find_reference(catalog, "mine") == catalog.find("drawn", 1)
    fill(store, "drawn")
    with run_job(store.data, "head", "drawn") as job:
        made = train_head(catalog, store, HeadOptions("drawn"), job)
    catalog.publish("drawn", made.card.version)
    assert catalog.read_current("drawn") == 2
    assert find_reference(catalog, "drawn") == catalog.find("drawn", 1)


def test_check_of_a_new_network_keeps_to_its_backbone(catalog: Catalog, store: Store) -> None:
    fill(store, "mine")
    with run_job(store.data, "head", "mine") as job:
        train_head(catalog, store, HeadOptions("mine"), job)
    judge = read_card(find_reference(catalog, "mine"))
    assert (judge.model, judge.version) == ("drawn", 1)
    assert judge.backbone_key == read_card(catalog.find("mine")).backbone_key


def test_where_nothing_ships_the_version_in_use_predicts(
    catalog: Catalog, store: Store, tmp_path: Path
) -> None:
    fill(store, "mine")
    with run_job(store.data, "head", "mine") as job:
        train_head(catalog, store, HeadOptions("mine"), job)
    alone = Catalog(tmp_path / "nothing", store.data)
    assert find_reference(alone, "mine") == alone.find("mine", 1)


NEW = SideMetrics(class_names=("a", "b"), labels=("a", "b"), top1=measure_rate(np.ones(1, bool)))
FIRST = Comparison(outcome="first", sentence="Published.", new=NEW)
MADE = Version(Path("nowhere"), make_card(model="mine"), FIRST)


def test_cancelled_check_keeps_what_was_trained(catalog: Catalog, store: Store) -> None:
    fill(store, "mine")
    with run_job(store.data, "head", "mine") as job:
        (store.data / "training" / "cancel").touch()
        with pytest.raises(CancelledError):
            check_labels(catalog, store, "mine", job)
        finish_checked(catalog, store, job, MADE)
    last = read_events(store.data)[-1]
    assert (last["event"], last["outcome"]) == ("done", "first")
    assert store.read_label_check("mine") is None


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ModuleNotFoundError("no cleanlab"), "not checked (ModuleNotFoundError); the log says why"),
        (UserInputError("no card"), "not checked (UserInputError); the log says why"),
        (OSError("full"), "not checked (OSError); the log says why"),
        (KeyboardInterrupt(), "not checked: that was cancelled"),
    ],
)
def test_check_that_fails_is_no_failed_training(
    store: Store,
    caplog: pytest.LogCaptureFixture,
    error: BaseException,
    words: str,
) -> None:
    def fail(*given: object) -> NoReturn:
        assert read_events(store.data)[-1]["event"] == "settled"  # said before it may be killed
        raise error

    with run_job(store.data, "head", "mine") as job:
        finish_checked(Catalog(store.data, store.data), store, job, MADE, check=fail)
    last = read_events(store.data)[-1]
    assert (last["event"], last["model"], last["outcome"]) == ("done", "mine", "first")
    assert last["sentence"].startswith("Published. The labels were ")
    assert words in last["sentence"]
    assert bool(caplog.records) == isinstance(error, Exception)


def test_check_is_called_before_each_fit() -> None:
    asked: list[None] = []

    def check() -> None:
        asked.append(None)
        if len(asked) == 3:
            raise CancelledError

    stored = make_images(("cat", 0, 20), ("dog", 1, 20))
    with pytest.raises(CancelledError):
        find_issues(stored, NOTHING, check)
    assert len(asked) == 3


def run(catalog: Catalog, command: str, *options: str) -> str:
    places = ["--data", str(catalog.data), "--exported", str(catalog.exported)]
    words = [sys.executable, "-m", "trainer", command, "--model", "mine", *places, *options]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_training_ends_with_the_check_and_the_command_finds_the_same(
    catalog: Catalog, store: Store
) -> None:
    wrong = fill(store, "mine")
    run(catalog, "head")
    stages = [event.get("stage") for event in read_events(store.data)]
    assert stages[-2:] == ["checking_labels", None]
    assert read_events(store.data)[-1]["event"] == "done"
    after = store.find_label_issues("mine")
    found = json.loads(run(catalog, "check-labels", "--json"))
    assert [row["label"] for row in found["issues"]] == [entry.id for entry, _ in after]
    assert {row["label"] for row in found["issues"]} & wrong
    store.confirm(after[0][0].id, "Ann")
    found = json.loads(run(catalog, "check-labels", "--json"))
    assert after[0][0].id not in [row["label"] for row in found["issues"]]


def test_nothing_to_check_loads_no_library_for_it() -> None:
    """A training of a few images does not wait for cleanlab; PyTorch is never loaded."""
    script = (
        "import sys, numpy as np; from trainer.commands.check_labels import Reference; "
        "from trainer.commands.check_labels import find_issues; "
        "from trainer.head.training_set import Stored; "
        "from trainer.data.replay_memory import make_empty; "
        "find_issues(Stored((), np.zeros((0, 4), np.float16)), Reference(make_empty(4))); "
        "print(*{m.split('.')[0] for m in sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert not set(done.stdout.split()) & {"cleanlab", "sklearn", "torch"}


def test_check_itself_loads_no_torch() -> None:
    script = "import sys, cleanlab.filter; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
