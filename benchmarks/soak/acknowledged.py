"""What a page has acknowledged before it was killed, and what it was about to do."""

import threading
from dataclasses import dataclass, field


@dataclass
class Acknowledged:
    """What must still hold after a kill. Safe between threads.

    `labels`: number of an entry → its label, None for one that was deleted; `changing`: the same
    for changes that were sent and not acknowledged, which may have been made or not. `named`: file
    name → label of what was imported. `current`: the versions of the model that may be in use.
    `projects`: model → how many images it was restored with; `restoring`: those under way.
    """

    labels: dict[int, str | None] = field(default_factory=dict)
    changing: dict[int, str | None] = field(default_factory=dict)
    named: dict[str, str] = field(default_factory=dict)
    current: set[int] = field(default_factory=set)
    deleted_versions: set[int] = field(default_factory=set)
    projects: dict[str, int] = field(default_factory=dict)
    restoring: dict[str, int] = field(default_factory=dict)
    total: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, number: int, label: str) -> None:
        """Note an image that was added."""
        with self.lock:
            self.labels[number] = label
            self.total += 1

    def add_named(self, name: str, label: str) -> None:
        """Note an image of an import, of which only the file's name is known."""
        with self.lock:
            self.named[name] = label
            self.total += 1

    def begin_change(self, number: int, label: str | None) -> None:
        """Note a change that is being sent; None deletes."""
        with self.lock:
            self.changing[number] = label

    def end_change(self, number: int, made: bool) -> None:
        """Note that a change was acknowledged, or refused."""
        with self.lock:
            label = self.changing.pop(number)
            if made:
                self.labels[number] = label
                self.total += 1

    def choose(self, index: int) -> int | None:
        """Return the number of an entry that is there; None where there is none."""
        with self.lock:
            there = [number for number, label in self.labels.items() if label is not None]
        return there[index % len(there)] if there else None

    def compare(self, found: dict[int, str], names: dict[str, str]) -> list[str]:
        """Return what was lost, given the labels and names that are there; and go on from those."""
        lost = []
        for number, label in self.labels.items():
            allowed = {label, self.changing.get(number, label)}
            if found.get(number) not in allowed:
                lost.append(f"entry {number} is {found.get(number)}, not {label}")
        for name, label in self.named.items():
            if names.get(name) != label:
                lost.append(f"imported {name} is {names.get(name)}, not {label}")
        gone = {number: None for number in self.labels if number not in found}
        self.labels, self.changing, self.named = {**found, **gone}, {}, {}
        return lost
