"""What is compared with a card, and what older cards are spared."""

import hashlib
import shutil
from pathlib import Path

import pytest

from inference.errors import UserInputError
from inference.versions.cards import read_card
from inference.versions.catalog import Catalog
from inference.versions.integrity import (
    check_file,
    check_version,
    find_fault,
    hash_graph,
    try_version,
)
from tests.inference.tiny_versions import put_card, write_version


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_version(tmp_path / "colours" / "1")


def test_every_flipped_byte_of_what_answers_is_seen(folder: Path) -> None:
    check_version(folder)
    for name in ("model.onnx", "model.json"):
        path, whole = folder / name, (folder / name).read_bytes()
        for place in range(0, len(whole), 7):
            changed = bytearray(whole)
            changed[place] ^= 1
            path.write_bytes(changed)
            with pytest.raises(UserInputError):
                check_version(folder)
        for length in range(0, len(whole), 101):
            path.write_bytes(whole[:length])
            with pytest.raises(UserInputError):
                check_version(folder)
        path.write_bytes(whole)
    check_version(folder)


def test_shipped_version_is_whole(exported: Path, tmp_path: Path) -> None:
    shipped = Catalog(exported).find("hotdog")
    card = try_version(shipped)
    assert hash_graph(shipped / "model.onnx") == (
        card.graph_sha256,
        (shipped / "model.json").read_text(encoding="utf-8"),
    )
    for name in card.files:
        check_file(shipped, card, name)


def test_another_version_s_network_is_seen(folder: Path, tmp_path: Path) -> None:
    other = write_version(tmp_path / "colours" / "2", version=2)
    shutil.copy(other / "model.onnx", folder)
    with pytest.raises(UserInputError, match=r"not the card that model\.onnx holds"):
        check_version(folder)


def test_card_of_the_first_release_has_no_hash_and_is_accepted(tmp_path: Path) -> None:
    folder = write_version(tmp_path / "colours" / "1", whole=False)
    assert not read_card(folder).graph_sha256
    assert find_fault(folder) is None
    assert try_version(folder) == read_card(folder)


@pytest.mark.parametrize("content", [None, b"changed"])
def test_file_beside_the_network_is_the_one_written(folder: Path, content: bytes | None) -> None:
    path = folder / "memory.npz"
    path.write_bytes(b"numbers")
    files = {path.name: hashlib.sha256(b"numbers").hexdigest()}
    put_card(folder, read_card(folder).model_copy(update={"files": files}))
    check_version(folder)
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(UserInputError, match=r"memory\.npz of colours version 1 is (missing|dam)"):
        check_version(folder)


def test_fault_is_found_once_and_again_where_a_file_changed(folder: Path) -> None:
    assert find_fault(folder) is None
    whole = (folder / "model.json").read_bytes()
    (folder / "model.json").write_bytes(b"[]")
    assert find_fault(folder)
    (folder / "model.json").write_bytes(whole)
    assert find_fault(folder) is None


@pytest.mark.parametrize("name", ["model.json", "model.onnx"])
def test_folder_in_place_of_a_file_is_a_sentence(folder: Path, name: str) -> None:
    (folder / name).unlink()
    (folder / name).mkdir()
    assert find_fault(folder)


@pytest.mark.parametrize("head", [b"", b"\x72\x80\xda\xc4\x09"], ids=["network", "metadata"])
def test_endless_fields_are_not_followed(tmp_path: Path, head: bytes) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(head + b"\x72\0" * 10_000_000)
    with pytest.raises(ValueError, match="too many fields"):
        hash_graph(path)
