"""Counts what clients were answered, and how long that took."""

import threading
from collections import Counter, defaultdict
from dataclasses import dataclass, field

import numpy as np

_KEPT = 200  # failures in words; more are only counted


@dataclass
class Tally:
    """Answers by kind. Safe between threads.

    `seconds`: of every good answer. `busy`: honest refusals. `answers`: of hostile requests, by
    attack and status. `failures`: words → how often.
    """

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    busy: Counter[str] = field(default_factory=Counter)
    answers: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    failures: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def take(self, kind: str, seconds: float) -> None:
        """Count a good answer."""
        with self._lock:
            self.seconds[kind].append(seconds)

    def refuse(self, kind: str) -> None:
        """Count an honest refusal of a good client."""
        with self._lock:
            self.busy[kind] += 1

    def answer(self, attack: str, status: int | None) -> None:
        """Count the answer to a hostile request; None where there was none."""
        with self._lock:
            self.answers[attack][str(status or "no answer")] += 1

    def fail(self, words: str) -> None:
        """Note what should not have been."""
        with self._lock:
            if words in self.failures or len(self.failures) < _KEPT:
                self.failures[words] += 1
            else:
                self.failures["others"] += 1

    def measure(self, *kinds: str) -> dict[str, float]:
        """Return the quantiles of kinds of answers, in milliseconds; empty where there is none."""
        found = [seconds for kind in kinds for seconds in self.seconds.get(kind, [])]
        if not found:
            return {}
        marks = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "most": 1.0}
        return {name: 1000 * float(np.quantile(found, mark)) for name, mark in marks.items()}
