"""Probe inputs are the same on every machine."""

import hashlib

import numpy as np
import pytest

from inference.versions.probes import SHAPES, list_probes, make_probe


def test_probes_never_change() -> None:
    """Cards hold the answers to these very pixels: another digest breaks every card."""
    digest = hashlib.sha256(b"".join(make_probe(*probe).tobytes() for probe in list_probes()))
    assert digest.hexdigest() == "e5c227f7e678d70f3483e14d9b40be57275fbc879010b78523f98dfa0029bb81"


@pytest.mark.parametrize("probe", list_probes())
def test_probe_is_a_picture_of_waves(probe: tuple[int, int, int]) -> None:
    image = make_probe(*probe)
    assert image.shape == (*probe[:2], 3)
    assert image.dtype == np.uint8
    assert image.min() < 5
    assert image.max() > 250
    steps = np.abs(np.diff(image.astype(int), axis=1))
    assert np.median(steps) <= 12


def test_probes_differ() -> None:
    assert len(set(list_probes())) == len(SHAPES)
    assert not np.array_equal(make_probe(50, 50, 0), make_probe(50, 50, 1))
