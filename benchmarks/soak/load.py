"""A page under load and abuse for minutes: 64 good clients, and hostile ones beside them.

Good clients have an address each, the hostile ones share two, unless all are to share one, as
behind a router. Nothing may go wrong for the good ones but an honest 503; the page's memory
and open descriptors must not grow, uploads stay within their bound; at the end it answers right,
and SIGTERM ends it with 0.
"""

import random
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from benchmarks.serving.images import make_small
from benchmarks.serving.servers import ROOT
from benchmarks.soak.attacks import QUICK, SLOW
from benchmarks.soak.findings import Findings, Progress
from benchmarks.soak.good_clients import FILE, GRADIO, HEALTH, PAGE, PLAIN, TEACH, GoodClient
from benchmarks.soak.hostile_clients import Canary, HostileClient
from benchmarks.soak.hostile_files import list_hostile_files
from benchmarks.soak.running_page import Place, RunningPage, open_page
from benchmarks.soak.tally import Tally
from benchmarks.soak.watching import Watch, list_unfinished, watching
from inference.classifier import Classifier
from inference.images import MAX_BYTES, decode
from inference.versions.catalog import Catalog

_HOSTILE_ADDRESSES = ("127.1.0.1", "127.1.0.2")
_SHARED_ADDRESS = "127.1.0.1"
_TEACHERS, _SLOW = 16, 4  # one client in so many teaches; one hostile client in so many is slow
_IMAGES = 12
_LAST_ANSWERS = 60.0  # seconds in which the last requests must have been answered
_CALMING = 60.0  # seconds in which descriptors must be free again
_SLACK = 20  # descriptors
_SWEPT = 240.0  # seconds after which nothing may be left of an upload that ended midway


@dataclass(frozen=True)
class Load:
    """How much a page has to bear. `one_address`: all clients come from one."""

    clients: int = 64
    hostile: int = 16
    minutes: float = 10.0
    seed: int = 0
    one_address: bool = False


def attack(load: Load, folder: Path, progress: Progress | None = None) -> Findings:
    """Start a page in `folder` and let all clients loose on it."""
    findings, tally, images = Findings("load"), Tally(), answer_images()
    hostile = make_pictures()
    with closing(Canary()) as canary, open_page(Place(folder)) as page:
        before = Watch.read(page).descriptors
        with watching(page) as watch:
            run_clients(load, page, images, hostile, tally, canary.port, progress)
        describe_clients(findings, load, tally)
        watch.describe(findings)
        findings.add("addresses that it fetched", canary.visits, wanted="0")
        findings.require(not canary.visits, f"{canary.visits} addresses were fetched")
        inspect_after(findings, page, images, before)
    return findings


def answer_images() -> dict[bytes, float]:
    """Return images and the probability of a hot dog that each must be answered with."""
    classifier = Classifier(Catalog(ROOT / "exported").find("hotdog"), "cpu")
    found = {}
    for data in make_small(_IMAGES):
        [prediction] = classifier.predict([decode(data, classifier.min_side)])
        found[data] = prediction.probabilities["hot_dog"]
    return found


def make_pictures() -> list[tuple[str, bytes]]:
    """Return hostile pictures that may be sent at all."""
    made = ((name, make()) for name, make in list_hostile_files().items())
    return [(name, data) for name, data in made if len(data) <= MAX_BYTES]


def run_clients(  # noqa: PLR0913, PLR0917
    load: Load,
    page: RunningPage,
    images: dict[bytes, float],
    pictures: Sequence[tuple[str, bytes]],
    tally: Tally,
    canary: int,
    progress: Progress | None,
) -> None:
    """Let all clients work for the time that was given."""
    over = threading.Event()
    works: list[Callable[[], None]] = []
    for number in range(load.clients):
        source = _SHARED_ADDRESS if load.one_address else f"127.2.0.{number + 1}"
        chance = random.Random(f"{load.seed}/good/{number}")
        teaches = number % _TEACHERS == 0
        works.append(GoodClient(page.port, source, images, tally, over, chance, teaches).work)
    good = next(iter(images))
    for number in range(load.hostile):
        source = _SHARED_ADDRESS if load.one_address else _HOSTILE_ADDRESSES[number % 2]
        chance = random.Random(f"{load.seed}/hostile/{number}")
        attacks = SLOW if number % _SLOW == 0 else QUICK
        client = HostileClient(
            page.port, source, canary, good, pictures, tally, over, chance, attacks
        )
        works.append(client.work)
    threads = [threading.Thread(target=_guard, args=(work, tally), daemon=True) for work in works]
    for thread in threads:
        thread.start()
    wait(page, load.minutes * 60, progress)
    over.set()
    deadline = time.monotonic() + _LAST_ANSWERS
    for thread in threads:
        thread.join(timeout=max(0.0, deadline - time.monotonic()))
    stuck = sum(thread.is_alive() for thread in threads)
    if stuck:
        tally.fail(f"{stuck} clients have waited {_LAST_ANSWERS:.0f} s for their last answer")


def wait(page: RunningPage, seconds: float, progress: Progress | None) -> None:
    """Let the time pass, unless the page ends."""
    start = time.monotonic()
    while (passed := time.monotonic() - start) < seconds and page.runs:
        if progress:
            progress(int(passed), int(seconds))
        time.sleep(0.2)


def describe_clients(findings: Findings, load: Load, tally: Tally) -> None:
    """Add what the clients were answered."""
    answers = sum(len(seconds) for seconds in tally.seconds.values())
    findings.add("good clients", load.clients, wanted="64")
    findings.add("hostile clients", load.hostile)
    findings.add("minutes", load.minutes, wanted="10")
    findings.add("right answers to good clients", answers)
    findings.add("a second", answers / (60 * load.minutes))
    for kind in (PLAIN, GRADIO, PAGE, HEALTH, FILE, TEACH):
        found = {name: f"{value:,.0f}" for name, value in tally.measure(kind).items()}
        shown = ", ".join(f"{name} {value}" for name, value in found.items())
        findings.add(f"{kind}, ms", f"{shown} (n = {len(tally.seconds.get(kind, []))})")
    everything = tally.measure(*tally.seconds)
    findings.add("p99 of all", everything.get("p99", 0.0), "ms")
    findings.add("honest 503 to good clients", tally.busy.total())
    attacks = sum(counts.total() for counts in tally.answers.values())
    findings.add("hostile requests", attacks)
    statuses = sorted({s for counts in tally.answers.values() for s in counts})
    for status in statuses:
        count = sum(counts[status] for counts in tally.answers.values())
        findings.add(f"of them answered {status}", count)
    findings.add("errors", tally.failures.total(), wanted="0")
    findings.failures += [f"{count} × {words}" for words, count in tally.failures.most_common()]
    findings.require(answers > 0, "no good client was answered")


def inspect_after(
    findings: Findings, page: RunningPage, images: dict[bytes, float], descriptors: int
) -> None:
    """Look whether the page answers right, has let go of everything, and ends as it should."""
    findings.require(page.runs, f"the page ended: {page.process.returncode}")
    if not page.runs:
        return
    for image, expected in images.items():
        with page.connect() as http:
            answer = http.post("/api/classify", content=image).raise_for_status().json()
        gap = abs(answer["probabilities"]["hot_dog"] - expected)
        findings.require(gap < 1e-4, f"after the load an answer is {gap:.4f} off")
    end = time.monotonic() + _CALMING
    while (found := Watch.read(page).descriptors) > descriptors + _SLACK:
        if time.monotonic() > end:
            findings.failures.append(f"{found} descriptors are open, before it were {descriptors}")
            break
        time.sleep(0.5)
    findings.add("open descriptors before and after", f"{descriptors} and {found}")
    unfinished = len(list_unfinished(page, _SWEPT))
    findings.require(not unfinished, f"{unfinished} uploads that ended midway were not swept")
    _stop(findings, page)


def _stop(findings: Findings, page: RunningPage) -> None:
    start = time.monotonic()
    try:
        status: int | str = page.stop()
    except subprocess.TimeoutExpired:
        status = "none"
    findings.add("exit status after SIGTERM", status, wanted="0")
    findings.add("seconds until then", time.monotonic() - start, "s")
    findings.require(status == 0, f"SIGTERM ended it with {status}")
    log = page.place.read_log()
    tracebacks = log.count("Traceback (most recent call last)")
    findings.add("tracebacks in its log", tracebacks, wanted="0")
    findings.require(not tracebacks, f"{tracebacks} tracebacks are in {page.place.log}")
    left = [path.name for path in page.place.temporary.glob("picture-classifier-*")]
    findings.require(not left, f"left behind: {', '.join(left)}")


def _guard(work: Callable[[], None], tally: Tally) -> None:
    try:
        work()
    except Exception as error:  # noqa: BLE001  (reported with what else failed)
        tally.fail(f"a client of ours failed: {error!r}")
