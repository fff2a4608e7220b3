"""The key that signs teachers' cookies, and those that were signed out."""

import multiprocessing
import os
import stat
import time
from pathlib import Path

import pytest
from starlette.responses import Response

from inference.errors import UserInputError
from tests.web.requests import make_access, make_cookies, make_request
from web.access.cookies import SignedOut, read_secret


def test_key_is_kept_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "data" / "secret"
    first = read_secret(path)
    assert len(first) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    assert read_secret(path) == first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in path.parent.iterdir()] == ["secret"]


@pytest.mark.parametrize("left", [b"", b"half of it"])
def test_key_that_a_full_disk_cut_short_signs_nothing(tmp_path: Path, left: bytes) -> None:
    path = tmp_path / "secret"
    path.write_bytes(left)
    found = read_secret(path)
    assert len(found) == 32
    assert read_secret(path) == found
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.slow
def test_several_pages_that_start_at_once_have_one_key(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        for number in range(5):
            path = tmp_path / str(number) / "secret"
            assert len(set(pool.map(read_secret, [path] * 8, chunksize=1))) == 1


def test_key_is_kept_where_a_disk_has_no_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    assert read_secret(tmp_path / "secret") == read_secret(tmp_path / "secret")
    assert [p.name for p in tmp_path.iterdir()] == ["secret"]


def test_folder_that_cannot_be_used_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("no folder")
    with pytest.raises(UserInputError, match=r"cannot be kept in .*data: .*--data"):
        read_secret(tmp_path / "data" / "secret")


def test_signed_out_cookie_stays_so_after_a_restart(tmp_path: Path) -> None:
    first = make_access(password="secret", signed_out=SignedOut(tmp_path / "out"))
    mine, other = make_cookies(first), make_cookies(first)
    first.sign_out(make_request(cookies=mine), Response())
    first.sign_out(make_request(), Response())  # nobody
    restarted = make_access(password="secret", signed_out=SignedOut(tmp_path / "out"))
    for access in (first, restarted):
        assert access.name_teacher(make_request(cookies=mine)) is None
        assert access.name_teacher(make_request(cookies=other)) == "teacher"


def test_page_beside_it_on_the_same_folder_knows_at_once(tmp_path: Path) -> None:
    first, second = SignedOut(tmp_path), SignedOut(tmp_path)
    assert "a" * 16 not in second
    first.add("a" * 16)
    assert "a" * 16 in second


def test_only_what_has_ended_is_forgotten(tmp_path: Path) -> None:
    signed_out, ended = SignedOut(tmp_path), time.time() - 3605
    names = [f"{number:016x}" for number in range(12_000)]  # more than were ever kept before
    for name in names[:20]:
        signed_out.add(name)
    for name in names[20:]:
        (tmp_path / name).touch()
    for name in names[:5]:
        os.utime(tmp_path / name, (ended, ended))
    signed_out.add("f" * 16)
    again = SignedOut(tmp_path)
    assert not [name for name in names[:5] if name in again]
    assert all(name in again for name in [*names[5:], "f" * 16])


def test_signing_out_counts_until_the_end_where_it_cannot_be_written(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "out").write_text("no folder")
    signed_out = SignedOut(tmp_path / "out")
    signed_out.add("a" * 16)
    assert "a" * 16 in signed_out
    assert "until the next start only" in caplog.text
