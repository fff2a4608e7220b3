"""A memory from elsewhere is judged before it is unpacked: what a few kilobytes may not become."""

import io
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labelling.exchange.foreign_memory import is_memory
from tests.labelling.project_files import write_memory


def write_packed(path: Path, **arrays: np.ndarray) -> Path:
    np.savez_compressed(path, **arrays)
    return path


def make_rows(count: int, **changes: Any) -> dict[str, np.ndarray]:
    rows = {
        "embeddings": np.zeros((count, 1), np.float16),
        "targets": np.zeros(count, np.int8),
        "is_val": np.zeros(count, bool),
    }
    return rows | changes


def test_a_memory_of_ours_passes(tmp_path: Path) -> None:
    write_memory(tmp_path / "memory.npz")
    assert is_memory(tmp_path / "memory.npz", 2)
    assert is_memory(write_packed(tmp_path / "old.npz", **make_rows(9)), 2)


@pytest.mark.parametrize(
    "arrays",
    [
        make_rows(3_000_000, sha256=np.zeros(3_000_000, "S1")),
        make_rows(2, group=np.zeros(2, "S20000000")),
        make_rows(2, group=np.zeros(2, "U64")),
        make_rows(2, more=np.zeros(20_000_000, np.int8)),
        make_rows(2, targets=np.zeros((2, 20_000_000), np.int8)),
    ],
    ids=["narrow text", "wide text", "wide characters", "another array", "more dimensions"],
)
def test_what_would_grow_is_refused_unread(tmp_path: Path, arrays: dict[str, Any]) -> None:
    path = write_packed(tmp_path / "memory.npz", **arrays)
    tracemalloc.start()
    try:
        assert not is_memory(path, 2)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


def test_a_header_that_tells_more_than_the_file_holds_is_refused(tmp_path: Path) -> None:
    path = write_packed(tmp_path / "memory.npz", **make_rows(2))
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    told = io.BytesIO()
    header = {"descr": "<f2", "fortran_order": False, "shape": (2, 10**12)}
    np.lib.format.write_array_header_1_0(told, header)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in (files | {"embeddings.npy": told.getvalue()}).items():
            archive.writestr(name, data)
    assert not is_memory(path, 2)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_array_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    path = write_packed(tmp_path / "memory.npz", **make_rows(2))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("targets.npy", archive.read("targets.npy"))
    assert not is_memory(path, 2)


def test_an_array_under_a_password_is_refused(tmp_path: Path) -> None:
    path = write_packed(tmp_path / "memory.npz", **make_rows(2))
    data = bytearray(path.read_bytes())
    for signature, flags in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        data[data.index(signature) + flags] |= 1
    path.write_bytes(data)
    assert not is_memory(path, 2)
