import shutil
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from inference.classifier import Classifier
from inference.versions.catalog import Catalog
from tests.inference.tiny_versions import write_version
from tests.running import RunningApp
from tests.web.disconnecting import leave
from web.http.files import ClosedStream, _send, make_file_routes, send_file
from web.serving import Service


def refuse(_: object) -> bool:
    """Tell that nobody is a teacher."""
    return False


def test_model_is_downloaded_unchanged(app: RunningApp, classifier: Classifier) -> None:
    response = httpx.get(f"{app.url}model.onnx")
    assert response.content == (classifier.folder / "model.onnx").read_bytes()
    assert f"{classifier.card.model}-" in response.headers["content-disposition"]


def test_card_is_sent_as_plain_text_whatever_is_in_it(tmp_path: Path) -> None:
    folder = write_version(tmp_path / "colours" / "1")
    write_version(tmp_path / "colours" / "2")
    (folder / "README.md").write_text("<script>alert(1)</script> – ✓", encoding="utf-8")
    service = Service(Catalog(tmp_path), "colours", None, "cpu")
    client = TestClient(Starlette(routes=make_file_routes(service, tmp_path, refuse)))
    response = client.get("/README.md?model=colours&version=1")
    assert response.text == "<script>alert(1)</script> – ✓"
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert client.get("/README.md").status_code == 404  # version 2 is in use and has none


def test_version_can_be_named(app: RunningApp, classifier: Classifier) -> None:
    card = classifier.card
    query = f"?model={card.model}&version={card.version}"
    assert httpx.get(f"{app.url}model.onnx{query}").is_success
    for path in ("report/confusion.png", f"report/{card.model}/{card.version}/confusion.png"):
        response = httpx.get(f"{app.url}{path}")
        assert response.headers["content-type"] == "image/png"


@pytest.mark.parametrize(
    "path",
    [
        "model.onnx?model=cats",
        "model.onnx?version=99",
        "model.onnx?version=0",
        "README.md?version=99",
        "README.md?model=..&version=VERSION",
        "model.onnx?version=-1",
        "model.onnx?version=1e3",
        "model.onnx?version=../VERSION",
        "model.onnx?model=..&version=VERSION",
        "model.onnx?version=99999999999999999999",
        "report/report.html",
        "report/hotdog/VERSION/nothing.png",
        "report/hotdog/VERSION/model.json",
        "report/hotdog/VERSION/.png",
        "report/hotdog/VERSION/..%2fmodel.json",
        "report/hotdog/VERSION/..%2f..%2fVERSION%2freport%2fconfusion.png",
        "report/hotdog/..%2fVERSION/confusion.png",
        "report/..%2fexported%2fhotdog/VERSION/confusion.png",
        "report/hotdog/VERSION/report%2fconfusion.png",
        "report/hotdog/VERSION/memory.npz",
        "report/hotdog/VERSION",
    ],
)
def test_anything_else_is_not_found(app: RunningApp, classifier: Classifier, path: str) -> None:
    address = app.url + path.replace("VERSION", str(classifier.card.version))
    assert httpx.get(address).status_code == 404


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


def test_files_that_vanish_are_not_there_and_open_ones_are_sent_whole(tmp_path: Path) -> None:
    """A version may be deleted at any moment of an answer."""
    folder = write_version(tmp_path / "colours" / "1")
    (folder / "report").mkdir()
    (folder / "report" / "a.png").write_bytes(b"picture")
    content = (folder / "model.onnx").read_bytes()
    service = Service(Catalog(tmp_path), "colours", None, "cpu")
    client = TestClient(Starlette(routes=make_file_routes(service, tmp_path, refuse)))
    addresses = ("/model.onnx", "/report/a.png")
    assert client.get(addresses[0], headers={"Range": "bytes=1-2"}).content == content
    shown = client.get(addresses[1])
    assert (shown.content, shown.headers["content-type"]) == (b"picture", "image/png")
    assert shown.headers["content-length"] == "7"
    answer = _send(folder / "model.onnx", {})
    shutil.rmtree(folder)
    assert answer.headers["content-length"] == str(len(content))
    assert TestClient(answer).get("/").content == content
    for address in addresses:  # the network in use is still open, its files are gone
        response = client.get(address)
        assert response.status_code == 404
        assert response.json() == {"error": "This version has no such file."}


# What becomes of a stream's source when the client goes away


@pytest.mark.parametrize("spec", ["2.3", "2.4"])
@pytest.mark.parametrize("parts", [0, 2])
def test_a_source_is_closed_when_the_client_goes_away(spec: str, parts: int) -> None:
    closed: list[bool] = []
    stream = ClosedStream(iter([b"a"] * 9), lambda: closed.append(True), "text/plain", {})
    assert leave(stream, spec, parts) == [b"a"] * parts
    assert closed == [True]


def test_an_open_file_is_sent_though_it_is_deleted(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"whole" * 100_000)
    file = path.open("rb")
    stream = send_file(file, file.close, "text/plain", {"X": "y"})
    path.unlink()
    assert stream.headers["content-length"] == "500000"
    assert leave(stream, "2.3", 1) == [(b"whole" * 100_000)[: 1 << 18]]
    assert file.closed
