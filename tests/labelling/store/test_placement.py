from pathlib import Path

import pytest

from labelling.images.encoding import PreparedImage
from labelling.store.adding import Annotation
from labelling.store.database import Database
from labelling.store.placement import FIRST_TRAIN_GROUPS
from labelling.store.store import Store
from tests.labelling.stored import enter, make_dhash, make_sha256


def fill_train(store: Store, label: str = "cat", model: str = "") -> None:
    """Give a class its first groups, so that the next one's name decides."""
    for i in range(FIRST_TRAIN_GROUPS):
        enter(store, make_sha256(100 + i), make_dhash(100 + i), label, model)


def test_the_first_groups_of_a_class_are_trained_on(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        splits = [
            enter(store, make_sha256(i, locked=True), make_dhash(i)).split
            for i in range(FIRST_TRAIN_GROUPS + 2)
        ]
    assert splits == ["train"] * FIRST_TRAIN_GROUPS + ["locked"] * 2


def test_near_duplicates_of_the_first_are_one_group(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        for i in range(5):
            near = enter(store, make_sha256(i, locked=True), make_dhash(1, range(3 * i)))
            assert (near.split, near.group) == ("train", make_sha256(0, locked=True))
        assert store.count("")["cat"].groups == 1
        for i in range(5, 8):
            entry = enter(store, make_sha256(i, locked=True), make_dhash(i))
            assert entry.split == ("locked" if i == 7 else "train")


def test_about_a_fifth_of_later_groups_is_locked(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        names = [make_sha256(i, locked=i % 5 == 0) for i in range(50)]
        for i, name in enumerate(names):
            enter(store, name, make_dhash(i))
        counts = store.count("")["cat"]
    assert (counts.train, counts.locked, counts.groups) == (41, 9, 50)


@pytest.mark.parametrize(("bits", "joined"), [(0, True), (20, True), (21, False), (256, False)])
def test_up_to_twenty_bits_are_a_near_duplicate(tmp_path: Path, bits: int, joined: bool) -> None:
    with Store(tmp_path) as store:
        first = enter(store, make_sha256(1), make_dhash(1))
        sha256, dhash = make_sha256(2), make_dhash(1, range(bits))
        prepared = PreparedImage(b"p", sha256, dhash, 9, 9, sha256)
        added = store.enter(prepared, Annotation("dog"))
        assert added.near == (first if joined else None)
        assert (added.entry.group == first.group) == joined


def test_plain_images_are_near_nothing(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        plain = bytes(32), b"\xff" * 32, b"\xff\xff" + bytes(30)
        entries = [enter(store, make_sha256(i), dhash) for i, dhash in enumerate(plain * 2)]
        assert len({entry.group for entry in entries}) == 6
        other = enter(store, make_sha256(9), b"\xff\xff\xff" + bytes(29))  # 8 bits from the third
    assert other.group == other.sha256


@pytest.mark.parametrize("split", ["train", "locked"])
def test_near_duplicates_join_the_split_whatever_their_own_hash(tmp_path: Path, split: str) -> None:
    locked = split == "locked"
    with Store(tmp_path) as store:
        fill_train(store)
        first = enter(store, make_sha256(1, locked=locked), make_dhash(1))
        near = enter(store, make_sha256(2, locked=not locked), make_dhash(1, range(9)), "dog")
    assert first.split == near.split == split
    assert near.group == first.group


def test_between_both_splits_an_image_is_excluded(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        fill_train(store)
        train = enter(store, make_sha256(1), make_dhash(1))
        locked = enter(store, make_sha256(2, locked=True), make_dhash(1, range(30)))
        assert (train.split, locked.split) == ("train", "locked")
        between = enter(store, make_sha256(3), make_dhash(1, range(15)))
        assert (between.split, between.group) == ("excluded", between.sha256)
        assert store.get(train.id) == train
        assert store.get(locked.id) == locked
        counts = store.count("")["cat"]
        assert (counts.excluded, counts.groups) == (1, FIRST_TRAIN_GROUPS + 2)
        near_excluded = enter(store, make_sha256(4), make_dhash(1, [*range(15), *range(200, 218)]))
        assert (near_excluded.split, near_excluded.group) == ("excluded", between.sha256)


def test_groups_of_one_split_that_an_image_joins_become_one(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        one = enter(store, make_sha256(1), make_dhash(1))
        other = enter(store, make_sha256(2), make_dhash(1, range(30)))
        assert one.group != other.group
        between = enter(store, make_sha256(3), make_dhash(1, range(15)))
        groups = {store.get(entry.id).group for entry in (one, other, between)}
        assert groups == {min(one.group, other.group)}
        assert store.count("")["cat"].groups == 1


def test_a_deleted_image_still_holds_its_near_duplicates_in_its_split(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        fill_train(store)
        locked = enter(store, make_sha256(1, locked=True), make_dhash(1))
        store.delete(locked.id, "Ann")
        store.purge(0)
        near = enter(store, make_sha256(2), make_dhash(1, range(3)))
    assert (near.split, near.group) == ("locked", locked.group)


def test_the_split_is_one_for_all_models(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        fill_train(store, model="pets")
        locked = enter(store, make_sha256(1, locked=True), make_dhash(1), model="pets")
        near = enter(store, make_sha256(2, locked=False), make_dhash(1, range(3)), model="food")
        again = enter(store, locked.sha256, make_dhash(1), model="food")
    assert locked.split == near.split == again.split == "locked"


def test_near_labels_are_those_of_the_model(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        enter(store, make_sha256(1), make_dhash(1), model="pets")

        def find_near(number: int, model: str) -> str | None:
            sha256 = make_sha256(number)
            prepared = PreparedImage(b"p", sha256, make_dhash(1, range(number)), 9, 9, sha256)
            near = store.enter(prepared, Annotation("cat", model=model)).near
            return near.sha256 if near else None

        assert find_near(2, "food") is None
        assert find_near(3, "pets") == make_sha256(1)
        assert find_near(4, "") == make_sha256(3)
        assert find_near(5, "food") == make_sha256(4)


def test_new_images_of_others_are_seen(tmp_path: Path) -> None:
    with Store(tmp_path) as one, Store(tmp_path) as other:
        for i in range(1500):
            store = one if i % 2 else other
            if i < 20 or i > 1480:
                enter(store, make_sha256(i), make_dhash(i))
        for i in (0, 1, 19, 1499, 1498):
            for number, store in enumerate((one, other)):
                near = enter(store, make_sha256(5000 + 2 * i + number), make_dhash(i, range(2)))
                assert near.group == make_sha256(i)


def test_many_hashes_are_searched_fast_enough(tmp_path: Path) -> None:
    """The list of hashes grows and finds the one alike among thousands."""
    database = Database(tmp_path / "labels.sqlite3")
    with Store(tmp_path) as store:
        rows = [(make_sha256(i), make_dhash(i), make_sha256(i)) for i in range(3000)]
        with database.writing() as connection:
            connection.executemany(
                "INSERT INTO images (sha256, dhash, width, height, grp, split) "
                "VALUES (?, ?, 1, 1, ?, 'train')",
                rows,
            )
        for i in (0, 1023, 1024, 2999):
            near = enter(store, make_sha256(9000 + i), make_dhash(i, range(12)))
            assert near.group == make_sha256(i)
    database.close()
