"""Decodes in a process of its own what nobody can foresee the price of, such as an animated AVIF.

Some decoders work in one go and cannot be stopped: the kernel ends such a process once it has
taken its share of time or memory. Where it can't, only the time on the clock is limited. Two such
processes run at once, whoever asks, so that a flood of these files takes two cores at most.
"""

import os
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inference.errors import OverloadedError, UserInputError

_ROOT = Path(__file__).resolve().parents[2]
_TIMEOUT = 15.0  # seconds on the clock, of a machine that has other work
_AT_ONCE, _PATIENCE = 2, 20.0  # processes, and seconds until one of them should have ended
_PLACES = threading.BoundedSemaphore(_AT_ONCE)
_SENTENCE = 3  # what a process exits with that says why on its standard error
_SHAPE = struct.Struct("<II")
OVERLOADED = "Too many pictures at once. Try again in a moment."


def decode_apart(data: bytes, min_side: int | None) -> NDArray[np.uint8]:
    """Do what `inference.images.decode` does.

    Raises: UserInputError likewise, and where time or memory was used up; OverloadedError where
    too many of these pictures come at once.
    """
    command = [sys.executable, "-m", "inference.decoding_child", str(min_side or 0)]
    with taking_place():
        try:
            found = subprocess.run(
                command,
                input=data,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # decoders print there what they think of a file
                check=False,
                timeout=_TIMEOUT,
                cwd=_ROOT,
            )
        except subprocess.TimeoutExpired as error:
            raise UserInputError(_describe_stopped()) from error
    if found.returncode == _SENTENCE:
        raise UserInputError(found.stdout.decode())
    if found.returncode:
        raise UserInputError(_describe_stopped())
    height, width = _SHAPE.unpack_from(found.stdout)
    return np.frombuffer(found.stdout, np.uint8, offset=_SHAPE.size).reshape(height, width, 3)


def answer_pixels(pixels: NDArray[np.uint8]) -> None:
    """Hand pixels to the process that asked for them."""
    sys.stdout.buffer.write(_SHAPE.pack(*pixels.shape[:2]))
    sys.stdout.buffer.write(pixels.data)


def answer_sentence(error: UserInputError) -> None:
    """Say why there are none, and end."""
    sys.stdout.buffer.write(str(error).encode())
    sys.stdout.flush()
    os._exit(_SENTENCE)


@contextmanager
def taking_place() -> Iterator[None]:
    """Hold one of the places that such processes have.

    Raises: OverloadedError where none becomes free in time.
    """
    if not _PLACES.acquire(timeout=_PATIENCE):
        raise OverloadedError(OVERLOADED)
    try:
        yield
    finally:
        _PLACES.release()


def _describe_stopped() -> str:
    return (
        "Decoding this picture took too much time or memory and was stopped. "
        "Send a smaller copy, or save it as a JPEG."
    )
