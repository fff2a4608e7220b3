"""Labels as lines of JSON, in `metadata.jsonl` of exported folders and in projects.

`datasets.load_dataset("imagefolder")` reads them too, which is why a column has the same type in
every line: what is absent is an empty text or 0.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from inference.errors import UserInputError
from labelling.images.files import is_sha256
from labelling.store.adding import Annotation
from labelling.store.changes import write_time
from labelling.store.entries import SPLITS, Entry, RecordedPrediction
from labelling.store.placement import Assignment

FILE_NAME = "metadata.jsonl"
_NO_PREDICTION = RecordedPrediction("", 0.0, "", 0, "")
# Longest line that is read, in bytes; ours are under a thousand.
_LONGEST = 100_000
# Lines and bytes of a file that are read; an archive holds 200,000 files.
_MOST_LINES, _MOST_BYTES = 500_000, 300_000_000


def write_line(entry: Entry, file_name: str, **more: bool) -> str:
    """Return the line of a label, whose image lies at `file_name` beside the lines' file."""
    line = {"file_name": file_name} | asdict(entry)
    del line["id"], line["prediction"]
    prediction = asdict(entry.prediction or _NO_PREDICTION)
    line |= {f"answer_{name}": value for name, value in prediction.items()} | more
    return json.dumps(line, ensure_ascii=False) + "\n"


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of a file of JSON lines.

    Raises: UserInputError for anything else, or too many.
    """
    if path.stat().st_size > _MOST_BYTES:
        raise UserInputError(
            f"{path.name} has {path.stat().st_size / 1e6:.0f} MB; at most "
            f"{_MOST_BYTES / 1e6:.0f} are read. Export fewer pictures at once."
        )
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(iter(lambda: file.readline(_LONGEST), ""), 1):
                if number > _MOST_LINES:
                    raise UserInputError(
                        f"{path.name} has more than {_MOST_LINES:,} lines. "
                        "Export fewer pictures at once."
                    )
                yield _parse_line(line, f"Line {number} of {path.name}")
    except UnicodeDecodeError as error:
        raise UserInputError(f"{path.name} is not text in UTF-8. Export it again.") from error


def read_annotation(values: Mapping[str, Any], default: Annotation) -> Annotation:
    """Return the annotation in a line; what it leaves out is as in `default`.

    Raises: UserInputError for values that no store writes.
    """
    texts: dict[str, Any] = {
        name: _read_text(values, name, getattr(default, name))
        for name in ("label", "model", "state", "who", "name")
    }
    return replace(
        default,
        **texts,
        created=_read_time(values) or default.created,
        prediction=_read_prediction(values) or default.prediction,
        assignment=_read_assignment(values) or default.assignment,
    ).check()


def read_sha256(values: Mapping[str, Any], name: str) -> str:
    """Return a SHA-256 that a line must hold.

    Raises: UserInputError where it does not.
    """
    text = _read_text(values, name, "")
    if not is_sha256(text):
        raise UserInputError(f"The {name} of a line is {text[:64]!r}, not a SHA-256 in hex.")
    return text


def _parse_line(line: str, where: str) -> dict[str, Any]:
    try:
        values = json.loads(line)
    except (ValueError, RecursionError) as error:  # ValueError: endless numbers too
        raise UserInputError(f"{where} is not JSON. Export it again.") from error
    if not isinstance(values, dict):
        raise UserInputError(f"{where} is not an object. Export it again.")
    return values


def _read_text(values: Mapping[str, Any], name: str, default: str) -> str:
    text = values.get(name, default)
    if not isinstance(text, str):
        raise UserInputError(f"The {name} of a line is {text!r:.40}, not a text. Export it again.")
    return text


def _read_time(values: Mapping[str, Any]) -> str:
    """Return a time in the form that is stored; empty for none."""
    try:
        time = datetime.fromisoformat(_read_text(values, "created", ""))
        return write_time(time.astimezone(UTC))
    except (ValueError, OverflowError):
        return ""


def _read_assignment(values: Mapping[str, Any]) -> Assignment | None:
    group, split = values.get("group"), values.get("split")
    split = "excluded" if split == "aside" else split  # as earlier releases called it
    if isinstance(group, str) and is_sha256(group) and split in SPLITS:
        return Assignment(group, str(split))
    return None


def _read_prediction(values: Mapping[str, Any]) -> RecordedPrediction | None:
    label = values.get("answer_label")
    if not isinstance(label, str) or not label:
        return None
    probability, version = values.get("answer_probability"), values.get("answer_version")
    if not isinstance(probability, int | float) or not 0 <= probability <= 1:
        return None
    model, certainty = (_read_text(values, f"answer_{n}", "") for n in ("model", "certainty"))
    number = version if isinstance(version, int) and 0 <= version < 2**31 else 0
    return RecordedPrediction(label, float(probability), model, number, certainty)
