"""The clients that measure pages, with a real page of ours."""

import pytest

from benchmarks.serving.clients import Endpoint, count_answers, send_all, time_calls
from benchmarks.serving.images import make_photo, make_small
from inference.images import decode
from tests.running import RunningApp


def name_endpoints(app: RunningApp) -> list[Endpoint]:
    port = int(app.url.rstrip("/").rpartition(":")[2])
    return [
        Endpoint(port, "classify", (False, None)),
        Endpoint(port, "/api/classify", plain=True),
    ]


def test_both_ways_answer_and_are_counted(app: RunningApp) -> None:
    for endpoint in name_endpoints(app):
        assert len(time_calls(endpoint, make_small(2))) == 2
        assert count_answers(endpoint, make_small(2), clients=2, seconds=0.5) > 0
        send_all(endpoint, make_small(3), clients=2)


def test_refusal_is_an_error(app: RunningApp) -> None:
    for endpoint in name_endpoints(app):
        with pytest.raises(RuntimeError):
            send_all(endpoint, [b"not an image"], clients=1)


def test_photos_are_jpegs_of_the_requested_size() -> None:
    data = make_photo(320, 240, seed=3)
    assert data.startswith(b"\xff\xd8")
    assert decode(data).shape == (240, 320, 3)
    assert data == make_photo.__wrapped__(320, 240, seed=3)
