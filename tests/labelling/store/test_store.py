"""The store as its users see it; what near-duplicates do to it is in test_groups."""

import random
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from inference.atomic_files import ScratchFolder
from inference.errors import UserInputError
from inference.images import decode
from labelling.images.encoding import hash_bytes
from labelling.images.files import ARRIVED, ARRIVING, ImageFiles
from labelling.store.adding import Annotation
from labelling.store.entries import RecordedPrediction
from labelling.store.labels import MAX_CLASSES
from labelling.store.store import Store
from tests.labelling.sample_files import encode, make_image
from tests.labelling.stored import (
    add_images,
    enter,
    list_image_files,
    make_dhash,
    make_sha256,
)
from tests.running import ROOT

CAT = encode(make_image(1))
PREDICTION = RecordedPrediction("dog", 0.75, "pets", 3, "unsure")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path) as opened:
        yield opened


# Adding


def test_a_label_keeps_what_was_said(store: Store) -> None:
    added = store.add(
        CAT, " cat ", model="pets", who="Ann", prediction=PREDICTION, name="a/My cat.jpg"
    )
    entry = added.entry
    assert (added.existed, added.near) == (False, None)
    assert (entry.label, entry.model, entry.state, entry.who) == ("cat", "pets", "approved", "Ann")
    assert (entry.prediction, entry.name, entry.split) == (PREDICTION, "My cat.jpg", "train")
    assert (entry.width, entry.height, entry.group) == (96, 96, entry.sha256)
    assert entry.origin_sha256 == hash_bytes(CAT)
    made = datetime.fromisoformat(entry.created)
    assert abs(datetime.now(UTC) - made) < timedelta(minutes=1)
    data = store.read_bytes(entry.sha256)
    assert hash_bytes(data) == entry.sha256
    assert store.path(entry.sha256).read_bytes() == data
    assert decode(data).shape == (96, 96, 3)
    assert store.get(entry.id) == entry


def test_it_is_there_when_the_store_is_opened_again(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        entry = store.add(CAT, "cat").entry
    with Store(tmp_path) as store:
        assert store.find("") == [entry]


@pytest.mark.parametrize("way", ["given", "stored", "image"])
def test_the_same_image_again_changes_nothing(store: Store, way: str) -> None:
    first = store.add(CAT, "cat", model="pets")
    if way == "given":
        again = store.add(CAT, "cat", model="pets", who="Bob", state="pending")
    elif way == "stored":
        again = store.add(store.read_bytes(first.entry.sha256), "cat", model="pets")
    else:
        again = store.add_image(decode(CAT), Annotation("cat", model="pets"))
    assert again == replace(first, existed=True, change=0)
    assert len(store.find(None)) == 1


def test_a_decoded_image_is_known_by_its_file(store: Store) -> None:
    small = decode(CAT)[::2, ::2]
    added = store.add_image(small, Annotation("cat"), hash_bytes(CAT))
    assert (added.entry.origin_sha256, added.entry.width) == (hash_bytes(CAT), 48)
    assert store.add(CAT, "cat").existed
    alone = store.add_image(np.full((5, 4, 3), 9, np.uint8), Annotation("dog"))
    assert alone.entry.origin_sha256 == alone.entry.sha256


def test_a_image_may_have_a_label_a_model(store: Store) -> None:
    store.add(CAT, "cat", model="pets")
    assert store.add(CAT, "animal", model="zoo").entry.label == "animal"
    assert store.add(CAT, "something").entry.label == "something"
    assert [entry.label for entry in store.find("pets")] == ["cat"]
    assert [entry.label for entry in store.find("zoo")] == ["animal"]
    assert [entry.label for entry in store.find("food")] == ["something"]
    assert len(list_image_files(store.data)) == 1
    assert store.list_models() == ["", "pets", "zoo"]


def test_another_label_is_refused_unless_asked_for(store: Store) -> None:
    entry = store.add(CAT, "cat").entry
    with pytest.raises(UserInputError, match=r"labelled 'cat' already, not 'dog'"):
        store.add(CAT, "dog")
    assert store.get(entry.id) == entry
    changed = store.add(CAT, "dog", relabel=True)
    assert (changed.entry.label, changed.existed) == ("dog", False)
    assert store.undo(changed.change, "Ann") == entry


@pytest.mark.parametrize(
    ("was", "given", "becomes"),
    [
        ("pending", ("cat", "approved"), ("cat", "approved")),
        ("pending", ("dog", "approved"), ("dog", "approved")),
        ("rejected", ("cat", "approved"), ("cat", "approved")),
        ("rejected", ("cat", "pending"), ("cat", "rejected")),
        ("rejected", ("dog", "pending"), ("dog", "pending")),
        ("approved", ("cat", "pending"), ("cat", "approved")),
        ("pending", ("cat", "pending"), ("cat", "pending")),
    ],
)
def test_what_is_approved_goes_before_what_is_suggested(
    store: Store, was: str, given: tuple[str, str], becomes: tuple[str, str]
) -> None:
    first = store.add(CAT, "cat", state=was)
    added = store.add(CAT, given[0], state=given[1])
    assert (added.entry.label, added.entry.state) == becomes
    assert added.existed == (becomes == ("cat", was))
    if not added.existed:
        assert store.undo(added.change, "Ann") == first.entry


@pytest.mark.parametrize("state", ["approved", "pending"])
def test_a_suggestion_does_not_change_a_label(store: Store, state: str) -> None:
    store.add(CAT, "cat", state=state)
    with pytest.raises(UserInputError, match="labelled 'cat' already"):
        store.add(CAT, "dog", state="pending")


@pytest.mark.parametrize(
    "wrong",
    [{"label": "a/b"}, {"label": ""}, {"model": "../x"}, {"state": "good"}, {"state": ""}],
    ids=str,
)
def test_what_cannot_be_is_refused_before_anything_is_kept(
    store: Store, wrong: dict[str, str]
) -> None:
    values = {"label": "cat"} | wrong
    with pytest.raises(UserInputError):
        store.add(CAT, values.pop("label"), **values)  # type: ignore[arg-type]
    assert store.find(None) == []
    assert list_image_files(store.data) == set()


@pytest.mark.parametrize("data", [b"", b"<html>", CAT[:500]], ids=["empty", "page", "truncated"])
def test_what_is_no_image_is_refused(store: Store, data: bytes) -> None:
    with pytest.raises(UserInputError):
        store.add(data, "cat")
    assert store.knows([hash_bytes(data)]) == set()


def test_names_from_anywhere_are_kept_safe(store: Store) -> None:
    odd = RecordedPrediction("a\ud800", np.float32(0.5), "m\n", 1, "sure")  # type: ignore[arg-type]
    entry = store.add(CAT, "cat", who="Ann\n\ud800", name="C:\\x\\a\0.jpg", prediction=odd).entry
    assert (entry.who, entry.name) == ("Ann ?", "a .jpg")
    assert entry.prediction == RecordedPrediction("a?", 0.5, "m", 1, "sure")


def test_there_are_at_most_a_hundred_classes(store: Store) -> None:
    for i in range(MAX_CLASSES):
        enter(store, make_sha256(i), make_dhash(i), f"class {i}", "pets" if i % 2 else "")
    with pytest.raises(UserInputError, match="100 classes already"):
        store.add(CAT, "one more", model="pets")
    assert store.add(CAT, "class 7", model="pets").entry.label == "class 7"
    entry = store.find("pets", label="class 9")[0]
    with pytest.raises(UserInputError, match="100 classes already"):
        store.relabel(entry.id, "one more", "Ann")
    store.add(CAT, "one more", model="food")


# Looking


def test_the_model_s_own_label_goes_before_that_for_every_model(store: Store) -> None:
    general = store.add(CAT, "animal").entry
    own = store.add(CAT, "cat", model="pets").entry
    assert store.find("pets") == [own]
    assert store.find("") == [general]
    store.reject(own.id, "Ann")
    assert store.find("pets") == []  # rejected for this model, so not learnt through the other
    store.delete(own.id, "Ann")
    assert store.find("pets") == [general]
    assert list(store.count("pets")) == ["animal"]


def test_labels_are_found_by_state_class_and_order(store: Store) -> None:
    surest = [0.9, None, 0.3, 0.6]
    for seed, probability in enumerate(surest):
        answer = None if probability is None else replace(PREDICTION, probability=probability)
        state = "pending" if seed == 3 else "approved"
        store.add(
            encode(make_image(seed)), "cat" if seed < 3 else "dog", state=state, prediction=answer
        )
    everything = ("pending", "approved", "rejected")

    def numbers(**options: object) -> list[int]:
        return [entry.id - 1 for entry in store.find("", **options)]  # type: ignore[arg-type]

    assert numbers() == [2, 1, 0]
    assert numbers(states=everything) == [3, 2, 1, 0]
    assert numbers(states=everything, order="unsure") == [2, 3, 0, 1]
    assert numbers(states=("pending",)) == [3]
    assert numbers(states=()) == []
    assert numbers(label="dog") == []
    assert numbers(limit=1) == [2]
    assert numbers(limit=1, offset=1) == [1]
    assert numbers(offset=2) == [0]


def test_classes_are_counted(store: Store) -> None:
    for i in range(5):
        enter(store, make_sha256(i, locked=i > 2), make_dhash(i))
    enter(store, make_sha256(9), make_dhash(0, range(5)))
    store.add(CAT, "dog", state="pending")
    store.add(encode(make_image(2)), "bird", state="rejected")
    counts = store.count("")
    cat, dog = counts["cat"], counts["dog"]
    assert list(counts) == ["cat", "dog"]
    assert (cat.train, cat.locked, cat.excluded, cat.groups, cat.pending) == (4, 2, 0, 5, 0)
    assert (dog.train, dog.groups, dog.pending) == (0, 0, 1)


def test_what_was_ever_here_is_known(store: Store) -> None:
    entry = store.add(CAT, "cat").entry
    asked = [entry.sha256, entry.origin_sha256, "0" * 64]
    assert store.knows(asked) == set(asked[:2])
    store.delete(entry.id, "Ann")
    store.purge(0)
    assert store.knows(asked) == set(asked[:2])


def test_there_is_no_such_label(store: Store) -> None:
    for ask in (store.get, lambda n: store.delete(n, ""), lambda n: store.approve(n, "")):
        with pytest.raises(UserInputError, match="no label 7"):
            ask(7)
    with pytest.raises(UserInputError, match="no change 7"):
        store.undo(7, "")
    with pytest.raises(UserInputError, match="no change 0"):
        store.undo(0, "")


def test_embeddings_are_kept_a_backbone(store: Store) -> None:
    entry = store.add(CAT, "cat").entry
    vector = np.arange(5, dtype=np.float16) / 3
    store.put_embeddings("a", {entry.sha256: vector, "0" * 64: vector})
    found = store.read_embeddings("a", [entry.sha256, "0" * 64])
    assert list(found) == [entry.sha256]
    assert found[entry.sha256].dtype == np.float16
    np.testing.assert_array_equal(found[entry.sha256], vector)
    assert store.read_embeddings("b", [entry.sha256]) == {}
    store.put_embeddings("a", {entry.sha256: vector + 1})
    np.testing.assert_array_equal(
        store.read_embeddings("a", [entry.sha256])[entry.sha256], vector + 1
    )


# Removing


def test_purging_removes_what_nobody_needs(store: Store) -> None:
    kept, shared, rejected, deleted = (added.entry for added in add_images(store, "c", range(4)))
    other = store.add(encode(make_image(1)), "cat", model="pets").entry
    store.put_embeddings("a", {deleted.sha256: np.zeros(3, np.float16)})
    for entry in (shared, deleted):
        store.delete(entry.id, "Ann")
    change = store.reject(rejected.id, "Ann")
    assert store.purge(3600) == 0
    assert store.purge(0) == 2
    assert list_image_files(store.data) == {kept.sha256, shared.sha256}
    assert store.find(None, states=("approved", "rejected")) == [other, kept]
    assert store.read_embeddings("a", [deleted.sha256]) == {}
    with pytest.raises(UserInputError, match="removed for good"):
        store.undo(change, "Ann")
    assert store.purge(0) == 0


def test_a_purged_image_may_come_again(store: Store) -> None:
    entry = store.add(CAT, "cat").entry
    store.delete(entry.id, "Ann")
    store.purge(0)
    again = store.add(CAT, "dog", who="Bob")
    assert not again.existed
    assert (again.entry.label, again.entry.split) == ("dog", entry.split)
    assert hash_bytes(store.read_bytes(entry.sha256)) == entry.sha256
    assert store.find("") == [again.entry]


def test_purging_sweeps_files_that_no_label_names(store: Store) -> None:
    entry = store.add(CAT, "cat").entry
    orphan = hash_bytes(b"orphan")
    ImageFiles(store.data / "pictures").write(orphan, b"orphan")
    assert store.purge(3600) == 1
    assert list_image_files(store.data) == {entry.sha256}


def test_a_file_that_was_swept_before_its_row_came_is_written_again(store: Store) -> None:
    prepared = store.prepare(CAT)
    ImageFiles(store.data / "pictures").write(prepared.sha256, prepared.data)
    store.purge(0)
    entry = store.add(CAT, "cat").entry
    assert store.read_bytes(entry.sha256) == prepared.data
    known = store.prepare(CAT)
    assert known.data == b""
    store.path(entry.sha256).unlink()
    with pytest.raises(UserInputError, match="removed just now"):
        store.enter(known, Annotation("cat"))
    assert store.add(CAT, "cat").existed  # which mends it
    assert store.read_bytes(entry.sha256) == prepared.data


# At once


def test_threads_share_a_store(store: Store) -> None:
    images = [encode(make_image(seed, 48)) for seed in range(20)]
    problems: list[Exception] = []

    def work(number: int) -> None:
        try:
            order = random.Random(number).sample(range(20), 20)
            for i in order:
                added = store.add(images[i], f"class {i % 3}", who=f"thread {number}")
                store.find("", limit=3)
                store.read_bytes(added.entry.sha256)
        except (UserInputError, sqlite3.Error) as error:
            problems.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert len(store.find("")) == len(list_image_files(store.data)) == 20


def start_writer(data: Path, first: int, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.labelling.writer", str(data), str(first), str(count)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_processes_share_a_store(tmp_path: Path) -> None:
    writers = [start_writer(tmp_path, first, 30) for first in (0, 15)]
    acknowledged = [writer.communicate(timeout=60)[0].splitlines() for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0]
    assert [len(lines) for lines in acknowledged] == [30, 30]
    both = {line.split()[2]: line for line in acknowledged[0]}
    assert all(both.get(line.split()[2], line) == line for line in acknowledged[1])
    with Store(tmp_path) as store:
        assert len(store.find("")) == 45
        counts = store.count("")
        assert sum(c.train + c.locked for c in counts.values()) == 45


@pytest.mark.slow
def test_acknowledged_labels_survive_kills(tmp_path: Path) -> None:
    """Kills writers, three at a time, at random moments; every printed line must be there."""
    chance, acknowledged, killed = random.Random(4), list[str](), 0
    for round_number in range(5):
        writers = [start_writer(tmp_path, 1000 * round_number + 7 * i, 1000) for i in range(3)]
        for writer in writers:
            assert writer.stdout
            acknowledged.append(writer.stdout.readline())
        for writer in writers:
            with pytest.raises(subprocess.TimeoutExpired):
                writer.wait(timeout=chance.uniform(0, 0.1))
            writer.kill()
        for writer in writers:
            assert writer.stdout
            acknowledged += [line for line in writer.stdout if line.endswith("\n")]
            writer.stdout.close()
            killed += writer.wait() == -9
    assert killed == 15
    assert len(acknowledged) > 15  # more than the first of each writer
    with Store(tmp_path) as store:
        there = {entry.id: entry for entry in store.find("")}
        for number, sha256, seed in map(str.split, acknowledged):
            entry = there[int(number)]
            assert (entry.sha256, entry.label) == (sha256, f"class-{int(seed) % 5}")
        for entry in there.values():
            assert decode(store.read_bytes(entry.sha256)).shape == (96, 96, 3)
        connection = sqlite3.connect(tmp_path / "labels.sqlite3")
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        connection.close()
        store.purge(3600)
        assert list_image_files(tmp_path) == {entry.sha256 for entry in there.values()}


def test_a_withdrawn_image_is_gone_at_once(store: Store) -> None:
    kept, _ = add_images(store, "cat", range(2))
    given = encode(make_image(7))
    added = store.add(given, "dog", state="pending", who="visitor")
    store.withdraw(added.change, "visitor")
    assert not store.path(added.entry.sha256).exists()
    assert store.path(kept.entry.sha256).exists()
    assert store.knows([added.entry.sha256]) == {added.entry.sha256}
    with pytest.raises(UserInputError, match="undone already"):
        store.withdraw(added.change, "visitor")


@pytest.mark.parametrize("act", ["reject", "delete"])
def test_a_withdrawn_image_stays_where_a_teacher_had_it_before(store: Store, act: str) -> None:
    given = encode(make_image(7))
    entry = store.add(given, "cat", model="pets", who="Ann").entry
    done = getattr(store, act)(entry.id, "Ann")
    added = store.add(given, "dog", model="pets", state="pending", who="visitor")
    assert added.change
    store.withdraw(added.change, "visitor")
    assert store.path(entry.sha256).exists()
    assert store.undo(done, "Ann").state == "approved"
    assert store.read_bytes(entry.sha256)


def test_a_withdrawn_image_stays_where_another_model_had_it(store: Store) -> None:
    given = encode(make_image(7))
    entry = store.add(given, "cat", model="pets", who="Ann").entry
    done = store.delete(entry.id, "Ann")
    added = store.add(given, "dog", model="others", state="pending", who="visitor")
    store.withdraw(added.change, "visitor")
    assert store.undo(done, "Ann").label == "cat"
    assert store.path(entry.sha256).exists()


def test_a_image_that_was_withdrawn_can_be_so_again(store: Store) -> None:
    given = encode(make_image(7))
    for _ in range(2):
        added = store.add(given, "dog", state="pending", who="visitor")
        assert store.path(added.entry.sha256).exists()
        store.withdraw(added.change, "visitor")
        assert not store.path(added.entry.sha256).exists()


def test_a_withdrawn_image_stays_where_another_label_needs_it(store: Store) -> None:
    given = encode(make_image(7))
    store.add(given, "cat", model="pets")
    added = store.add(given, "dog", model="others", state="pending")
    store.withdraw(added.change, "visitor")
    assert store.path(added.entry.sha256).exists()
    assert [entry.label for entry in store.find("pets")] == ["cat"]


def test_what_killed_processes_left_is_removed_when_a_store_is_opened(tmp_path: Path) -> None:
    for name in (f"{ARRIVING}old", f"{ARRIVED}unlisted"):
        (tmp_path / name / "inner").mkdir(parents=True)
    with ScratchFolder(tmp_path, ARRIVING) as held, Store(tmp_path):
        assert list(tmp_path.glob(".*-*")) == [Path(held)]
