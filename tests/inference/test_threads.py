import os
import subprocess
import sys
from pathlib import Path

import pytest

from inference.threads import keep_to_one_thread

ROOT = Path(__file__).resolve().parents[2]


def test_what_the_environment_says_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "4")
    keep_to_one_thread()
    assert os.environ["OPENBLAS_NUM_THREADS"] == "4"


@pytest.mark.parametrize("module", ["trainer.__main__", "inference.__main__", "app"])
def test_commands_do_not_load_numpy_before_it_can_be_told(module: str) -> None:
    script = f"import sys, {module}; print('numpy' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
