"""What decoding does to a worker is seen, named and counted, its death too."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.soak.decoding import (
    MAX_MEMORY,
    MAX_SECONDS,
    PIXELS,
    REFUSED,
    Decoded,
    Files,
    attack,
    is_sentence,
)
from benchmarks.soak.samples import draw, save


def make_good() -> bytes:
    return save(draw(40, 30), "PNG")


def crash() -> bytes:
    """Kill a worker where it would decode; the parent may have the file."""
    if multiprocessing.parent_process():
        os.kill(os.getpid(), signal.SIGSEGV)
    return b"deadly"


def list_deadly() -> dict[str, Callable[[], bytes]]:
    return {"good": make_good, "deadly": crash, "good too": make_good}


@pytest.mark.slow
def test_mutated_files_are_pixels_or_a_sentence(tmp_path: Path) -> None:
    """The short form of `make soak`'s first part."""
    findings = attack(Files(8, 1500), tmp_path / "kept")
    figures = {figure.name: figure.value for figure in findings.figures}
    assert not findings.failures
    assert figures["read"] > 300
    assert figures["read"] + figures["refused in a sentence"] == 1500
    assert 0 < figures["most CPU for one"] < MAX_SECONDS
    assert not (tmp_path / "kept").exists()


@pytest.mark.slow
def test_crash_is_seen_and_the_file_kept(tmp_path: Path) -> None:
    files = Files(0, 150, list_deadly)
    findings = attack(files, tmp_path)
    assert sum(figure.value for figure in findings.figures[2:5]) == len(files)  # each once
    assert len(findings.failures) == 3  # once for each size that is asked for
    for words in findings.failures:
        assert f"crashed ({-signal.SIGSEGV})" in words
        assert "deadly" in words
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"deadly"] * 3


def test_faults_are_named() -> None:
    assert Decoded(0, "", PIXELS, MAX_SECONDS, MAX_MEMORY).find_fault() is None
    assert Decoded(0, "", REFUSED, 0, 0).find_fault() is None
    assert Decoded(0, "", REFUSED, 2.1, 0).find_fault() is None  # it was stopped
    assert "2.1 s" in str(Decoded(0, "", PIXELS, 2.1, 0).find_fault())
    assert "2.6 s" in str(Decoded(0, "", REFUSED, 2.6, 0).find_fault())
    assert "401 MB" in str(Decoded(0, "", PIXELS, 0, 401_000_000).find_fault())
    assert Decoded(0, "", "KeyError: 'a'", 0, 0).find_fault() == "KeyError: 'a'"


def test_sentences_are_told_from_internals() -> None:
    assert is_sentence("This file is empty. Choose a picture.")
    assert not is_sentence("cannot identify image file <_io.BytesIO object at 0x7f3a2>.")
    assert not is_sentence("No end")
