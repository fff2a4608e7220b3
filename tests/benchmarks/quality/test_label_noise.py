"""What the label noise benchmark draws, flips and adds up; its pools are small clouds."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from benchmarks.quality import label_noise
from benchmarks.quality.label_noise import Draw, Pool, describe, draw_images, flip, run, summarise
from tests.trainer.clouds import WIDTH, make_cloud
from trainer.commands.check_labels import Reference
from trainer.data.replay_memory import make_empty


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Pool:
    """Sixty images of two classes, of which forty are drawn."""
    monkeypatch.setattr(label_noise, "COUNT", 20)
    start: Any = SimpleNamespace(own=False)
    return Pool(
        np.concatenate([make_cloud(0, 30), make_cloud(1, 30)]).astype(np.float16),
        tuple(f"picture {i}" for i in range(60)),
        ("cat",) * 30 + ("dog",) * 30,
        np.zeros(60, dtype=bool),
        Reference(make_empty(WIDTH)),
        start,
    )


def test_a_tenth_of_the_labels_is_flipped() -> None:
    labels = ["cat"] * 20 + ["dog"] * 20
    flipped = flip(labels, np.random.default_rng(0))
    assert sum(a != b for a, b in zip(labels, flipped, strict=True)) == 4
    assert set(flipped) == {"cat", "dog"}


def test_unseen_images_are_never_drawn(pool: Pool) -> None:
    unseen = np.arange(60) % 3 == 0
    kept = replace(pool, unseen=unseen)
    for seed in range(5):
        chosen = draw_images(kept, np.random.default_rng(seed))
        assert len(set(chosen)) == 40
        assert not unseen[chosen].any()


def test_check_finds_what_was_flipped_and_correcting_helps(pool: Pool) -> None:
    drawn = run(pool, 0)
    assert drawn.flipped == 4
    assert drawn.hits >= 3
    assert drawn.flagged <= 6
    assert drawn.flagged_clean <= 1
    assert drawn.unseen == 20
    assert drawn.corrected >= drawn.noisy
    assert drawn.gate in {"published", "held_back", "candidate"}


def test_draws_are_added_up() -> None:
    one = Draw(20, 22, 18, 1, 0.9, 0.8, 0.9, 100, "published", "published")
    found = summarise([one, replace(one, hits=16, noisy=0.7, gate="held_back")])
    assert (found["recall"].correct, found["recall"].n) == (34, 40)
    assert (found["precision"].correct, found["precision"].n) == (34, 44)
    rate, spread = found["accuracy"]["noisy"]
    assert (rate.value, rate.n) == (0.75, 100)
    assert spread == pytest.approx(0.05)
    assert found["gate"] == {"published": 1, "held_back": 1}
    text = describe({"a network": found})
    assert "flipped labels that the check finds: 85.0% (n = 40" in text
    assert "the gate, flipped labels: 1 published, 1 held back" in text
