import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from inference.classifier import Classifier
from inference.images import decode
from inference.versions.catalog import Catalog

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared" / "data" / "hotdog" / "test"
README = (ROOT / "README.md").read_text(encoding="utf-8")
SCRIPT = next(b for b in re.findall(r"```python\n(.*?)```", README, re.S) if "sys.argv" in b)


def _check_same_answers(paths: Iterable[Path], tmp_path: Path) -> None:
    """Hold the script's answers to ours: same label, same probability to four digits."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    files = [str(path) for path in paths]
    done = subprocess.run(
        [sys.executable, str(script), *files], cwd=ROOT, capture_output=True, text=True, check=True
    )
    classifier = Classifier(Catalog(ROOT / "exported").find("hotdog"), "cpu")
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert len(rows) == len(files) > 0
    for path, label, probability in rows:
        image = decode(Path(path).read_bytes(), classifier.min_side)
        expected = classifier.predict([image])[0]
        assert label == expected.label
        assert float(probability) == pytest.approx(expected.probabilities[label], abs=1e-4)


def test_script_is_twelve_lines_without_code_of_ours() -> None:
    assert len(SCRIPT.splitlines()) == 12
    assert set(re.findall(r"^(?:import|from) (\w+)", SCRIPT, re.M)) == {
        "json",
        "sys",
        "numpy",
        "onnxruntime",
        "PIL",
    }


def test_script_answers_as_we_do(tmp_path: Path) -> None:
    _check_same_answers(sorted((ROOT / "tests/fixtures/rendered").glob("*/*.webp")), tmp_path)


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the labelled pictures of ../shared")
def test_script_answers_as_we_do_on_the_whole_test_split(tmp_path: Path) -> None:
    _check_same_answers(sorted(SHARED.glob("*/*.jpg")), tmp_path)
