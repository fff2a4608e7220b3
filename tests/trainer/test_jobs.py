"""One training at a time, what it tells, and how it ends."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from inference.errors import UserInputError
from trainer.jobs import CancelledError, run_job
from trainer.progress import Progress

_HOLD = """
import sys
from pathlib import Path
from trainer.jobs import run_job
with run_job(Path(sys.argv[1]), "quick", "pets") as job:
    job.stage("fitting", 1, 9)
    print("running", flush=True)
    sys.stdin.read()
"""


def read_events(data: Path) -> list[dict[str, object]]:
    lines = (data / "training" / "progress.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_events_tell_the_whole_story(tmp_path: Path) -> None:
    with run_job(tmp_path, "quick", "pets") as job:
        for _ in Progress(shown=False, job=job).track(range(3), "embedding"):
            pass
        job.curve(1, 0.5, 0.75, "locked")
        job.finish("pets", 2, "published", "Published: better.")
    events = read_events(tmp_path)
    assert events[0]["event"] == "start"
    assert {"kind": "quick", "model": "pets"}.items() <= events[0].items()
    assert {"stage": "embedding", "done": 0, "total": 3}.items() <= events[1].items()
    assert [event["event"] for event in events[-2:]] == ["curve", "done"]
    assert events[-1]["version"] == 2


@pytest.mark.parametrize(
    ("error", "end", "words"),
    [
        (UserInputError("There are no pictures."), "failed", "There are no pictures."),
        (ZeroDivisionError(), "failed", "what was live stays live"),
        (CancelledError(), "cancelled", ""),
    ],
)
def test_every_end_is_told(tmp_path: Path, error: Exception, end: str, words: str) -> None:
    with pytest.raises(type(error)), run_job(tmp_path, "deep", "pets"):
        raise error
    last = read_events(tmp_path)[-1]
    assert last["event"] == end
    assert words in str(last.get("sentence", ""))


def test_cancel_stops_between_two_steps(tmp_path: Path) -> None:
    seen = []
    with pytest.raises(CancelledError), run_job(tmp_path, "quick", "pets") as job:
        for item in Progress(shown=False, job=job).track(range(9), "embedding"):
            seen.append(item)
            if item == 3:
                (tmp_path / "training" / "cancel").touch()
    assert seen == [0, 1, 2, 3]
    with run_job(tmp_path, "quick", "pets") as job:
        job.check()  # an earlier wish does not stop the next one


def test_second_training_is_refused_and_a_kill_frees_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainer.jobs._PATIENCE", 0.1)
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=root,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"running\n"
        with (
            pytest.raises(UserInputError, match="A quick training of pets, since"),
            run_job(tmp_path, "deep", "other"),
        ):
            pass
        assert read_events(tmp_path)[-1]["stage"] == "fitting"  # the refused one wrote nothing
        process.send_signal(signal.SIGKILL)
        process.wait()
    with run_job(tmp_path, "deep", "other"):
        pass


def test_long_training_tells_its_steps_less_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr("trainer.jobs.time.monotonic", lambda: now[0])
    with run_job(tmp_path, "deep", "pets") as job:
        for step in range(36_000):  # an hour of tenths of a second
            now[0] = step / 10
            job.stage("epoch", step, 36_000)
    assert 300 < len(read_events(tmp_path)) < 1500
