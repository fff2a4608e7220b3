"""Ask the database of known vulnerabilities about all that the lock files name.

Fails where it knows of one; says so, and does not fail, where it cannot be asked.

python .ci/audit.py
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LOCKS = ("requirements.lock", "requirements-dev.lock")


def main() -> None:
    """Print what was found, and exit with 1 if that was a vulnerability."""
    command = [sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes"]
    command += ["--format=json", "--progress-spinner=off", "--timeout=30"]
    command += [f"--requirement={ROOT / name}" for name in LOCKS]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.stdout:
        failed, sentence = judge(json.loads(done.stdout)["dependencies"])
    else:
        reason = (done.stderr.strip() or "pip-audit said nothing").splitlines()[-1]
        failed, sentence = False, f"Vulnerabilities were not looked up: {reason}"
    sys.stdout.write(f"{sentence}\n")
    sys.exit(failed)


def judge(packages: Sequence[dict[str, Any]]) -> tuple[bool, str]:
    """Return whether a package has a known vulnerability, and what to print.

    `packages`: `dependencies` of pip-audit's JSON. It calls a package skipped, and not wrong, of
    which the database could not be asked.
    """
    found = [
        f"{item['name']} {item['version']}: {fault['id']}, mended in {fault['fix_versions']}"
        for item in packages
        for fault in item.get("vulns", ())
    ]
    skipped = sum("skip_reason" in item for item in packages)
    unknown = f" The database could not be asked about {skipped} of them." if skipped else ""
    if found:
        return True, "\n".join([f"Known vulnerabilities:{unknown}", *found])
    if skipped == len(packages):
        return False, "Vulnerabilities were not looked up: the database could not be asked."
    return False, f"No known vulnerability in {len(packages)} packages.{unknown}"


if __name__ == "__main__":
    main()
