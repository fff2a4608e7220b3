"""Write requirements.lock and requirements-dev.lock: every wheel that is installed, by its hash.

For Linux on x86-64 with Python 3.11 and 3.12, from requirements.txt and requirements-dev.txt.

python .ci/lock.py
"""

import json
import platform
import subprocess
import sys
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from packaging.specifiers import SpecifierSet
from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from pypi_simple import DistributionPackage, PyPISimple

ROOT = Path(__file__).resolve().parents[1]
PYTHONS = ((3, 11), (3, 12))  # the oldest first: its versions are those that all of them can have
# Of glibc 2.5 to 2.39; a wheel names the oldest that it runs with. Source: PEP 600.
PLATFORMS = [f"manylinux_2_{minor}_x86_64" for minor in range(39, 4, -1)]
PLATFORMS += ["manylinux2014_x86_64", "manylinux2010_x86_64", "manylinux1_x86_64", "linux_x86_64"]
HEAD = """\
# Every wheel that is installed on Linux on x86-64 with Python 3.11 or 3.12, by its hash.
# Written by `make lock` from {source}; change that, not this.
"""

Versions = Mapping[str, str]  # normalised name → version


def main() -> None:
    """Write both files; the one for development adds to the other, as their sources do."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        sys.exit("The lock is for Linux on x86-64, and what is needed is only seen there.")
    needed = resolve(ROOT / "requirements.txt")
    write(ROOT / "requirements.lock", "requirements.txt", "--only-binary :all:", needed)
    all_needed = resolve(ROOT / "requirements-dev.txt", needed)
    added = {name: version for name, version in all_needed.items() if name not in needed}
    write(ROOT / "requirements-dev.lock", "requirements-dev.txt", "-r requirements.lock", added)


def resolve(requirements: Path, known: Versions | None = None) -> Versions:
    """Return what pip would install into an empty environment; `known` versions are kept."""
    with TemporaryDirectory() as folder:
        constraints = Path(folder, "constraints.txt")
        constraints.write_text("".join(f"{n}=={v}\n" for n, v in (known or {}).items()))
        tags = [f"--platform={name}" for name in PLATFORMS]
        tags += [f"--python-version={'.'.join(map(str, PYTHONS[0]))}", "--only-binary=:all:"]
        command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed"]
        command += ["--quiet", "--report=-", f"--target={folder}/target", *tags]
        command += [f"--constraint={constraints}", f"--requirement={requirements}"]
        report = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    found = [item["metadata"] for item in json.loads(report)["install"]]
    return {canonicalize_name(item["name"]): item["version"] for item in found}


def write(path: Path, source: str, option: str, versions: Versions) -> None:
    """Write a lock file whose first line says `option`."""
    with ThreadPoolExecutor(8) as pool:
        entries = list(pool.map(lock, *zip(*sorted(versions.items()), strict=True)))
    path.write_text(HEAD.format(source=source) + f"{option}\n" + "".join(entries))
    sys.stdout.write(f"{path.name}: {len(entries)} packages\n")


def lock(name: str, version: str) -> str:
    """Return the entry of a package: its version, and the hashes of the wheels that fit.

    Ends the program where one of our Pythons has no wheel.
    """
    with PyPISimple() as client:
        files = client.get_project_page(name).packages
    files = [file for file in files if file.version == version and not file.is_yanked]
    wheels = {python: [f for f in files if fits(f, python)] for python in PYTHONS}
    if missing := [python for python, fitting in wheels.items() if not fitting]:
        sys.exit(f"{name} {version} has no wheel for Python {missing}.")
    hashes = {file.digests["sha256"] for fitting in wheels.values() for file in fitting}
    lines = [f"{name}=={version}", *(f"    --hash=sha256:{digest}" for digest in sorted(hashes))]
    return " \\\n".join(lines) + "\n"


def fits(file: DistributionPackage, python: tuple[int, int]) -> bool:
    """Tell whether a file of the index is a wheel for this Python on Linux on x86-64."""
    try:
        tags = parse_wheel_filename(file.filename)[3]
    except InvalidWheelFilename:
        return False
    supported = file.requires_python is None or allows(file.requires_python, python)
    return supported and not tags.isdisjoint(list_tags(python))


def allows(requires_python: str, python: tuple[int, int]) -> bool:
    """Tell whether `requires_python`, such as `>=3.10`, allows a Python."""
    return SpecifierSet(requires_python).contains(".".join(map(str, python)))


def list_tags(python: tuple[int, int]) -> Iterable[Tag]:
    """Yield the tags of the wheels that a Python can install on Linux on x86-64."""
    yield from cpython_tags(python, platforms=PLATFORMS)
    yield from compatible_tags(python, f"cp{python[0]}{python[1]}", PLATFORMS)


if __name__ == "__main__":
    main()
