"""What is logged, by a page that is sent what nobody should send too."""

import json
import logging
import re
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.running import RunningApp, find_free_port, start_app, wait_for
from tests.web.bad_requests import FORGED, send_bad_requests
from tests.web.http.test_gradio_api import upload
from tests.web.pictures import CAT
from web.server.exchanges import Exchange
from web.server.log_lines import JsonFormatter, PlainFormatter, RequestLog

TOKEN = "let me count"
_PLAIN = r"\d{4}-\d\d-\d\dT[\d:.]+\+00:00 (WARNING|ERROR) .*|hotdog \d+ on cpu: http://.*"


def make_record(message: str, *values: object, failed: bool = False) -> logging.LogRecord:
    info = sys.exc_info() if failed else None
    return logging.LogRecord("a.b", logging.ERROR, "a.py", 1, message, values, info)


def fail() -> logging.LogRecord:
    """Return the record of a defect whose words came from a visitor."""
    try:
        try:
            raise KeyError("first")
        except KeyError as error:
            raise ValueError(FORGED) from error
    except ValueError:
        return make_record("It failed: %s", FORGED, failed=True)


def has_control(text: str) -> bool:
    return any(unicodedata.category(letter) in ("Cc", "Zl", "Zp") for letter in text)


def test_nobody_forges_a_line_that_people_read() -> None:
    first, *others = PlainFormatter().format(fail()).split("\n")
    assert re.fullmatch(r"\S+\+00:00 ERROR It failed: \\x0a2026-.*forged\\x00", first)
    assert "Traceback" in others[0]
    assert any("KeyError: 'first'" in line for line in others)
    for line in others:
        assert line.startswith("    ")
        assert not has_control(line)


def test_defect_is_one_json_line_with_its_cause() -> None:
    line = JsonFormatter().format(fail())
    assert not has_control(line)
    values = json.loads(line)
    assert values["message"] == f"It failed: {FORGED}"
    error = values["exc"]
    assert (error["type"], error["message"], error["cause"]["type"]) == (
        "ValueError", FORGED, "KeyError",
    )  # fmt: skip
    assert re.fullmatch(rf"{re.escape(__file__)}:\d+ fail", error["at"][0])


def make_exchange(**scope: Any) -> Exchange:
    return Exchange({"method": "GET", "path": "/cat.jpg", **scope}, "203.0.113.7")


def test_request_says_nothing_of_who_sent_what() -> None:
    log, other = RequestLog(), RequestLog()
    exchange = make_exchange(query_string=b"token=secret", method="G\x1bT")
    text = json.dumps(log.describe(exchange))
    assert not re.search(r"203\.0|secret|cat|\\", text)
    assert log.describe(exchange)["method"] == "other"
    clients = [each.describe(exchange)["client"] for each in (log, log, other)]
    assert clients[0] == clients[1] != clients[2]  # another start, another key


@pytest.fixture(scope="module", params=["plain", "json"])
def attacked(
    request: pytest.FixtureRequest, exported: Path
) -> Iterator[tuple[bool, RunningApp, int]]:
    """Yield whether a page logs JSON, the page, and how many bad requests it was sent."""
    port, as_json = find_free_port(), request.param == "json"
    env = {"CLASSIFIER_EXPORTED": str(exported), "CLASSIFIER_PROVIDERS": "cpu"}
    env["CLASSIFIER_TEACH_PASSWORD"] = "a secret word"
    if as_json:
        env |= {"CLASSIFIER_LOG_JSON": "1", "CLASSIFIER_METRICS": "1"}
        env["CLASSIFIER_METRICS_TOKEN"] = TOKEN
    with start_app("--teach", "--port", str(port), port=port, env=env) as app:
        yield as_json, app, send_bad_requests(app)


@pytest.mark.slow
def test_what_a_visitor_sends_makes_no_traceback_and_no_line_of_its_own(
    attacked: tuple[bool, RunningApp, int],
) -> None:
    as_json, app, count = attacked
    log = app.read_log()
    assert count > 500
    assert "Traceback" not in log
    assert '"exc"' not in log
    for line in log.removesuffix("\n").split("\n"):
        assert not has_control(line), line
        assert json.loads(line) if as_json else re.fullmatch(_PLAIN, line), line


@pytest.mark.slow
def test_each_request_is_a_line(attacked: tuple[bool, RunningApp, int]) -> None:
    as_json, app, _ = attacked
    path = upload(app, CAT)
    answer = httpx.get(f"{app.url}gradio_api/file={path}?token=secret")
    number = answer.headers["x-request-id"]
    if not as_json:
        assert number not in app.read_log()
        return
    wait_for(lambda: number in app.read_log())
    [values] = [
        v for v in map(json.loads, app.read_log().splitlines()) if v.get("request") == number
    ]
    assert values["path"] == "/gradio_api/file={path:path}"
    assert (values["method"], values["status"]) == ("GET", 200)
    assert values["sent"] == len(answer.content)
    assert values["milliseconds"] > 0
    assert not re.search(r"127\.0\.0\.1.*path|secret|\.jpg|\.png|/tmp/", json.dumps(values))
    assert "a secret word" not in app.read_log()


@pytest.mark.slow
def test_metrics_are_for_who_has_the_token(attacked: tuple[bool, RunningApp, int]) -> None:
    as_json, app, count = attacked
    url = f"{app.url}metrics"
    if not as_json:
        assert httpx.get(url).status_code == 404
        return
    for wrong in ({}, {"Authorization": TOKEN}, {"Authorization": "Bearer \xff".encode("latin-1")}):
        assert httpx.get(url, headers=wrong).status_code == 401  # type: ignore[arg-type]
    text = httpx.get(url, headers={"Authorization": f"Bearer {TOKEN}"}).text
    samples = [line for line in text.splitlines() if not line.startswith("#")]
    assert len(samples) < 1500  # after requests for hundreds of addresses and methods
    assert not re.search(r"forged|secret|passwd|xxxx", text)
    total = sum(
        float(s.rpartition(" ")[2]) for s in samples if s.startswith("classifier_requests_total")
    )
    assert total > count / 2
