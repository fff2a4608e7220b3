"""The process that decodes one picture for another: bytes on its input, pixels on its output.

It is started by `inference.decoding.apart`. Its time and memory are limited where the system can.
"""

import sys
import time
from pathlib import Path

from PIL import AvifImagePlugin
from pillow_heif import options

from inference.decoding.apart import answer_pixels, answer_sentence
from inference.decoding.limits import MAX_MEMORY, MAX_SECONDS
from inference.errors import UserInputError
from inference.images import decode_here, register_formats


def main() -> None:
    """Decode what is on the standard input; the first argument is the shorter side, or 0."""
    data = sys.stdin.buffer.read()
    register_formats()
    AvifImagePlugin.DEFAULT_MAX_THREADS = options.DECODE_THREADS = 1
    _limit()
    try:
        answer_pixels(decode_here(data, int(sys.argv[1]) or None))
    except UserInputError as error:
        answer_sentence(error)


def _limit() -> None:
    """Let the kernel end this process once it has used up its time; memory is refused to it."""
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415  (Windows has none)
    import signal  # noqa: PLC0415

    # The start counts too; where that took it all, 0 would mean no limit.
    signal.setitimer(signal.ITIMER_PROF, max(0.1, MAX_SECONDS - time.process_time()))
    if sys.platform.startswith("linux"):
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[0]
        taken = int(pages) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (taken + MAX_MEMORY, taken + MAX_MEMORY))


if __name__ == "__main__":
    main()
