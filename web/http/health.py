"""`/healthz`: the process serves. `/readyz`: the page can do what it is for, or why not.

For whoever looks after the machine: an orchestrator restarts what is not alive, and sends no
visitors to what is not ready.
"""

import asyncio
import logging
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from inference.classifier import Classifier
from inference.errors import OverloadedError, UserInputError
from inference.images import decode
from inference.versions.probes import TOLERANCE, list_probes, make_probe
from web.serving import Service

ALIVE, READY = "/healthz", "/readyz"
_KEPT = 5.0  # seconds for which a result is given again, so that nobody loads the machine by asking
# 16 × 16 pixels of one colour, `Image.new("RGB", (16, 16), _COLOUR).save(…)` by Pillow and
# pillow-heif; as files, since a page that decodes need not be able to encode.
_SAMPLES = Path(__file__).parent / "self_test"
_COLOUR = (200, 60, 40)  # of every pixel of the samples
_OFF = 8  # by which a lossy format may differ from it
_NO_STORE = {"Cache-Control": "no-store"}


class NotReadyError(OverloadedError):
    """Something that the page needs does not work; says what, and nothing of where it lies."""


def make_health_routes(
    service: Service, data: Path | None, takes_calls: Callable[[], bool] = lambda: True
) -> list[BaseRoute]:
    """Return the routes.

    `data`: the folder that must be writable; None where nobody teaches. `takes_calls`: whether the
    page's queue goes on.
    """
    readiness = Readiness(service, data, takes_calls=takes_calls)

    async def report_alive(request: Request) -> JSONResponse:
        return JSONResponse({"status": "ok"}, headers=_NO_STORE)

    async def report_ready(request: Request) -> JSONResponse:
        result = await readiness.check()
        if isinstance(result, str):
            headers = {**_NO_STORE, "Retry-After": str(round(_KEPT))}
            return JSONResponse({"status": "not ready", "error": result}, 503, headers)
        return JSONResponse({"status": "ready", **result}, headers=_NO_STORE)

    return [Route(ALIVE, report_alive), Route(READY, report_ready)]


@dataclass
class Readiness:
    """Tests the page, and keeps the result for a while. For one event loop."""

    service: Service
    data: Path | None
    samples: Path = _SAMPLES
    clock: Callable[[], float] = time.monotonic
    takes_calls: Callable[[], bool] = lambda: True
    _testing: asyncio.Lock = field(default_factory=asyncio.Lock)
    _result: str | dict[str, Any] = ""
    _stamp: tuple[int, ...] | None = None
    _until: float = 0.0

    async def check(self) -> str | dict[str, Any]:
        """Return the model and version that answer, or a sentence that says why none does."""
        if not self.takes_calls():
            return "The queue of calls has ended. Start the page again."
        async with self._testing:  # others wait for the one that tests
            stamp = await run_in_threadpool(self.service.catalog.read_stamp, self.service.model)
            if stamp != self._stamp or self.clock() >= self._until:
                self._result = await run_in_threadpool(self._test)
                self._stamp, self._until = stamp, self.clock() + _KEPT
        return self._result

    def _test(self) -> str | dict[str, Any]:
        try:
            card = check_answers(self.service).card
            check_decoders(self.samples)
            if self.data is not None:
                check_writable(self.data)
        except NotReadyError as error:
            return str(error)
        return {"model": card.model, "version": card.version}


def check_answers(service: Service) -> Classifier:
    """Return what answers, having asked it for a picture that is made by formula.

    Raises: NotReadyError where no version opens, or its answer is not what its card says.
    """
    try:
        classifier = service.open()
        *_, (height, width, seed) = list_probes()
        found = classifier.predict([make_probe(height, width, seed)])[0].probabilities
    except Exception as error:
        if not isinstance(error, UserInputError):
            logging.getLogger(__name__).error("The self-test failed.", exc_info=error)
        raise NotReadyError("The version in use does not answer.") from error
    for probe in classifier.card.probes:
        if (probe.height, probe.width, probe.seed) == (height, width, seed):
            answer = np.array([found[name] for name in classifier.card.class_names])
            if not np.abs(answer - np.array(probe.probabilities)).max() <= TOLERANCE:
                raise NotReadyError("The version in use answers otherwise than its card says.")
    return classifier


def check_decoders(samples: Path) -> None:
    """Decode a tiny picture of each format that needs a library of its own.

    Raises: NotReadyError with the formats that cannot be decoded.
    """
    broken = [path.suffix[1:].upper() for path in sorted(samples.iterdir()) if not _decodes(path)]
    if broken:
        raise NotReadyError(f"Pictures of these formats cannot be decoded: {', '.join(broken)}.")


def _decodes(path: Path) -> bool:
    try:
        pixels = decode(path.read_bytes())
    except UserInputError:
        return False
    return bool(np.abs(pixels.mean((0, 1)) - _COLOUR).max() <= _OFF)


def check_writable(data: Path) -> None:
    """Write a byte into a folder; nothing of it stays.

    Raises: NotReadyError with the system's reason.
    """
    try:
        with tempfile.TemporaryFile(dir=data) as file:
            file.write(b"\0")
    except OSError as error:
        reason = error.strerror or "it failed"
        raise NotReadyError(f"The data folder cannot be written: {reason}.") from error
