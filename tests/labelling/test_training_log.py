"""What a page makes of the events that a training wrote."""

from pathlib import Path

import pytest

from labelling.training_log import (
    Cancelled,
    CurvePoint,
    Event,
    Failed,
    Outcome,
    Stage,
    Started,
    Step,
    read_events,
    summarise,
)

STARTED = Started(kind="head", model="pets", pid=7, time="2026-01-01T00:00:00+00:00")
ENDS: dict[str | None, list[Event]] = {None: [], "cancelled": [Cancelled()]}
ENDS |= {"failed": [Failed(sentence="So it is.")]}
ENDS |= {
    event: [
        Outcome(
            event=event,
            model="pets",
            version=2,
            outcome="published",
            sentence="So it is.",
            seconds=1.5,
        )
    ]
    for event in ("settled", "done")
}


def test_unfinished_and_unknown_lines_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "progress.jsonl"
    assert read_events(path) == []
    started, step = STARTED.model_dump_json(), '{"event": "stage", "stage": "of the future"}'
    lines = f'{started}\n[]\n{{"event": 1}}\n{step}\n{{"event": "sta'
    path.write_text(lines, encoding="utf-8")
    assert read_events(path) == [STARTED]


@pytest.mark.parametrize(("old", "kind"), [("quick", "head"), ("deep", "finetune")])
def test_kinds_of_earlier_releases_are_read(tmp_path: Path, old: str, kind: str) -> None:
    path = tmp_path / "progress.jsonl"
    path.write_text(STARTED.model_dump_json().replace('"head"', f'"{old}"'), encoding="utf-8")
    assert summarise(read_events(path), running=True, cancelled=False).kind == kind


@pytest.mark.parametrize(
    ("end", "running", "cancelled", "state"),
    [
        (None, True, False, "running"),
        (None, True, True, "running"),
        (None, False, False, "died"),
        (None, False, True, "cancelled"),
        ("done", True, False, "done"),
        ("failed", False, False, "failed"),
        ("cancelled", False, True, "cancelled"),
        ("settled", True, False, "running"),
        ("settled", False, False, "done"),  # killed while its labels were checked
        ("settled", False, True, "done"),
    ],
)
def test_states(end: str | None, running: bool, cancelled: bool, state: str) -> None:
    seen = summarise([STARTED, *ENDS[end]], running=running, cancelled=cancelled)
    assert seen.state == state
    assert seen.sentence == ("So it is." if state == "done" else None)
    assert seen.error == ("So it is." if state == "failed" else None)
    assert (seen.kind, seen.model, seen.pid, seen.time) == ("head", "pets", 7, STARTED.time)


def test_nothing_was_logged() -> None:
    assert summarise([], running=False, cancelled=False).state == "none"


def test_last_step_and_all_points_are_kept() -> None:
    point = CurvePoint(step=1, loss=0.5, accuracy=0.9, split="validation")
    steps = [
        Step(stage=Stage.EPOCH, done=done, total=9, epoch=1, epochs=2, remaining=4.5)
        for done in (1, 2)
    ]
    seen = summarise([STARTED, *steps, point], running=True, cancelled=False)
    assert seen.curve == (point,)
    assert (seen.stage, seen.done, seen.total) == (Stage.EPOCH, 2, 9)
    assert (seen.epoch, seen.epochs, seen.remaining) == (1, 2, 4.5)


@pytest.mark.parametrize(
    "content", [b"", b"\xff\x00\xff", b"{", b"[]\n3\nnull", b'{"event": "start"}']
)
def test_log_that_was_damaged_has_no_events(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "progress.jsonl"
    path.write_bytes(content)
    assert read_events(path) == []
    path.unlink()
    path.mkdir()
    assert read_events(path) == []
