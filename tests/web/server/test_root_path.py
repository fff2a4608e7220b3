"""A page that a proxy shows under a path, whether the proxy takes that path off or not."""

import time

import httpx
import pytest

from tests.running import find_free_port, start_app
from tests.web.pictures import CAT

pytestmark = pytest.mark.slow
FILES = ("", "healthz", "config", "theme.css", f"examples/{CAT.name}", "model.onnx")


@pytest.mark.parametrize("root", ["/hotdog", "/hotdog/", "https://example.org/hotdog"])
def test_page_answers_under_the_path_of_a_proxy(root: str) -> None:
    port = find_free_port()
    with start_app(
        "--port", str(port), "--no-browser", port=port, env={"GRADIO_ROOT_PATH": root}
    ) as app:
        for prefix in ("", "hotdog/") if root.startswith("/") else ("",):
            url = app.url + prefix
            codes = {path: httpx.get(url + path).status_code for path in FILES}
            assert set(codes.values()) == {200}, (prefix, codes)
            called = httpx.post(f"{url}gradio_api/call/renew", json={"data": [""]})
            assert called.json()["event_id"]
            form = httpx.post(f"{url}gradio_api/upload", content=b"x")
            assert "is no form with files" in form.text
            assert httpx.get(f"{url}gradio_api/file=http://example.com/").status_code == 404
        with httpx.stream("GET", f"{url}gradio_api/heartbeat/a", timeout=60):
            began = time.monotonic()
            app.process.terminate()
            assert app.process.wait(timeout=60) == 0
        assert time.monotonic() - began < 9  # a stream is not waited for
