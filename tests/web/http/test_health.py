import asyncio
import shutil
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from inference.classifier import Classifier
from inference.versions.cards import Probe
from inference.versions.catalog import Catalog
from inference.versions.probes import list_probes
from tests.inference.tiny_versions import write_version
from tests.running import RunningApp, run_apart
from web.http.health import Readiness, make_health_routes
from web.serving import Service

SAMPLES = Readiness.samples


def make_service(folder: Path, **changes: object) -> Service:
    write_version(folder / "colours" / "1", **changes)
    return Service(Catalog(folder), "colours", None, "cpu")


def check(readiness: Readiness) -> object:
    return run_apart(readiness.check())


def test_page_is_alive_and_ready(app: RunningApp, classifier: Classifier) -> None:
    assert httpx.get(f"{app.url}healthz").json() == {"status": "ok"}
    card = classifier.card
    expected = {"status": "ready", "model": card.model, "version": card.version}
    assert httpx.get(f"{app.url}readyz").json() == expected


def test_page_whose_versions_are_lost_is_alive_and_not_ready(tmp_path: Path) -> None:
    routes = make_health_routes(make_service(tmp_path), None)
    shutil.rmtree(tmp_path / "colours")
    client = TestClient(Starlette(routes=routes))
    assert client.get("/healthz").status_code == 200
    answer = client.get("/readyz")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.json() == {"status": "not ready", "error": "The version in use does not answer."}


def test_page_whose_queue_ended_is_not_ready(tmp_path: Path) -> None:
    readiness = Readiness(make_service(tmp_path), None, takes_calls=lambda: False)
    assert check(readiness) == "The queue of calls has ended. Start the page again."


def test_version_that_answers_otherwise_than_its_card_is_not_ready(tmp_path: Path) -> None:
    service = make_service(tmp_path)
    card = service.open().card
    wrong = [
        Probe(height=height, width=width, seed=seed, probabilities=[0.0, 0.0, 1.0])
        for height, width, seed in list_probes()
    ]
    object.__setattr__(service.open(), "card", card.model_copy(update={"probes": wrong}))
    assert "otherwise than its card" in str(check(Readiness(service, None)))


def test_decoders_that_do_not_work_are_named(tmp_path: Path) -> None:
    samples = tmp_path / "samples"
    shutil.copytree(SAMPLES, samples)
    assert {path.suffix for path in samples.iterdir()} >= {".jpg", ".png", ".webp", ".heic"}
    (samples / "plain.heic").write_bytes((SAMPLES / "plain.heic").read_bytes()[:400])
    shutil.copy(Path(__file__).parents[3] / "web/icon.png", samples / "plain.png")  # of others
    found = check(Readiness(make_service(tmp_path / "exported"), None, samples))
    assert found == "Pictures of these formats cannot be decoded: HEIC, PNG."


def test_data_folder_must_be_writable(tmp_path: Path) -> None:
    service = make_service(tmp_path / "exported")
    data = tmp_path / "data"
    data.mkdir()
    assert check(Readiness(service, data)) == {"model": "colours", "version": 1}
    assert not list(data.iterdir())
    data.rmdir()
    found = check(Readiness(service, data))
    assert found == "The data folder cannot be written: No such file or directory."


def test_result_is_kept_for_a_while_and_not_for_another_version(tmp_path: Path) -> None:
    service = make_service(tmp_path)
    now = 0.0
    readiness = Readiness(service, tmp_path / "missing", clock=lambda: now)
    assert "cannot be written" in str(check(readiness))
    readiness.data = tmp_path
    now = 4.9
    assert "cannot be written" in str(check(readiness))
    now = 5.1
    assert check(readiness) == {"model": "colours", "version": 1}
    write_version(tmp_path / "colours" / "2", version=2)
    service.catalog.publish("colours", 2)
    assert check(readiness) == {"model": "colours", "version": 2}


@pytest.mark.parametrize("count", [20])
def test_many_who_ask_at_once_cost_one_test(tmp_path: Path, count: int) -> None:
    service = make_service(tmp_path)
    readiness = Readiness(service, None)
    tests = 0
    test = readiness._test

    def test_and_count() -> object:
        nonlocal tests
        tests += 1
        return test()

    readiness._test = test_and_count  # type: ignore[method-assign,assignment]

    async def ask() -> list[object]:
        return await asyncio.gather(*(readiness.check() for _ in range(count)))

    assert run_apart(ask()) == [{"model": "colours", "version": 1}] * count
    assert tests == 1
