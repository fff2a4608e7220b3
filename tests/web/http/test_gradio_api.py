"""The API over HTTP, as gradio_client and curl call it."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from inference.classifier import Classifier
from inference.images import decode
from tests.running import RunningApp
from tests.web.pictures import CAT, HOT_DOG, save_heic, save_truncated
from web.model.tab import SNIPPETS


@pytest.fixture(scope="module")
def client(app: RunningApp) -> Client:
    return Client(app.url, verbose=False)


def test_answer_is_the_prediction(client: Client, classifier: Classifier) -> None:
    answer = client.predict(handle_file(CAT), api_name="/classify")
    image = decode(CAT.read_bytes(), classifier.min_side)
    expected = classifier.predict([image])[0].to_json()
    assert answer["probabilities"] == pytest.approx(expected["probabilities"], abs=1e-4)
    for key in ("label", "certainty", "model", "version", "provider"):
        assert answer[key] == expected[key]
    assert "heatmap" not in answer


def test_heatmap_is_an_option(client: Client, classifier: Classifier) -> None:
    answer = client.predict(handle_file(CAT), heatmap=True, api_name="/classify")
    assert len(answer["heatmap"]) == len(classifier.card.class_names)


def test_model_can_be_named(client: Client) -> None:
    for name in ("hotdog", None, ""):
        assert client.predict(handle_file(CAT), model=name, api_name="/classify")["label"]
    answers = client.predict([handle_file(CAT)], model="hotdog", api_name="/classify_many")
    assert answers[0]["model"] == "hotdog"


@pytest.mark.parametrize("name", ["cats", "../hotdog", "hotdog/1", "."])
def test_unknown_model_is_refused_in_one_sentence(client: Client, name: str) -> None:
    for sent, endpoint in ((handle_file(CAT), "/classify"), ([handle_file(CAT)], "/classify_many")):
        with pytest.raises(AppError, match=r"no model named|cannot name a model"):
            client.predict(sent, model=name, api_name=endpoint)


def test_sentences_stay_short_however_long_a_name_is(app: RunningApp) -> None:
    long = "b" * 9_000
    asked = httpx.post(f"{app.url}api/classify?model={long}", content=CAT.read_bytes())
    called = call(app, "classify", [describe_upload(upload(app, CAT)), False, long])
    fetched = httpx.get(f"{app.url}model.onnx?model={long}&version=9")
    for answer in (asked.json(), called, fetched.json()):
        assert "cannot name a model" in answer["error"]
        assert len(answer["error"]) < 200


def test_calls_written_before_there_were_models_work_on(client: Client) -> None:
    assert "heatmap" not in client.predict(handle_file(CAT), api_name="/classify")
    assert "heatmap" in client.predict(handle_file(CAT), True, api_name="/classify")
    assert client.predict([handle_file(CAT)], api_name="/classify_many")[0]["label"]


def test_many_answer_in_the_order_given_with_bad_ones_in_place(
    client: Client, tmp_path: Path
) -> None:
    broken = save_truncated(HOT_DOG, tmp_path / "broken.jpg")
    heic = save_heic(CAT, tmp_path / "IMG_1.HEIC")
    sent = [handle_file(path) for path in (CAT, broken, HOT_DOG, heic)]
    answers = client.predict(sent, api_name="/classify_many")
    assert [list(answer) == ["error"] for answer in answers] == [False, True, False, False]
    assert answers[1]["error"].endswith("Try to save it again.")
    assert answers[0]["label"] == answers[3]["label"]


def test_bad_image_is_refused_in_one_sentence(client: Client, tmp_path: Path) -> None:
    page = tmp_path / "page.svg"
    page.write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    with pytest.raises(AppError, match="looks like an SVG drawing"):
        client.predict(handle_file(page), api_name="/classify")


def test_too_many_are_refused_in_one_sentence(app: RunningApp) -> None:
    file = describe_upload(upload(app, CAT))
    answer = call(app, "classify_many", [[file] * 201, None])
    assert answer["error"] == (
        "You chose 201 pictures; at most 200 are taken at a time. Choose fewer."
    )


@pytest.mark.parametrize("name", ["classify", "classify_many", "respond"])
@pytest.mark.parametrize("meta", [{}, {"meta": {"_type": "gradio.FileData"}}])
def test_no_file_of_this_machine_can_be_read(
    app: RunningApp, name: str, meta: dict[str, Any]
) -> None:
    file = {"path": str(CAT), **meta}
    choice = {"token": 1, "images": [{"name": "a", "size": 1, "shown": True, "file": file}]}
    data = {
        "classify": [file, False, None],
        "classify_many": [[file], None],
        "respond": [choice],
    }[name]
    answer = call(app, name, data)
    assert "data" not in answer
    assert answer["error"]


def test_only_the_two_endpoints_are_named(client: Client) -> None:
    api = client.view_api(return_format="dict", print_info=False)
    assert set(api["named_endpoints"]) == {"/classify", "/classify_many"}
    assert not api["unnamed_endpoints"]


def test_too_large_a_file_is_refused(app: RunningApp) -> None:
    files = {"files": ("a.jpg", bytes(21 * 1024 * 1024))}
    assert httpx.post(f"{app.url}gradio_api/upload", files=files).status_code == 413


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_curl_snippet_works_as_it_stands(app: RunningApp, tmp_path: Path) -> None:
    shutil.copy(CAT, tmp_path / "photo.jpg")
    script = SNIPPETS["curl"].replace("ADDRESS/", app.url)
    done = subprocess.run(
        ["sh", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert '"label":' in done.stdout, done.stdout + done.stderr


def test_python_snippet_works_as_it_stands(
    app: RunningApp,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("photo.jpg", "one.jpg", "two.jpg"):
        shutil.copy(CAT, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    exec(SNIPPETS["Python"].replace("ADDRESS/", app.url), {})
    assert capsys.readouterr().out.count("not_hot_dog") >= 3


def upload(app: RunningApp, path: Path) -> str:
    response = httpx.post(f"{app.url}gradio_api/upload", files={"files": path.read_bytes()})
    return str(response.json()[0])


def describe_upload(path: str) -> dict[str, Any]:
    return {"path": path, "meta": {"_type": "gradio.FileData"}}


def call(
    app: RunningApp, name: str, data: list[Any], client: httpx.Client | None = None
) -> dict[str, Any]:
    """Return the `data` of an endpoint's answer, or its `error`."""
    url, caller = f"{app.url}gradio_api/call/{name}", client or httpx
    joined = caller.post(url, json={"data": data}, timeout=60)
    if not joined.is_success:
        return dict(joined.json())
    events = caller.get(f"{url}/{joined.json()['event_id']}", timeout=60).text
    kind, _, values = events.strip().rpartition("event: ")[2].partition("\ndata: ")
    return {"data": json.loads(values)} if kind == "complete" else dict(json.loads(values))
