"""No file that is decoded costs more than 2 seconds of one core or 400 MB; others are refused."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from inference.decoding.limits import MAX_MEMORY, MAX_SECONDS
from inference.errors import UserInputError
from inference.images import decode
from tests.inference.costly_files import ACCEPTED_FILES, REFUSED_FILES, STOPPED_FILES
from tests.inference.picture_files import make_png

SERVED, STORED = 358, 1024  # pixels of the shorter side: for the shipped version, for a store
ALLOW_METADATA_WARNINGS = pytest.mark.filterwarnings("ignore::UserWarning:PIL")
# Decodes a file in a process of its own, as the kernel counts what it takes.
_MEASURE = """
import os, sys
from pathlib import Path
from inference.images import decode
from tests.inference.picture_files import draw_corners, save

def read(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))

data = Path(sys.argv[1]).read_bytes()
for name in ("JPEG", "PNG", "WEBP", "HEIF", "AVIF", "TIFF"):
    decode(save(draw_corners(), name), 32)
Path("/proc/self/clear_refs").write_text("5")
before, start = read("VmRSS"), sum(os.times()[:4])  # children too
decode(data, int(sys.argv[2]))
print(sum(os.times()[:4]) - start, read("VmHWM") - before)
"""


def measure(data: bytes, min_side: int, folder: Path) -> tuple[float, int]:
    """Return the seconds of all cores, and the bytes, that decoding takes at its peak."""
    path = folder / "picture"
    path.write_bytes(data)
    command = [sys.executable, "-c", _MEASURE, str(path), str(min_side)]
    found = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    seconds, memory = found.stdout.split()
    return float(seconds), int(memory)


@pytest.mark.parametrize("name", REFUSED_FILES)
def test_what_a_header_tells_is_refused_before_it_is_decoded(name: str) -> None:
    data = REFUSED_FILES[name]()
    start = time.process_time()
    with pytest.raises(UserInputError) as caught:
        decode(data, SERVED)
    assert time.process_time() - start < 0.7 * MAX_SECONDS
    assert "cannot be read" not in str(caught.value)
    assert any(words in str(caught.value) for words in ("end a", "ave it again"))


@pytest.mark.slow
@pytest.mark.parametrize("name", STOPPED_FILES)
def test_the_rest_is_stopped(name: str) -> None:
    start = time.monotonic()
    with pytest.raises(UserInputError, match=r"stopped|more memory than there is"):
        decode(STOPPED_FILES[name](), SERVED)
    assert time.monotonic() - start < 10 * MAX_SECONDS


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("min_side", [SERVED, STORED])
@pytest.mark.parametrize("name", ACCEPTED_FILES)
def test_what_is_decoded_keeps_within_its_price(name: str, min_side: int, tmp_path: Path) -> None:
    seconds, memory = measure(ACCEPTED_FILES[name](), min_side, tmp_path)
    assert memory <= MAX_MEMORY
    assert seconds <= 2 * MAX_SECONDS  # on a machine that does other things, too


def test_a_row_is_held_in_several_forms_while_it_is_converted() -> None:
    with pytest.raises(UserInputError, match="MB of memory"):
        decode(make_png(30_000_000, 1))
    assert decode(make_png(100_000, 1)).shape == (1, 100_000, 3)
