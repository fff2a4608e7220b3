import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.testclient import TestClient

from inference.errors import UserInputError
from inference.versions.catalog import Catalog
from tests.inference.tiny_versions import write_version
from tests.running import ROOT, run_app
from tests.web.teach_page import paint
from web.server.exchanges import ROUTE, Exchange
from web.server.metrics import Metrics, PageState
from web.serving import Service

Samples = dict[tuple[str, str], float]


def read(metrics: Metrics) -> Samples:
    """Return (name, values of the labels by their names) → value, as Prometheus reads them."""
    client = TestClient(Starlette(routes=[metrics.make_route("token")]))
    answer = client.get("/metrics", headers={"Authorization": "Bearer token"})
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return {
        (sample.name, " ".join(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def make_exchange(method: str = "GET", route: str | None = "/a/{b}", **values: int) -> Exchange:
    scope = {"method": method, "path": "/a/secret", ROUTE: route}
    return Exchange(scope, "client", **values)


@pytest.fixture
def service(tmp_path: Path) -> Service:
    write_version(tmp_path / "colours" / "1")
    return Service(Catalog(tmp_path), "colours", None, "cpu")


def test_requests_are_counted_by_route_method_and_status(service: Service) -> None:
    under_way = [make_exchange(), make_exchange(), make_exchange(route=None)]
    metrics = Metrics(PageState(service, lambda: under_way, lambda: 7))
    for _ in range(3):
        metrics(make_exchange(status=200, received=10, sent=100))
    metrics(make_exchange(method="MADE-UP", route=None, status=404))
    metrics(make_exchange(route="/gradio_api/queue/data", status=200))
    found = read(metrics)
    assert found["classifier_requests_total", "GET /a/{b} 200"] == 3
    assert found["classifier_requests_total", "other none 404"] == 1
    assert found["classifier_received_bytes_total", "/a/{b}"] == 30
    assert found["classifier_sent_bytes_total", "/a/{b}"] == 300
    assert found["classifier_request_seconds_count", "/a/{b}"] == 3
    assert found["classifier_requests_under_way", "/a/{b}"] == 2
    assert found["classifier_waiting_calls", ""] == 7
    assert found["process_resident_memory_bytes", ""] > 1e6


def test_answers_are_counted_by_version_and_certainty(service: Service) -> None:
    service.answer(paint("red"))
    service.answer(paint("red", seed=1))
    with pytest.raises(UserInputError):
        service.answer(b"no picture")
    found = read(Metrics(PageState(service, list, lambda: 0)))
    answers = {labels: n for (name, labels), n in found.items() if name.endswith("answers_total")}
    assert sum(answers.values()) == 2
    assert all(labels.endswith(" colours 1") for labels in answers)
    assert found["classifier_refused_pictures_total", ""] == 1


def test_page_without_metrics_does_not_load_them() -> None:
    script = "import sys, web.launch; sys.exit('prometheus_client' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False).returncode == 0


@pytest.mark.slow
def test_metrics_need_a_token() -> None:
    done = run_app("--metrics")
    assert done.returncode == 2
    assert "CLASSIFIER_METRICS_TOKEN" in done.stderr
