from pathlib import Path

import pytest
from PIL import Image

from benchmarks.results import draw, summarise


def test_ratios_are_of_medians_to_the_named_peer() -> None:
    found = summarise({"ours": [1.0, 2.0, 9.0], "peer": [4.0, 4.0]}, "peer", "ms")
    assert found["rows"]["ours"]["median"] == 2
    assert found["rows"]["ours"]["ratio"] == pytest.approx(0.5)
    assert found["rows"]["peer"]["ratio"] == 1
    assert (found["unit"], found["against"]) == ("ms", "peer")


def test_plot_is_an_image(tmp_path: Path) -> None:
    found = {f"task {i}": summarise({"ours": [1], "peer": [2]}, "peer", "s") for i in range(3)}
    draw(found, tmp_path / "plot.png")
    with Image.open(tmp_path / "plot.png") as image:
        assert image.size[0] > 500
