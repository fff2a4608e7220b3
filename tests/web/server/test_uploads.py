"""What uploads may take of the temporary disk."""

import errno
import os
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from web.server import uploads
from web.server.uploads import PATH, LimitedUploads, UploadBudget, sweep

FORM = {"Content-Type": "multipart/form-data; boundary=cut"}


def make_form(files: int) -> bytes:
    part = b'--cut\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\na\r\n'
    return files * part + b"--cut--\r\n"


def make_client(budget: UploadBudget, error: Exception | None = None) -> TestClient:
    async def upload(request: Request) -> PlainTextResponse:
        size = len(await request.body())
        if error is not None:
            raise error
        return PlainTextResponse(str(size))

    routes = [Route(PATH, upload, methods=["POST"])]
    app = Starlette(routes=routes, middleware=[Middleware(LimitedUploads, budget=budget)])
    return TestClient(app, raise_server_exceptions=False)


def check_refused(answer: httpx.Response, words: str) -> None:
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert words in answer.json()["error"]


def test_one_client_gets_a_quarter(tmp_path: Path) -> None:
    now = 0.0
    budget = UploadBudget(tmp_path, most=1000, clock=lambda: now)
    client = make_client(budget)
    assert client.post(PATH, content=bytes(200), headers=FORM).text == "200"
    refused = client.post(PATH, content=bytes(51), headers=FORM)
    check_refused(refused, "a lot of pictures from your address")
    assert client.post(PATH, content=bytes(50), headers=FORM).text == "50"
    assert budget.refuse("another", 250) is None
    now = uploads.SECONDS + 1
    assert client.post(PATH, content=bytes(250), headers=FORM).text == "250"


def test_one_client_gets_a_quarter_of_the_files(tmp_path: Path) -> None:
    now = 0.0
    budget = UploadBudget(tmp_path, most_files=400, clock=lambda: now)
    client = make_client(budget)
    for size in (1, 7, 1000):  # of the parts in which it arrives
        form = make_form(30)
        parts = (form[i : i + size] for i in range(0, len(form), size))
        assert client.post(PATH, content=parts, headers=FORM).text == str(len(form))
    refused = client.post(PATH, content=make_form(30), headers=FORM)
    check_refused(refused, "a lot of pictures from your address")
    assert budget.refuse("another", 1, files=100) is None
    assert budget.refuse("another", 1, files=1) is not None
    now = uploads.SECONDS + 1
    assert client.post(PATH, content=make_form(90), headers=FORM).is_success


def test_counting_takes_no_memory_of_each_byte(tmp_path: Path) -> None:
    now = 0.0
    budget = UploadBudget(tmp_path, clock=lambda: now)
    for _ in range(100):
        assert budget.refuse("one", 1) is None
        assert budget.refuse("other", 0) is None
        now += 0.02
    assert len(budget) == 2


def test_all_together_get_no_more_than_there_is(tmp_path: Path) -> None:
    budget = UploadBudget(tmp_path, most=1000)
    assert [budget.refuse(f"client {i}", 240) is None for i in range(5)] == [True] * 4 + [False]


def test_gradio_is_told_of_no_number_to_keep_an_upload_under(tmp_path: Path) -> None:
    async def name(request: Request) -> PlainTextResponse:
        return PlainTextResponse(request.url.query)

    app = Starlette(
        routes=[Route(PATH, name, methods=["POST"])],
        middleware=[Middleware(LimitedUploads, budget=UploadBudget(tmp_path))],
    )
    assert not TestClient(app).post(f"{PATH}?upload_id=a", headers=FORM).text


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_said(tmp_path: Path, number: int) -> None:
    client = make_client(UploadBudget(tmp_path), OSError(number, os.strerror(number)))
    check_refused(client.post(PATH, content=b"a", headers=FORM), "no room for more pictures")


def test_a_nearly_full_disk_is_said_before_it_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "_LEFT", 1 << 60)
    client = make_client(UploadBudget(tmp_path))
    check_refused(client.post(PATH, content=b"a", headers=FORM), "no room")


def test_a_disk_that_takes_no_more_files_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "_LEFT_FILES", 1 << 60)
    if not os.statvfs(tmp_path).f_files:
        pytest.skip("this file system makes as many as are needed")
    client = make_client(UploadBudget(tmp_path))
    check_refused(client.post(PATH, content=b"a", headers=FORM), "no room")


@pytest.mark.parametrize(
    "kind",
    [
        "multipart/form-data; boundary=----WebKitFormBoundaryAbc123",
        "multipart/form-data; boundary=---------------------------41184676334",
        'multipart/form-data; boundary="----=_Part_0.1"',
        "Multipart/Form-Data; charset=utf-8; boundary=a",
        "multipart/form-data;boundary=a;charset=UTF-8",
    ],
)
def test_forms_of_browsers_and_libraries_are_taken(tmp_path: Path, kind: str) -> None:
    client = make_client(UploadBudget(tmp_path))
    assert client.post(PATH, content=b"a", headers={"Content-Type": kind}).is_success


@pytest.mark.parametrize(
    "kind",
    [
        "", "application/json", "multipart/form-data", "multipart/form-data; boundary=",
        f"multipart/form-data; boundary={'b' * 257}", "multipart/form-data; boundary=\xff",
        "multipart/form-data; boundary=a; charset=undefined", "multipart/form-data; boundary=a\n",
        "multipart/form-data; boundary=a; boundary=b", "multipart/mixed; boundary=a",
    ],
)  # fmt: skip
def test_what_is_no_form_is_said(tmp_path: Path, kind: str) -> None:
    client = make_client(UploadBudget(tmp_path))
    answer = client.post(PATH, content=b"a", headers={"Content-Type": kind.encode("latin-1")})
    assert (answer.status_code, answer.json()["detail"][:16]) == (400, "This upload is n")


@pytest.mark.parametrize("error", [TypeError("no file"), ValueError("no parts")])
def test_a_form_that_gradio_cannot_read_is_said(tmp_path: Path, error: Exception) -> None:
    answer = make_client(UploadBudget(tmp_path), error).post(PATH, content=b"a", headers=FORM)
    assert (answer.status_code, answer.json()["error"][:16]) == (400, "This upload is n")


def test_other_errors_stay_errors(tmp_path: Path) -> None:
    client = make_client(UploadBudget(tmp_path), OSError(errno.EIO, "broken"))
    assert client.post(PATH, content=b"a", headers=FORM).status_code == 500


def test_what_is_of_no_use_is_swept(tmp_path: Path) -> None:
    kept = [tmp_path / ".lock", tmp_path / "tmpnew", tmp_path / "folder" / "waiting.jpg"]
    gone = [tmp_path / "tmpleft", tmp_path / "folder" / "old.jpg", tmp_path / "other" / ".old"]
    ages = [9999, 100, 2000, 130, 3000, 3000]
    now = 1_000_000.0
    for path, age in zip(kept + gone, ages, strict=True):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"a")
        os.utime(path, (now - age, now - age))
    sweep(tmp_path, now)
    assert [path.exists() for path in kept + gone] == [True] * 3 + [False] * 3


def test_empty_folders_of_uploads_are_swept(tmp_path: Path) -> None:
    now = 1_000_000.0
    for name, age in (("new", 1), ("old", 130), ("used", 130)):
        (tmp_path / name).mkdir()
        if name == "used":
            (tmp_path / name / "waiting.jpg").touch()
            os.utime(tmp_path / name / "waiting.jpg", (now, now))
        os.utime(tmp_path / name, (now - age, now - age))
    sweep(tmp_path, now)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "used"]
