"""Another version comes into use, again and again, while sixteen clients ask: none may notice."""

import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from gradio_client import Client, handle_file

from inference.classifier import Classifier
from inference.images import decode
from inference.versions.catalog import Catalog
from tests.running import ROOT, RunningApp, find_free_port, start_app
from tests.web.changed_versions import add_leaning_version
from tests.web.http.test_gradio_api import call, describe_upload, upload
from tests.web.pictures import CAT
from web.serving import MAX_OPEN

CLIENTS = 16
SWITCHES = 30
# Publishes a version for each line that it reads, and says when that is done.
PUBLISHER = """
import sys
from pathlib import Path
from inference.versions.catalog import Catalog

catalog = Catalog(Path(sys.argv[1]), Path(sys.argv[2]))
for line in sys.stdin:
    catalog.publish("hotdog", int(line))
    print("published", flush=True)
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, exported: Path) -> Path:
    """One version more than a page keeps open."""
    folder = tmp_path_factory.mktemp("data")
    for lean in (2.0, 2.7, 3.4, 4.5):
        add_leaning_version(exported, folder, lean)
    return folder


@pytest.fixture(scope="module")
def page(exported: Path, data: Path) -> Iterator[RunningApp]:
    port = find_free_port()
    env = {
        "CLASSIFIER_EXPORTED": str(exported),
        "CLASSIFIER_DATA": str(data),
        "CLASSIFIER_PROVIDERS": "cpu",
    }
    with start_app("--port", str(port), port=port, env=env) as running:
        yield running


class Publisher:
    """A process of its own that brings versions into use."""

    def __init__(self, exported: Path, data: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", PUBLISHER, str(exported), str(data)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def publish(self, version: int) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{version}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "published\n"

    def close(self) -> None:
        self.process.communicate()


def answer_by_each(exported: Path, data: Path) -> dict[int, float]:
    """Return version → its probability of a hot dog, each opened by itself."""
    found = {}
    for version, folder in Catalog(exported, data).list_versions("hotdog").items():
        classifier = Classifier(folder, "cpu")
        image = decode(CAT.read_bytes(), classifier.min_side)
        found[version] = classifier.predict([image])[0].probabilities["hot_dog"]
    return found


class Asker:
    """Asks over HTTP until it is told that all is over; keeps every answer."""

    def __init__(self, page: RunningApp) -> None:
        self.page = page
        self.data = [describe_upload(upload(page, CAT)), False, None]
        self.over = threading.Event()

    def ask(self, client: httpx.Client) -> dict[str, Any]:
        answer = call(self.page, "classify", self.data, client)
        assert "data" in answer, answer
        return dict(answer["data"][0])

    def ask_on(self, _: int) -> list[dict[str, Any]]:
        answers = []
        with httpx.Client() as client:
            while not self.over.is_set():
                answers.append(self.ask(client))
        return answers


def test_nobody_notices_a_change_of_versions(page: RunningApp, exported: Path, data: Path) -> None:
    expected = answer_by_each(exported, data)
    assert len(set(expected.values())) == len(expected) > MAX_OPEN
    asker, publisher = Asker(page), Publisher(exported, data)
    versions = list(expected) * (SWITCHES // len(expected))
    with ThreadPoolExecutor(CLIENTS) as pool, httpx.Client() as client:
        asking = [pool.submit(asker.ask_on, number) for number in range(CLIENTS)]
        try:
            for version in versions:
                publisher.publish(version)
                assert asker.ask(client)["version"] == version  # the very next one
        finally:
            asker.over.set()
            publisher.close()
        answers = [answer for future in asking for answer in future.result()]
    for answer in answers:
        assert answer["probabilities"]["hot_dog"] == pytest.approx(
            expected[answer["version"]], abs=1e-4
        )
    counts = Counter(answer["version"] for answer in answers)
    assert set(counts) == set(expected)
    assert len(answers) > len(versions)


def test_page_and_queue_follow_too(page: RunningApp, exported: Path, data: Path) -> None:
    client, catalog = Client(page.url, verbose=False), Catalog(exported, data)
    shipped, *_, other, last = catalog.list_versions("hotdog")
    for version in (other, last, shipped):
        catalog.publish("hotdog", version)
        assert client.predict(handle_file(CAT), api_name="/classify")["version"] == version
        answers = client.predict([handle_file(CAT)] * 2, api_name="/classify_many")
        assert [answer["version"] for answer in answers] == [version] * 2
        picture = {
            "name": "a",
            "size": 1,
            "shown": True,
            "file": describe_upload(upload(page, CAT)),
        }
        choice = {"token": 1, "images": [picture], "seen": f"hotdog/{shipped}"}
        _, strip, chip, title, summary, *_ = call(page, "respond", [choice])["data"]
        assert f"version {version}" in strip
        assert f'data-version="hotdog/{version}"' in chip
        assert isinstance(summary, str) is isinstance(title, str) is (version != shipped)
