"""Which of Gradio's routes answer: every one it brings has a row here or in `ALLOWED`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import httpx
import pytest
from fastapi import FastAPI

from tests.running import RunningApp, run_apart
from web.server.allowed_routes import ALLOWED, SIGN_IN

REFUSED = {
    "/config/", "/gradio_api/api/{api_name}", "/gradio_api/api/{api_name}/", "/gradio_api/app_id",
    "/gradio_api/app_id/", "/gradio_api/call/v2/{api_name}", "/gradio_api/call/v2/{api_name}/",
    "/gradio_api/call/v2/{api_name}/{event_id}", "/gradio_api/call/{api_name}/",
    "/gradio_api/cancel", "/gradio_api/component_server", "/gradio_api/component_server/",
    "/gradio_api/custom_component/{id}/{environment}/{type}/{file_name}", "/gradio_api/deep_link",
    "/gradio_api/dev/reload", "/gradio_api/file/{path:path}",
    "/gradio_api/file={path_or_url:path}", "/gradio_api/info/", "/gradio_api/login_check",
    "/gradio_api/login_check/", "/gradio_api/openapi.json", "/gradio_api/process_recording",
    "/gradio_api/proxy={url_path:path}", "/gradio_api/queue/status", "/gradio_api/reset",
    "/gradio_api/reset/", "/gradio_api/run-history/buckets", "/gradio_api/run-history/connect",
    "/gradio_api/run-history/records",
    "/gradio_api/run-history/records/{endpoint}/{record_id}/assets/{asset_id}",
    "/gradio_api/run/{api_name}", "/gradio_api/run/{api_name}/", "/gradio_api/runs",
    "/gradio_api/runs/", "/gradio_api/startup-events", "/gradio_api/stream/{event_id}",
    "/gradio_api/stream/{event_id}/close",
    "/gradio_api/stream/{session_hash}/{run}/{component_id}/playlist-file",
    "/gradio_api/stream/{session_hash}/{run}/{component_id}/playlist.m3u8",
    "/gradio_api/stream/{session_hash}/{run}/{component_id}/{segment_id}.{ext}",
    "/gradio_api/theme.css", "/gradio_api/token", "/gradio_api/token/",
    "/gradio_api/undo-vibe-edit", "/gradio_api/undo-vibe-edit/", "/gradio_api/upload_progress",
    "/gradio_api/user", "/gradio_api/user/", "/gradio_api/vibe-code", "/gradio_api/vibe-code/",
    "/gradio_api/vibe-edit", "/gradio_api/vibe-edit/", "/gradio_api/vibe-starter-queries",
    "/gradio_api/vibe-starter-queries/", "/login", "/login/", "/logout", "/monitoring",
    "/monitoring/summary", "/monitoring/{key}", "/openapi.json", "/pwa_icon", "/pwa_icon/{size}",
    "/svelte/{path:path}",
}  # fmt: skip


def list_paths(routes: list[Any]) -> Iterator[str]:
    """Yield the paths of routes, and of routers that were included."""
    for route in routes:
        if hasattr(route, "path"):
            yield route.path
        else:
            yield from list_paths(route.original_router.routes)


@pytest.fixture(scope="module")
def gradio_paths() -> set[str]:
    async def mount() -> FastAPI:  # Gradio makes a loop of its own where none runs
        return gr.mount_gradio_app(FastAPI(openapi_url=None), gr.Blocks(), path="/")

    return set(list_paths(run_apart(mount()).routes[-1].app.routes))


def test_every_route_of_gradio_is_known(gradio_paths: set[str]) -> None:
    known = REFUSED | ALLOWED.keys() | SIGN_IN.keys()
    assert gradio_paths - known == set(), "new routes of Gradio: does the page need them?"
    assert known - gradio_paths - SIGN_IN.keys() == set(), "routes that Gradio has no more"


def test_what_is_allowed_answers(app: RunningApp) -> None:
    for path in ("", "config", "gradio_api/info", "theme.css", "manifest.json", "robots.txt",
                 "favicon.ico", "pwa_icon/192", "pwa_icon/512"):  # fmt: skip
        assert httpx.get(f"{app.url}{path}").status_code == 200, path
        assert httpx.head(f"{app.url}{path}").status_code in (200, 405), path


@pytest.mark.parametrize(
    "request_line",
    [
        "GET gradio_api/file=http://example.com/",
        "GET gradio_api/file=https://example.com/",
        "GET gradio_api/file/http://example.com/",
        "GET gradio_api//file=http://example.com/",
        "GET gradio_api/file%3Dhttp://example.com/",
        "GET gradio_api/proxy=https://a.hf.space/",
        "GET pwa_icon/40000",
        "GET pwa_icon/513",
        "GET pwa_icon/-1",
        "GET monitoring",
        "GET monitoring/summary",
        "GET gradio_api/dev/reload",
        "GET gradio_api/custom_component/a/client/component/b%0aINFO: forged",
        "GET gradio_api/deep_link",
        "GET gradio_api/startup-events",
        "GET gradio_api/openapi.json",
        "GET gradio_api/upload_progress?upload_id=a",
        "GET openapi.json",
        "GET docs",
        "POST login",
        "POST gradio_api/run/classify",
        "POST gradio_api/run/classify/",
        "POST gradio_api/api/classify",
        "POST gradio_api/call/v2/classify",
        "POST gradio_api/process_recording",
        "POST gradio_api/component_server",
        "POST gradio_api/reset",
        "POST gradio_api/cancel",
        "POST gradio_api/stream/1",
        "POST gradio_api/vibe-edit",
    ],
)
def test_the_rest_is_not_there(app: RunningApp, request_line: str) -> None:
    method, _, path = request_line.partition(" ")
    answer = httpx.request(method, f"{app.url}{path}", content=b"{}" if method == "POST" else None)
    assert answer.status_code in (404, 405)
    assert answer.json()["error"]


@pytest.mark.parametrize(
    "path",
    [
        "gradio_api/upload%0a",
        "gradio_api%2Fupload%0a",
        "gradio_api/queue/join%0a",
        "gradio_api/call/classify%0a",
        "gradio_api/call/classify%00",
        "gradio_api/call/classify%7f",
        "gradio_api/call/classify%c2%85",
        "api/classify%0a",
        "config%0a",
        "healthz%0a",
        "gradio_api/upload/",
        "gradio_api//upload",
        "Gradio_api/upload",
        "gradio_api/queue/join/",
    ],
)
def test_no_address_is_known_by_another_spelling(app: RunningApp, path: str) -> None:
    for method in ("GET", "POST"):
        answer = httpx.request(method, f"{app.url}{path}", content=b"x")
        assert (answer.status_code, answer.json()["error"][:5]) == (404, "There"), answer.text


@pytest.mark.parametrize("path", ["gradio_api/queue/data", "gradio_api/info", ""])
def test_another_method_is_refused(app: RunningApp, path: str) -> None:
    assert httpx.post(f"{app.url}{path}").status_code == 405


def test_refused_requests_leave_nothing_in_the_log(app: RunningApp) -> None:
    httpx.get(f"{app.url}monitoring")
    httpx.get(f"{app.url}gradio_api/custom_component/a/client/component/b%0aINFO:%20forged")
    log = app.read_log()
    assert "forged" not in log
    assert "Monitoring" not in log


def test_only_uploads_are_sent_back(app: RunningApp, tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(b"secret")
    sent = httpx.post(f"{app.url}gradio_api/upload", files={"files": ("a.html", b"<script>")})
    [path] = sent.json()
    link = Path(path).parent / "link.png"
    link.symlink_to(secret)
    for named in (secret, link, f"{path}/../../../../etc/passwd", "/etc/passwd", "app.py", "\0"):
        answer = httpx.get(f"{app.url}gradio_api/file={named}".replace("\0", "%00"))
        assert answer.status_code == 404, named
    answer = httpx.get(f"{app.url}gradio_api/file={path}")
    assert answer.content == b"<script>"
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["content-security-policy"].startswith("sandbox")


@pytest.mark.parametrize(
    "disposition", ['name="files"', "name=\"files\"; filename*=UTF-8''a.jpg", 'filename="a.jpg"']
)
def test_forms_without_files_are_refused_and_not_logged(app: RunningApp, disposition: str) -> None:
    log = app.read_log()
    body = f"--b\r\nContent-Disposition: form-data; {disposition}\r\n\r\nx\r\n--b--\r\n"
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = httpx.post(f"{app.url}gradio_api/upload", content=body, headers=headers)
    assert answer.status_code == 400
    assert app.read_log() == log
