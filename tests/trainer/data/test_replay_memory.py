from pathlib import Path

import numpy as np

from tests.trainer.clouds import WIDTH, make_cloud, make_remembered
from trainer.data.replay_memory import join_rows, make_empty, read_memory, write_memory


def test_memory_is_read_as_it_was_written(tmp_path: Path) -> None:
    rows = make_remembered((0, False, make_cloud(0, 2)), (1, True, make_cloud(1, 1)), names="abc")
    write_memory(tmp_path, rows)
    found = read_memory(tmp_path, WIDTH)
    assert found.list_files() == ["a", "b", "c"]
    assert (found.embeddings == rows.embeddings).all()
    assert found.targets.tolist() == [0, 0, 1]
    assert found.is_val.tolist() == [False, False, True]
    assert found.groups.tolist() == [b"a", b"b", b"c"]


def test_older_memory_knows_no_files(tmp_path: Path) -> None:
    np.savez(
        tmp_path / "memory.npz",
        embeddings=make_cloud(0, 2).astype(np.float16),
        targets=np.array([0, 1], dtype=np.int16),
        is_val=np.array([False, True]),
    )
    assert read_memory(tmp_path, WIDTH).list_files() == ["", ""]


def test_version_without_memory_remembers_nothing(tmp_path: Path) -> None:
    assert len(read_memory(tmp_path, WIDTH)) == 0
    assert read_memory(tmp_path, WIDTH).embeddings.shape == (0, WIDTH)


def test_rows_of_known_files_are_forgotten_and_those_without_a_file_stay() -> None:
    rows = make_remembered((0, False, make_cloud(0, 3)), names=["a", "", "c"])
    assert rows.forget({"a"}).list_files() == ["", "c"]


def test_rows_are_joined_in_order() -> None:
    rows = make_remembered((3, True, make_cloud(0, 2)))
    joined = join_rows([make_empty(WIDTH), rows, rows])
    assert joined.targets.tolist() == [3, 3, 3, 3]
    assert joined.is_val.all()
