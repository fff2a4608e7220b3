"""What the environment holds, before Gradio is imported and reads it.

Proxies, certificates and Gradio's own settings are for others: this page opens no connection to
show itself, and listens, serves and lets in only what our options say.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from inference.errors import UserInputError

# Gradio's settings that mean something here; all others it finds unset.
_KEPT = {
    "GRADIO_ANALYTICS_ENABLED",
    "GRADIO_ROOT_PATH",
    "GRADIO_SERVER_NAME",
    "GRADIO_SERVER_PORT",
    "GRADIO_TEMP_DIR",
}
# How other machines are reached: read by the clients that Gradio makes when it is imported.
_REACHING = {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"}
_ROOT = re.compile(r"(https?://[\w.:\[\]-]+)?(/[\w.~%-]+)*/?")


def import_gradio() -> None:
    """Import gradio, whatever the environment holds.

    Raises: UserInputError where the environment holds what a library cannot read.
    """
    os.environ.setdefault("PATH", os.defpath)
    for name in os.environ.keys() - _KEPT:
        if name.upper().startswith("GRADIO_"):
            del os.environ[name]
    # The statistics of its queue, which nobody reads here, are not computed after every call.
    os.environ["GRADIO_ANALYTICS_CACHE_FREQUENCY"] = "1000"
    os.environ["GRADIO_ANALYTICS_MAX_EVENTS"] = "100"
    try:
        Path.cwd()
    except OSError as error:
        raise UserInputError(
            "The folder in which this was started is gone. Start it in another."
        ) from error
    try:
        with _hiding(_REACHING):
            import gradio  # noqa: F401, PLC0415  (only now)
    except (ValueError, OSError) as error:
        raise UserInputError(
            f"A library cannot read what the environment holds: {error}. Unset that variable, "
            "and try again."
        ) from error


def read_root() -> str:
    """Return the path or address at which a proxy shows the page, from `GRADIO_ROOT_PATH`.

    Raises: UserInputError for anything else.
    """
    root = os.environ.get("GRADIO_ROOT_PATH", "")
    if not _ROOT.fullmatch(root):
        raise UserInputError(
            f"GRADIO_ROOT_PATH is {root!r}, and no path or address such as /hotdog or "
            "https://example.org/hotdog."
        )
    return root.rstrip("/")


@contextmanager
def _hiding(names: set[str]) -> Iterator[None]:
    """Take variables out of the environment for a while, in capitals or not."""
    hidden = {name: value for name, value in os.environ.items() if name.upper() in names}
    for name in hidden:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(hidden)
