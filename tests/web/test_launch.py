"""What becomes of a page whose public link cannot be had."""

from types import SimpleNamespace
from typing import Any

import pytest
from gradio import networking

from tests.running import find_free_port
from tests.web.server.running_server import serve
from web.launch import _share


def test_without_a_public_link_the_log_has_one_line(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    nowhere = f"http://127.0.0.1:{find_free_port()}/"
    monkeypatch.setattr(networking, "GRADIO_API_SERVER", nowhere)
    page: Any = SimpleNamespace(share_token="token")
    with serve([]) as server:
        assert _share(page, server) is None
    (record,) = [record for record in caplog.records if record.name == "web.launch"]
    assert record.getMessage() == (
        "No public link could be had: Could not get share link from Gradio API Server."
    )
    assert not record.exc_info
