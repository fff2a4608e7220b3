"""Which onnxruntime is installed where."""

from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
LINES = [line.strip() for line in (ROOT / "requirements.txt").read_text().splitlines()]
REQUIREMENTS = [Requirement(line) for line in LINES if line and not line.startswith("#")]


@pytest.mark.parametrize(
    ("machine", "platform", "expected"),
    [
        ("x86_64", "linux", "onnxruntime-gpu"),
        ("AMD64", "win32", "onnxruntime-gpu"),
        ("aarch64", "linux", "onnxruntime"),
        ("arm64", "darwin", "onnxruntime"),
        ("x86_64", "darwin", "onnxruntime"),
        ("ARM64", "win32", "onnxruntime"),
    ],
)
def test_exactly_one_onnxruntime_is_installed(machine: str, platform: str, expected: str) -> None:
    environment = {"platform_machine": machine, "sys_platform": platform}
    runtimes = [r for r in REQUIREMENTS if r.name.startswith("onnxruntime")]
    chosen = [r.name for r in runtimes if r.marker is None or r.marker.evaluate(environment)]
    assert chosen == [expected]
