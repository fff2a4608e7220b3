"""Teachers who do everything that changes a page's data, each in a thread, until it is killed."""

import io
import json
import random
import threading
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from benchmarks.soak.acknowledged import Acknowledged
from benchmarks.soak.running_page import RunningPage
from benchmarks.soak.samples import draw, save

MODEL = "hotdog"
LABELS = ("hot_dog", "not_hot_dog", "soaked")
_IMPORTED = 12  # images in a zip
_REFUSALS = (400, 404, 409)  # of what another teacher, or a training, has changed meanwhile

Act = Callable[["Teacher"], None]


@dataclass
class Visit:
    """One running page, from its start to its kill, and what all teachers do there.

    `project`: a project file, and how many images it holds. `versions`: those that there were.
    """

    page: RunningPage
    acknowledged: Acknowledged
    project: tuple[bytes, int]
    versions: tuple[int, ...]
    serial: int
    killed: threading.Event = field(default_factory=threading.Event)
    counts: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)


class KilledError(Exception):
    """The page is gone."""


@dataclass
class Teacher:
    """A teacher's connection, and the chance by which they choose what to do."""

    visit: Visit
    http: httpx.Client
    chance: random.Random
    serial: int = 0

    def send(self, method: str, path: str, **options: Any) -> httpx.Response | None:  # noqa: ANN401
        """Send a request; returns what was acknowledged, None for what was refused with reason.

        Raises: KilledError.
        """
        if self.visit.killed.is_set():
            raise KilledError
        try:
            response = self.http.request(method, path, **options)
        except httpx.TransportError as error:
            if not self.visit.killed.is_set():
                self.visit.failures.append(f"{method} {path}: {error!r} while the page ran")
            raise KilledError from error
        if response.is_success:
            return response
        retry = response.status_code == 503 and "retry-after" in response.headers
        if response.status_code not in _REFUSALS and not retry:
            words = f"{method} {path} answered {response.status_code}: {response.text[:200]}"
            self.visit.failures.append(words)
        self.visit.counts[f"answers {response.status_code}"] += 1
        return None

    def make_image(self) -> tuple[str, bytes]:
        """Return a name and an image that nobody has sent before."""
        self.serial += 1
        number = self.visit.serial * 10_000 + self.serial * 16 + self.chance.randrange(16)
        seed = self.chance.randrange(1 << 60)
        image = draw(12, 9, seed).resize((120, 90))
        return f"image-{number}-{seed}.jpg", save(image, "JPEG")


def add(teacher: Teacher) -> None:
    """Add one image with its label."""
    name, data = teacher.make_image()
    label = teacher.chance.choice(LABELS)
    values = {"model": MODEL, "label": label, "name": name}
    response = teacher.send("POST", "/teach/images", params=values, content=data)
    if response:
        entry = response.json()["entry"]
        teacher.visit.acknowledged.add(entry["id"], label)
        teacher.visit.counts["labels"] += 1


def change(teacher: Teacher) -> None:
    """Relabel or delete one image."""
    acknowledged = teacher.visit.acknowledged
    number = acknowledged.choose(teacher.chance.randrange(1 << 30))
    if number is None:
        return
    label = teacher.chance.choice((*LABELS, None))
    path = "/teach/gallery/delete" if label is None else "/teach/gallery/relabel"
    values = {"ids": [number]} | ({"label": label} if label else {})
    acknowledged.begin_change(number, label)
    response = teacher.send("POST", path, json=values)
    acknowledged.end_change(number, made=response is not None)
    teacher.visit.counts["changes"] += response is not None


def import_zip(teacher: Teacher) -> None:
    """Add the images of class folders."""
    labels, archive = {}, io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for _ in range(_IMPORTED):
            name, data = teacher.make_image()
            labels[name] = teacher.chance.choice(LABELS)
            file.writestr(f"{labels[name]}/{name}", data)
    values = {"model": MODEL, "name": "images.zip"}
    for line in stream(teacher, "/teach/zip", values, archive.getvalue()):
        name = Path(line.get("name", "")).name
        if name in labels and "error" not in line:
            teacher.visit.acknowledged.add_named(name, labels[name])
            teacher.visit.counts["imported labels"] += 1


def restore(teacher: Teacher) -> None:
    """Open a project file as a model of another name."""
    visit, (data, images) = teacher.visit, teacher.visit.project
    teacher.serial += 1
    name = f"restored-{visit.serial}-{teacher.serial}"
    visit.acknowledged.restoring[name] = images
    lines = stream(teacher, "/teach/project", {"model": name}, data)
    if lines and lines[-1].get("model") == name:
        visit.acknowledged.projects[name] = visit.acknowledged.restoring.pop(name)
        visit.counts["restored projects"] += 1


def stream(
    teacher: Teacher, path: str, values: dict[str, str], data: bytes
) -> list[dict[str, Any]]:
    """Send a file; returns the lines of the answer, those too that came before the page's end."""
    lines: list[dict[str, Any]] = []
    rest = b""
    if teacher.visit.killed.is_set():
        raise KilledError
    try:
        with teacher.http.stream("POST", path, params=values, content=data) as response:
            for part in response.iter_raw():
                *whole, rest = (rest + part).split(b"\n")
                lines += [json.loads(line) for line in whole if line]
            if not response.is_success and response.status_code not in (*_REFUSALS, 503):
                words = f"{path} answered {response.status_code}: {rest[:200]!r}"
                teacher.visit.failures.append(words)
    except httpx.TransportError as error:
        if not teacher.visit.killed.is_set():
            teacher.visit.failures.append(f"{path}: {error!r} while the page ran")
    for line in lines:
        if "error" in line and "name" not in line:
            teacher.visit.failures.append(f"{path} ended with {line['error']}")
    return lines


def publish(teacher: Teacher) -> None:
    """Put some version into use, the shipped one, or delete one."""
    visit, model = teacher.visit, {"model": MODEL}
    allowed, act = visit.acknowledged.current, teacher.chance.random()
    shipped, *custom = visit.versions
    version = teacher.chance.choice(visit.versions)
    if act < 0.2 and custom:
        version = teacher.chance.choice(custom)
        if teacher.send("POST", "/versions/delete", json={**model, "version": version}):
            visit.acknowledged.deleted_versions.add(version)
            visit.counts["deleted versions"] += 1
        return
    values: dict[str, str | int] = {**model, "version": version}
    path = "/versions/publish"
    if act < 0.4:
        version, values, path = shipped, {**model}, "/versions/reset"
    allowed.add(version)
    if teacher.send("POST", path, json=values):
        allowed.clear()
        allowed.add(version)
        visit.counts["published versions"] += 1


def train(teacher: Teacher) -> None:
    """Start a training where none runs, and look at it."""
    if teacher.send("POST", "/teach/training", json={"model": MODEL, "kind": "head"}):
        teacher.visit.counts["trainings"] += 1
    while (found := teacher.send("GET", "/teach/training")) and found.json()["state"] == "running":
        teacher.visit.killed.wait(0.1)


def fetch(teacher: Teacher) -> None:
    """Save the model as a project file, which is written to the disk first."""
    if teacher.send("GET", "/teach/project", params={"model": MODEL}):
        teacher.visit.counts["saved projects"] += 1


def repeat(teacher: Teacher, act: Act) -> None:
    """Do it again and again, until the page is killed."""
    try:
        while not teacher.visit.killed.is_set():
            act(teacher)
    except KilledError:
        return
    except Exception as error:  # noqa: BLE001  (reported with what else failed)
        teacher.visit.failures.append(f"{act.__name__}: {error!r}")
