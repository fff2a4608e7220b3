"""Whether all that a killed page had acknowledged is there once it is started again."""

import hashlib
import json
import random
import sqlite3
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from benchmarks.serving.images import make_photo
from benchmarks.serving.servers import ROOT
from benchmarks.soak.acknowledged import Acknowledged
from benchmarks.soak.running_page import RunningPage
from benchmarks.soak.teachers import MODEL
from inference.classifier import Classifier
from inference.images import decode
from inference.versions.catalog import Catalog
from inference.versions.comparison import FILE as COMPARISON

_EXPORTED = ROOT / "exported"
_KEPT = (".lock", ".last")  # ends of what a data folder holds that begins with a dot and stays
_SWEEPING = 5.0  # seconds in which a page that has started removes what was left behind
_TOLERANCE = 1e-4
_SAMPLE = 12  # images that are fetched besides those that are new


@dataclass
class Inspector:
    """Looks at one data folder again and again.

    `failures`: what is not as it should be; `left`: what killed processes left behind.
    """

    page: RunningPage
    http: httpx.Client
    acknowledged: Acknowledged
    chance: random.Random
    seen: set[int] = field(default_factory=set)
    whole: set[Path] = field(default_factory=set)
    known_versions: set[int] = field(default_factory=set)
    expected: dict[Path, float] = field(default_factory=dict)
    reported: set[str] = field(default_factory=set)
    failures: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    def inspect(self) -> None:
        """Look at everything."""
        self._inspect_labels()
        self._inspect_projects()
        self._inspect_versions()
        self._inspect_database()
        self._inspect_scratch()

    def list_versions(self) -> tuple[int, ...]:
        """Return the numbers of all versions, the shipped one first."""
        shipped = Catalog(_EXPORTED).read_shipped(MODEL)
        folders = (self.page.place.data / "models" / MODEL).glob("[1-9]*")
        numbers = {int(folder.name) for folder in folders if (folder / "model.onnx").is_file()}
        return (int(shipped or 0), *sorted(numbers))

    def _inspect_labels(self) -> None:
        entries = self._list_entries(MODEL)
        found = {entry["id"]: entry["label"] for entry in entries}
        names = {entry["name"]: entry["label"] for entry in entries}
        self.failures += self.acknowledged.compare(found, names)
        new = [entry for entry in entries if entry["id"] not in self.seen]
        some = self.chance.sample(entries, min(_SAMPLE, len(entries)))
        for entry in (*new, *some):
            self._inspect_image(entry["sha256"])
        self.seen |= set(found)

    def _inspect_image(self, sha256: str) -> None:
        response = self.http.get(f"/teach/images/{sha256}")
        is_whole = hashlib.sha256(response.content).hexdigest() == sha256
        if not response.is_success or not is_whole:
            self.failures.append(f"image {sha256[:12]} is not whole: {response.status_code}")

    def _inspect_projects(self) -> None:
        models = self._get("/teach/state", model=MODEL)["models"]
        acknowledged = self.acknowledged
        for model, images in {**acknowledged.projects, **acknowledged.restoring}.items():
            if model not in models and model in acknowledged.restoring:
                continue
            found = len(self._list_entries(model)) if model in models else None
            if found != images:
                self.failures.append(f"{model} was restored with {images} images, it has {found}")
        here = {m: n for m, n in acknowledged.restoring.items() if m in models}
        acknowledged.projects |= here
        acknowledged.restoring = {}

    def _inspect_versions(self) -> None:
        versions, acknowledged = self.list_versions(), self.acknowledged
        answer = self._classify()
        served, allowed = int(answer["version"]), acknowledged.current | self._find_new(versions)
        if acknowledged.current and served not in allowed:
            self.failures.append(f"version {served} answers, not one of {sorted(allowed)}")
        current = Catalog(_EXPORTED, self.page.place.data).read_current(MODEL)
        if current != served:
            self.failures.append(f"version {served} answers though {current} is in use")
        back = acknowledged.deleted_versions & set(versions)
        if back:
            self.failures.append(f"deleted versions {sorted(back)} are there again")
        self._inspect_answer(answer)
        for number in versions[1:]:
            self._inspect_files(self.page.place.data / "models" / MODEL / str(number))
        acknowledged.current = {served}
        self.known_versions |= set(versions)

    def _find_new(self, versions: tuple[int, ...]) -> set[int]:
        """Return what trainings have made, which they may have published."""
        return set(versions) - self.known_versions

    def _inspect_answer(self, answer: dict[str, Any]) -> None:
        folder = Catalog(_EXPORTED, self.page.place.data).find(MODEL, int(answer["version"]))
        if folder not in self.expected:
            classifier = Classifier(folder, "cpu")
            [prediction] = classifier.predict([decode(make_photo(320, 240), classifier.min_side)])
            self.expected[folder] = prediction.probabilities["hot_dog"]
        gap = abs(answer["probabilities"]["hot_dog"] - self.expected[folder])
        if gap > _TOLERANCE:
            self.failures.append(f"version {answer['version']} answers {gap:.4f} off its graph")

    def _inspect_files(self, folder: Path) -> None:
        """Hold a version's files to the hashes on its card, once."""
        if folder in self.whole:
            return
        hashes = json.loads((folder / "model.json").read_text())["files"]
        hashes.pop(COMPARISON, None)  # a training writes it anew where another one came into use
        for name, sha256 in hashes.items():
            path = folder / name
            if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
                self.failures.append(f"{name} of version {folder.name} is not whole")
        self.whole.add(folder)

    def _inspect_database(self) -> None:
        path = self.page.place.data / "labels.sqlite3"
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=60)
        try:
            [[found]] = connection.execute("PRAGMA integrity_check").fetchall()
        finally:
            connection.close()
        if found != "ok":
            self.failures.append(f"the database says {found}")

    def _inspect_scratch(self) -> None:
        """Look for what killed processes left, unless a training runs, which has its own."""
        if self._get("/teach/training")["state"] == "running":
            return
        if not self.acknowledged.labels:
            self.reported |= list_scratch(self.page)  # what a new page makes
        end = time.monotonic() + _SWEEPING
        while (left := list_scratch(self.page) - self.reported) and time.monotonic() < end:
            time.sleep(0.2)
        self.reported |= left
        self.left += sorted(left)

    def _list_entries(self, model: str) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = []
        while True:
            found = self._get("/teach/gallery", model=model, offset=len(entries))
            entries += found["entries"]
            if not found["more"]:
                return entries

    def _classify(self) -> dict[str, Any]:
        response = self.http.post("/api/classify", content=make_photo(320, 240))
        answer: dict[str, Any] = response.raise_for_status().json()
        return answer

    def _get(self, path: str, **values: str | int) -> Any:  # noqa: ANN401  (JSON)
        return self.http.get(path, params=values).raise_for_status().json()


def list_scratch(page: RunningPage) -> set[str]:
    """Return what is not finished in a page's folders, and what of another page is still there."""
    data, temporary = page.place.data, page.place.temporary
    hidden = [
        path
        for pattern in (".*", "*/.*", "*/*/.*")
        for path in data.glob(pattern)
        if not path.name.endswith(_KEPT) and not path.parent.name.startswith((".", "unpacked"))
    ]
    of_pages = sorted(temporary.iterdir(), key=lambda path: path.stat().st_mtime)
    own = [path for path in of_pages if path.name.startswith("picture-classifier-")][-1:]
    found = [*hidden, *(path for path in of_pages if path not in own)]
    return {str(path.relative_to(page.place.folder)) for path in found}
