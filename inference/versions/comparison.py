"""`comparison.json` of a version: how it did against the one in use, on the same locked images.

The trainer writes it (`trainer.evaluation.comparison`), the page and the catalog read it.
"""

from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from inference.versions.cards import Metrics, Parent

FILE = "comparison.json"

Outcome = Literal["first", "published", "held_back", "candidate"]


class SideMetrics(Metrics):
    """What was measured of one of the two.

    `top1` is of the images whose class both know. `labels` name the rows of `confusion`: the
    version's own classes, in the order of its columns, then those that it lacks.
    """

    class_names: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()


class ComparedImage(BaseModel):
    """A locked image: a stored one (`sha256`), or one remembered as numbers only (`row`).

    `old`, `new`: what each version answered, and its probability (0–1).
    """

    model_config = ConfigDict(frozen=True)

    label: str
    sha256: str | None = None
    row: int | None = None
    old: tuple[str, float] | None = None
    new: tuple[str, float]

    @property
    def differs(self) -> bool:
        """Whether the two answered differently."""
        return self.old is not None and self.old[0] != self.new[0]


class Comparison(BaseModel):
    """What became of a new version, and why.

    `locked` images are of classes that both versions know; `better` and `worse` of them changed
    sides; `p` is two-sided. `set_aside` counts locked images whose label is in doubt.
    """

    model_config = ConfigDict(frozen=True)

    outcome: Outcome
    sentence: str = ""
    against: Parent | None = None
    locked: int = 0
    better: int = 0
    worse: int = 0
    p: float | None = None
    set_aside: int = 0
    new_classes: tuple[str, ...] = ()
    old: SideMetrics | None = None
    new: SideMetrics
    images: tuple[ComparedImage, ...] = Field(
        default=(), validation_alias=AliasChoices("images", "pictures")
    )

    @property
    def publishes(self) -> bool:
        """Whether the gate lets the new version be used at once."""
        return self.outcome in ("first", "published")


def write_comparison(folder: Path, comparison: Comparison) -> None:
    """Write a comparison into a version's folder."""
    (folder / FILE).write_text(comparison.model_dump_json(), encoding="utf-8")


def read_comparison(folder: Path) -> Comparison | None:
    """Return a version's comparison; None where there is none that can be read."""
    try:
        return Comparison.model_validate_json((folder / FILE).read_bytes())
    except (OSError, ValidationError):
        return None
