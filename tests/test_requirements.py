"""Which packages are installed where: the lists, and the locks that were made of them."""

import platform
import re
import sys
from importlib.metadata import requires
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

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


# The lock files


def read_lock(name: str) -> dict[str, tuple[str, int]]:
    """Return package → version and number of hashes; every line must be understood."""
    lines = (ROOT / name).read_text(encoding="utf-8").replace(" \\\n", " ").splitlines()
    entries = [line for line in lines if not line.startswith(("#", "-r ", "--only-binary "))]
    found = {}
    for entry in entries:
        requirement, *hashes = entry.split()
        package, _, version = requirement.partition("==")
        assert version
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", text) for text in hashes), entry
        found[package] = (version, len(hashes))
    return found


def read_requirements(name: str) -> dict[str, str]:
    """Return package → version of what a file asks for on the machines that the lock is for."""
    machine = {"platform_machine": "x86_64", "sys_platform": "linux"}
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    wanted = [Requirement(line) for line in lines if line and not line.startswith(("#", "-r "))]
    return {
        canonicalize_name(r.name): str(r.specifier).removeprefix("==")
        for r in wanted
        if r.marker is None or r.marker.evaluate(machine)
    }


@pytest.mark.parametrize("name", ["requirements", "requirements-dev"])
def test_lock_has_what_is_required(name: str) -> None:
    """After a change of the list: `make lock`."""
    locked = read_lock(f"{name}.lock")
    versions = {package: version for package, (version, _) in locked.items()}
    assert read_requirements(f"{name}.txt").items() <= versions.items()
    assert not [package for package, (_, hashes) in locked.items() if not hashes]


def test_lock_for_development_adds_to_the_other() -> None:
    assert not read_lock("requirements.lock").keys() & read_lock("requirements-dev.lock").keys()
    lines = (ROOT / "requirements-dev.lock").read_text(encoding="utf-8").splitlines()
    assert "-r requirements.lock" in lines


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_lock_names_no_index(name: str) -> None:
    words = (ROOT / name).read_text(encoding="utf-8").split()
    options = {word.partition("=")[0] for word in words if word.startswith("-")}
    assert options <= {"-r", "--only-binary", "--hash"}
    assert not [word for word in words if "//" in word]


@pytest.mark.skipif(
    (platform.system(), platform.machine(), sys.version_info[:2] in {(3, 11), (3, 12)})
    != ("Linux", "x86_64", True),
    reason="the lock is for Linux on x86-64 with Python 3.11 and 3.12",
)
def test_lock_has_all_that_the_requirements_need() -> None:
    """By what the installed packages say that they need."""
    locked = read_lock("requirements.lock")
    lacking = {
        (package, needed.name)
        for package in locked
        for needed in map(Requirement, requires(package) or ())
        if (needed.marker is None or needed.marker.evaluate({"extra": ""}))
        and canonicalize_name(needed.name) not in locked
    }
    assert not lacking


# The audit


def load_audit() -> ModuleType:
    spec = spec_from_file_location("audit", ROOT / ".ci/audit.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


FINE = {"name": "six", "version": "1.17.0", "vulns": []}
SKIPPED = {"name": "seven", "skip_reason": "Dependency not found on PyPI and could not be audited"}
FAULT = {"id": "PYSEC-2020-1", "fix_versions": ["8.1"], "aliases": [], "description": "…"}
FAULTY = {"name": "eight", "version": "8.0", "vulns": [FAULT]}


@pytest.mark.parametrize(
    ("packages", "failed", "words"),
    [
        ([FINE], False, "No known vulnerability in 1 packages."),
        ([FINE, SKIPPED], False, "could not be asked about 1 of them"),
        ([SKIPPED], False, "were not looked up"),
        ([FINE, FAULTY, SKIPPED], True, "eight 8.0: PYSEC-2020-1, mended in ['8.1']"),
    ],
)
def test_audit_fails_for_a_vulnerability_and_is_honest_of_what_it_could_not_ask(
    packages: list[dict[str, Any]], failed: bool, words: str
) -> None:
    """What pip-audit itself calls "no known vulnerabilities" may mean that nothing was asked."""
    found, sentence = load_audit().judge(packages)
    assert found is failed
    assert words in sentence
