"""Kills a really running page at random moments, again and again, and looks what is left.

A data folder lives through a few dozen kills: while teachers add, change and import labels, train,
publish, delete and restore, the page is killed, or its training, or both, or a page that is only
starting. Then it is started again, and all that it had acknowledged must be there.
"""

import random
import shutil
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks.soak.acknowledged import Acknowledged
from benchmarks.soak.findings import Findings, Progress
from benchmarks.soak.intact import Inspector
from benchmarks.soak.running_page import Place, RunningPage, start_page
from benchmarks.soak.samples import draw, save
from benchmarks.soak.teachers import (
    LABELS,
    Act,
    Teacher,
    Visit,
    add,
    change,
    fetch,
    import_zip,
    publish,
    repeat,
    restore,
    train,
)
from inference.process import count_usable_cores
from inference.versions.catalog import Catalog
from labelling.exchange.projects import write_project
from labelling.store.store import Store

KILLS_A_FOLDER = 25  # then a new data folder: what is restored would fill the disk
_LONGEST = 2.0  # seconds that teachers work before a kill
_STARTING = 0.15  # of the kills hit a page that is starting
_ENOUGH = 12  # images a class, with which a training begins
_IN_PROJECT = 10  # images
_ACTS: tuple[Act, ...] = (add, add, change, import_zip, restore, publish, train, fetch)

Project = tuple[bytes, int]


def attack(
    kills: int, seed: int, folder: Path, progress: Progress | None = None, workers: int = 0
) -> Findings:
    """Kill pages so many times, in `folder`; several data folders at once, one a core."""
    start, project = time.monotonic(), make_project(folder)
    sizes = [min(KILLS_A_FOLDER, kills - first) for first in range(0, kills, KILLS_A_FOLDER)]
    lives = [
        Life(Place(folder / f"folder-{n}"), size, f"{seed}/{n}", n, project)
        for n, size in enumerate(sizes)
    ]
    with ThreadPoolExecutor(workers or count_usable_cores()) as pool:
        running = [pool.submit(life.live) for life in lives]
        while not all(future.done() for future in running):
            if progress:
                progress(sum(life.killed for life in lives), kills)
            time.sleep(0.5)
        for future in running:
            future.result()
    return summarise(lives, time.monotonic() - start)


def make_project(folder: Path) -> Project:
    """Return a project file with images and without a version, and how many images."""
    with Store(folder / "origin") as store:
        for seed in range(_IN_PROJECT):
            image = save(draw(12, 9, seed).resize((120, 90)), "JPEG")
            store.add(image, LABELS[seed % 2], model="origin", who="soak")
        path = folder / "origin.zip"
        write_project(store, Catalog(folder / "none", folder / "origin"), "origin", path)
    return path.read_bytes(), _IN_PROJECT


def summarise(lives: Sequence["Life"], seconds: float) -> Findings:
    """Return the figures of all data folders."""
    findings, counts = Findings("kills"), Counter[str]()
    for life in lives:
        counts.update(life.counts)
        left = [f"{path} was left behind" for path in life.left]
        findings.failures += [f"{life.place.folder.name}: {w}" for w in (*life.failures, *left)]
    findings.add("kills", sum(life.killed for life in lives), wanted="200 or more")
    for name in sorted(name for name in counts if name.startswith("killed")):
        findings.add(f"of them {name}", counts[name])
    total = sum(life.acknowledged.total for life in lives)
    findings.add("acknowledged labels and changes", total)
    findings.add("of them lost", sum("entry" in f or "imported" in f for f in findings.failures))
    for name in sorted(name for name in counts if not name.startswith("killed")):
        findings.add(name, counts[name])
    findings.add("left behind", sum(len(life.left) for life in lives), wanted="0")
    findings.add("anything wrong after a start", len(findings.failures), wanted="0")
    findings.add("took", seconds, "s")
    return findings


@dataclass
class Life:
    """One data folder and the kills that it lives through. `number` also gives its address."""

    place: Place
    kills: int
    seed: str
    number: int
    project: Project
    killed: int = 0
    acknowledged: Acknowledged = field(default_factory=Acknowledged)
    counts: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Choose by its seed."""
        self._chance = random.Random(self.seed)
        self._orphans: list[psutil.Process] = []
        self._inspector: Inspector | None = None

    def live(self) -> None:
        """Kill, start again and look, until the end or the first failure; then stop politely."""
        try:
            while self.killed < self.kills and not self.failures:
                self._start_and_kill()
            if not self.failures:
                self._stop()
        except Exception as error:  # noqa: BLE001  (reported with what else failed)
            self.failures.append(f"after {self.killed} kills: {error!r}")
        finally:
            _kill_all(self._orphans)
        if not self.failures and not self.left:
            # A training that began just before a kill may still be writing there.
            shutil.rmtree(self.place.folder, ignore_errors=True)

    def _start_and_kill(self) -> None:
        page = start_page(self.place)
        try:
            if self.killed and self._chance.random() < _STARTING:
                time.sleep(self._chance.uniform(0, 2.5))
                self.counts["killed while starting"] += 1
            else:
                self._work(page)
        finally:
            page.kill()
        self.killed += 1

    def _work(self, page: RunningPage) -> None:
        """Look at a page that was started, let teachers work, and kill."""
        with ExitStack() as stack:
            visit = self._visit(page, stack)
            teachers = [self._hire(visit, n, stack) for n in range(len(_ACTS))]
            if not self.acknowledged.labels:
                for _ in range(_ENOUGH * len(LABELS)):
                    add(teachers[0])
            threads = [
                threading.Thread(target=repeat, args=pair)
                for pair in zip(teachers, _ACTS, strict=True)
            ]
            for thread in threads:
                thread.start()
            time.sleep(self._chance.uniform(0, _LONGEST))
            self._kill(page, visit)
            for thread in threads:
                thread.join()
        self.counts.update(visit.counts)
        self.failures += visit.failures

    def _visit(self, page: RunningPage, stack: ExitStack) -> Visit:
        page.wait_until_ready()
        http = page.connect(self._address(0), sign_in=True)
        stack.callback(http.close)
        last = self._inspector
        inspector = Inspector(page, http, self.acknowledged, self._chance)
        if last:
            inspector.seen, inspector.whole = last.seen, last.whole
            inspector.known_versions, inspector.expected = last.known_versions, last.expected
            inspector.reported = last.reported
        self._inspector = inspector
        inspector.inspect()
        self.failures += inspector.failures
        self.left += inspector.left
        return Visit(
            page, self.acknowledged, self.project, inspector.list_versions(), self.killed + 1
        )

    def _hire(self, visit: Visit, number: int, stack: ExitStack) -> Teacher:
        """Return a teacher with a connection of their own, from an address of their own."""
        http = visit.page.connect(self._address(number + 1), sign_in=True)
        stack.callback(http.close)
        chance = random.Random(f"{self.seed}/{self.killed}/{number}")
        return Teacher(visit, http, chance, serial=1000 * number)

    def _kill(self, page: RunningPage, visit: Visit) -> None:
        trainings, kind = page.list_trainings(), self._chance.random()
        if kind < 0.2 and trainings:
            _kill_all(trainings)
            time.sleep(0.2)
            self.counts["killed with its training before it"] += 1
        visit.killed.set()
        page.kill()
        if 0.2 <= kind < 0.6 and trainings:
            _kill_all(trainings)
            self.counts["killed with its training"] += 1
        elif kind >= 0.6 and trainings:
            self._orphans += trainings
            self.counts["killed while its training goes on"] += 1

    def _stop(self) -> None:
        page = start_page(self.place)
        try:
            with ExitStack() as stack:
                self._visit(page, stack)
            status = page.stop()
        finally:
            page.kill()
        if status:
            self.failures.append(f"SIGTERM ended it with {status}")
        if "Traceback" in self.place.read_log():
            self.failures.append(f"there is a traceback in {self.place.log}")

    def _address(self, number: int) -> str:
        return f"127.0.{self.number + 1}.{number + 1}"


def _kill_all(processes: Sequence[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
