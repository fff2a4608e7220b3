"""What a part of the soak found: figures beside what was promised, and what failed, by name."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table

_SHOWN = 30  # failures

Progress = Callable[[int, int], None]  # how much is done, of how much


@dataclass(frozen=True)
class Figure:
    """One measured figure. `wanted`: what it should be, in words, empty where nothing is."""

    name: str
    value: float | int | str
    unit: str = ""
    wanted: str = ""

    def describe(self) -> str:
        """Return the value as people read it."""
        if isinstance(self.value, float):
            return f"{self.value:,.3g} {self.unit}" if self.value < 100 else f"{self.value:,.0f}"
        shown = f"{self.value:,}" if isinstance(self.value, int) else self.value
        return f"{shown} {self.unit}".strip()


@dataclass
class Findings:
    """What one part found."""

    title: str
    figures: list[Figure] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def add(self, name: str, value: float | str, unit: str = "", wanted: str = "") -> None:
        """Add a figure."""
        self.figures.append(Figure(name, value, unit, wanted))

    def require(self, holds: bool, sentence: str) -> None:
        """Note a failure where something does not hold."""
        if not holds:
            self.failures.append(sentence)

    def to_json(self) -> dict[str, Any]:
        """Return all of it as JSON values."""
        return {
            "title": self.title,
            "figures": {
                one.name: {"value": one.value, "unit": one.unit, "wanted": one.wanted}
                for one in self.figures
            },
            "failures": self.failures,
        }

    def show(self) -> None:
        """Print a table, and under it what failed."""
        console = Console(width=120)
        table = Table(self.title, "found", "wanted", title_justify="left")
        for one in self.figures:
            table.add_row(one.name, one.describe(), one.wanted)
        console.print(table)
        for sentence in self.failures[:_SHOWN]:
            console.print(f"FAILED {sentence}", style="red", markup=False, highlight=False)
        if len(self.failures) > _SHOWN:
            console.print(f"… and {len(self.failures) - _SHOWN} more.")
