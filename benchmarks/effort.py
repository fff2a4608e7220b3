"""How much `python -m benchmarks` measures: the whole, or a little to try it out."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Effort:
    """How much is measured.

    `rounds` of `calls` for each image size; windows of `seconds`; `starts` of each page; `requests`
    before its memory is read; a folder of `images`; one epoch on `training_images` of each class,
    `epochs` times.
    """

    rounds: int = 5
    calls: int = 12
    seconds: float = 8.0
    starts: int = 3
    requests: int = 1000
    images: int = 2000
    training_images: int = 200
    epochs: int = 3


QUICK = Effort(
    rounds=1, calls=3, seconds=2, starts=1, requests=200, images=100, training_images=40, epochs=1
)
