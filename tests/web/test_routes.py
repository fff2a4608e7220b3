import httpx
import pytest

from inference.classifier import Classifier
from tests.running import RunningApp


def test_health_names_what_is_served(app: RunningApp, classifier: Classifier) -> None:
    card = classifier.card
    expected = {"status": "ok", "model": card.model, "version": card.version}
    assert httpx.get(f"{app.url}healthz").json() == expected


def test_network_can_be_taken_home_unchanged(app: RunningApp, classifier: Classifier) -> None:
    response = httpx.get(f"{app.url}model.onnx")
    assert response.content == (classifier.folder / "model.onnx").read_bytes()
    assert f"{classifier.card.model}-" in response.headers["content-disposition"]


@pytest.mark.parametrize(
    "path",
    [
        "report/..%2fmodel.json",
        "report/../memory.npz",
        "memory.npz",
        "examples/..%2fserving.py",
        "gradio_api/file=app.py",
    ],
)
def test_nothing_else_of_the_folder_can_be_fetched(app: RunningApp, path: str) -> None:
    assert httpx.get(f"{app.url}{path}").status_code in (403, 404)


def test_page_can_be_installed_without_anything_from_outside(app: RunningApp) -> None:
    manifest = httpx.get(f"{app.url}manifest.json").json()
    assert manifest["name"] == "Hot dog or not hot dog?"
    for icon in manifest["icons"]:
        response = httpx.get(f"{app.url}{icon['src'].lstrip('/')}")
        assert response.headers["content-type"] == "image/png"
