"""Decodes mutated and hostile files in worker processes, and measures what each of them costs.

A worker that crashes, or that hangs, is seen by the parent, which names and saves the file and
starts another. What a file costs is the CPU seconds of the worker and of what it starts, and the
peak of their resident memory above what they have at rest.
"""

import faulthandler
import multiprocessing as mp
import os
import re
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path

from benchmarks.soak.costs import Meter
from benchmarks.soak.findings import Findings, Progress
from benchmarks.soak.mutations import MutatedFile, mutate
from inference.errors import UserInputError
from inference.images import decode
from inference.process import count_usable_cores, give_back_freed_memory, keep_to_one_thread

MAX_SECONDS = 2.0  # of CPU, of a file that is read
STOPPING = 0.5  # seconds more, of one that is refused since it took too long
MAX_MEMORY = 400_000_000  # bytes above the worker's own
_CHUNK = 100  # files that a worker gets at a time
_HANGING = 300.0  # seconds, after which a worker is killed; a busy machine is slow
_SAVED = 100  # files at most
_MIN_SIDES = (None, 256, 1024)  # pixels: the whole, what a network is shown, what is stored
PIXELS, REFUSED = "pixels", "refused"

Named = Mapping[str, Callable[[], bytes]]
ListFiles = Callable[[], Named]


@dataclass(frozen=True)
class Decoded:
    """What became of one file: `outcome` is pixels, refused, or what went wrong."""

    number: int
    name: str
    outcome: str
    seconds: float
    memory: int

    def find_fault(self) -> str | None:
        """Return what is wrong, None where nothing is."""
        if self.outcome not in (PIXELS, REFUSED):
            return self.outcome
        if self.seconds > MAX_SECONDS + (STOPPING if self.outcome == REFUSED else 0):
            return f"{self.seconds:.1f} s of CPU"
        if self.memory > MAX_MEMORY:
            return f"{self.memory / 1e6:.0f} MB above the base"
        return None


@dataclass(frozen=True)
class Files:
    """All files to decode: hostile ones by name come first, then `mutated` ones of a seed.

    Hostile ones come once for each size that is asked for. `list_hostile` returns name → what
    makes the file; workers call it too, so it has a name.
    """

    seed: int
    mutated: int
    list_hostile: ListFiles = dict

    @property
    def hostile(self) -> Named:
        """Name → what makes the file."""
        return _list_once(self.list_hostile)

    def __len__(self) -> int:
        return len(_MIN_SIDES) * len(self.hostile) + self.mutated

    def make(self, number: int) -> MutatedFile:
        """Return one of them."""
        named = len(_MIN_SIDES) * len(self.hostile)
        if number >= named:
            return mutate(self.seed, number - named)
        name = list(self.hostile)[number // len(_MIN_SIDES)]
        return MutatedFile(name, self.hostile[name]())


@cache
def _list_once(list_files: ListFiles) -> Named:
    return list_files()


def attack(files: Files, folder: Path, progress: Progress | None = None) -> Findings:
    """Decode all files on all cores; those that fail are saved in `folder`."""
    start, found = time.monotonic(), list[Decoded]()
    keep_to_one_thread()
    for decoded in decode_all(files, count_usable_cores()):
        found.append(decoded)
        if decoded.find_fault():
            _save(files.make(decoded.number), decoded, folder)
        if progress:
            progress(len(found), len(files))
    return summarise(files, found, time.monotonic() - start)


def summarise(files: Files, found: Sequence[Decoded], seconds: float) -> Findings:
    """Return the figures, and each file that failed."""
    findings, outcomes = Findings("picture files"), Counter(one.outcome for one in found)
    slowest = max(found, key=lambda one: one.seconds)
    largest = max(found, key=lambda one: one.memory)
    findings.add("mutated files", files.mutated, wanted="100,000 or more")
    findings.add("hostile files by name", len(files.hostile))
    findings.add("read", outcomes[PIXELS])
    findings.add("refused in a sentence", outcomes[REFUSED])
    findings.add("anything else", len(found) - outcomes[PIXELS] - outcomes[REFUSED], wanted="0")
    findings.add("most CPU for one", slowest.seconds, "s", f"{MAX_SECONDS:.0f} s or less")
    findings.add("which was", slowest.name)
    findings.add("most memory for one", largest.memory / 1e6, "MB", f"{MAX_MEMORY / 1e6:.0f} MB")
    findings.add("which was", largest.name)
    findings.add("CPU for one, mean", 1000 * sum(d.seconds for d in found) / len(found), "ms")
    findings.add("took", seconds, "s")
    findings.require(len(found) == len(files), f"only {len(found)} of {len(files)} were decoded")
    for one in found:
        fault = one.find_fault()
        findings.require(fault is None, f"file {files.seed}-{one.number}: {fault}. {one.name}")
    return findings


def decode_all(files: Files, workers: int) -> Iterator[Decoded]:
    """Yield what became of each file, in no particular order."""
    chunks = [
        range(first, min(first + _CHUNK, len(files))) for first in range(0, len(files), _CHUNK)
    ]
    chunks.reverse()
    running = [_Worker(files) for _ in range(min(workers, len(chunks)))]
    try:
        for worker in running:
            worker.take(chunks.pop())
        while any(worker.left for worker in running):
            wait([worker.results for worker in running if worker.left], timeout=1)
            for worker in running:
                yield from worker.collect()
                if not worker.left and chunks:
                    worker.take(chunks.pop())
    finally:
        for worker in running:
            worker.end()


class _Worker:
    """A process that decodes, and what it still has to do."""

    def __init__(self, files: Files) -> None:
        self.files = files
        self.left: list[int] = []
        self._start()

    def take(self, numbers: Sequence[int]) -> None:
        """Give it more to do."""
        self.left = list(numbers)
        self._orders.send(self.left)
        self._moved = time.monotonic()

    def collect(self) -> Iterator[Decoded]:
        """Yield what it has done; where it died or hangs, that, and go on with a new process."""
        yield from self._receive()
        if not self.left:
            return
        hangs = time.monotonic() - self._moved > _HANGING
        if hangs:
            self.process.kill()
        if hangs or not self.process.is_alive():
            self.process.join()
            yield from self._receive()  # sent before it died
            yield self._bury("did not end" if hangs else f"crashed ({self.process.exitcode})")

    def end(self) -> None:
        """Stop the process."""
        self.process.kill()
        self.process.join()

    def _start(self) -> None:
        context = mp.get_context("spawn")
        orders, self._orders = context.Pipe(duplex=False)
        self.results, results = context.Pipe(duplex=False)
        self.current = context.Value("q", -1)
        arguments = (self.files, orders, results, self.current)
        self.process: SpawnProcess = context.Process(target=_work, args=arguments, daemon=True)
        self.process.start()
        orders.close()
        results.close()
        self._moved = time.monotonic()

    def _receive(self) -> Iterator[Decoded]:
        while self.left:
            try:
                if not self.results.poll():
                    return
                decoded: Decoded = self.results.recv()
            except EOFError:
                return
            self.left.remove(decoded.number)
            self._moved = time.monotonic()
            yield decoded

    def _bury(self, outcome: str) -> Decoded:
        number = self.current.value if self.current.value in self.left else self.left[0]
        left = [other for other in self.left if other != number]
        self._start()
        self.take(left)
        return Decoded(number, self.files.make(number).name, outcome, 0.0, 0)


def _work(
    files: Files, orders: Connection, results: Connection, current: "Synchronized[int]"
) -> None:
    """Decode what is ordered, until the parent is gone."""
    faulthandler.disable()
    give_back_freed_memory()
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 2)  # libtiff prints what it thinks of a file
    warnings.simplefilter("ignore")
    files.make(len(files) - 1)  # all samples are made
    meter = Meter()
    while True:
        try:
            numbers = orders.recv()
        except EOFError:
            return
        for number in numbers:
            current.value = number
            results.send(_decode(files, number, meter))


def _decode(files: Files, number: int, meter: Meter) -> Decoded:
    file = files.make(number)
    min_side = _MIN_SIDES[number % len(_MIN_SIDES)]
    with meter.measuring() as cost:
        try:
            decode(file.data, min_side)
            outcome = PIXELS
        except UserInputError as error:
            outcome = REFUSED if is_sentence(str(error)) else f"refused by {str(error)!r}"
        except Exception as error:  # noqa: BLE001  (what is looked for)
            outcome = f"{type(error).__name__} in {name_place(error)}: {error}"
    return Decoded(number, file.name, outcome, cost.seconds, cost.memory)


def is_sentence(text: str) -> bool:
    """Tell whether a visitor can read it: one line that ends as a sentence, without internals."""
    internal = re.search(r"0x[0-9a-f]{4}|<_io|Traceback|Errno", text)
    return text.endswith(".") and "\n" not in text and len(text) < 250 and not internal


def name_place(error: BaseException) -> str:
    """Return the line at which an error was raised, such as `tiff.py:33`."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno}"


def _save(file: MutatedFile, decoded: Decoded, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if len(list(folder.iterdir())) < _SAVED:
        kind = re.sub(r"\W+", "-", file.name)[:60]
        (folder / f"{decoded.number}-{kind}").write_bytes(file.data)
