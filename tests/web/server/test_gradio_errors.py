import json
import logging

import gradio as gr
import pytest
from gradio import queueing, route_utils, routes

from web.http.gradio_api import answer_call
from web.server.gradio_errors import log_gradio_errors, report_error
from web.try_it.tab import draw_one


def test_gradio_prints_no_tracebacks_any_more(capfd: pytest.CaptureFixture[str]) -> None:
    log_gradio_errors()
    for module in (queueing, route_utils, routes):
        try:
            raise ValueError("secret")
        except ValueError:
            module.traceback.print_exc()
        assert module.traceback.format_exc()  # the rest of it is there
    assert "secret" not in "".join(capfd.readouterr())


def test_what_came_with_a_call_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    try:
        json.loads('{"secret')
    except ValueError:
        report_error()
    [record] = caplog.records
    assert record.getMessage().startswith("Gradio refused a call: JSONDecodeError at decoder.py:")
    assert record.exc_info is None


def test_defect_of_ours_keeps_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    try:
        draw_one(None, None, "")  # type: ignore[arg-type]
    except AttributeError:
        report_error()
    [record] = caplog.records
    assert record.levelno == logging.ERROR
    assert record.exc_info is not None


@pytest.mark.parametrize("picture", [None, 7, "text", [], {}, {"path": 7}, {"path": "/nowhere"}])
def test_call_without_a_picture_is_answered_by_a_sentence(
    picture: object, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(gr.Error, match=r"no picture in this call|not here any more"):
        answer_call(None, picture, False)  # type: ignore[arg-type]
    assert not caplog.records
