"""What Gradio prints of errors goes to the log instead: a traceback only of our own defects.

Gradio prints the traceback of whatever fails in a call, and most of that is what a visitor sent.
"""

import logging
import sys
import traceback
from pathlib import Path
from types import SimpleNamespace

from gradio import queueing, route_utils, routes

_OURS = Path(__file__).resolve().parents[1]
_log = logging.getLogger(__name__)


def log_gradio_errors() -> None:
    """Let Gradio's modules report errors by `report_error`."""
    for module in (queueing, route_utils, routes):
        module.traceback = SimpleNamespace(**{**vars(traceback), "print_exc": report_error})


def report_error() -> None:
    """Log the error that is being handled.

    Where none of our code was at work, it was about what came with a call: its kind and place.
    """
    error = sys.exception()
    if error is None:
        return
    frames = traceback.extract_tb(error.__traceback__)
    if any(Path(frame.filename).is_relative_to(_OURS) for frame in frames):
        _log.error("A call failed.", exc_info=error)
        return
    where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "nowhere"
    _log.warning("Gradio refused a call: %s at %s.", type(error).__name__, where)
