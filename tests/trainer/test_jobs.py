"""One training at a time, what it tells, and how it ends."""

import io
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from inference.errors import UserInputError
from labelling.audit_log import read_acts
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
)
from trainer.jobs import CancelledError, Job, run_job
from trainer.progress import Progress

_HOLD = """
import sys
from pathlib import Path
from labelling.training_log import Stage
from trainer.jobs import run_job
with run_job(Path(sys.argv[1]), "head", "pets") as job:
    job.stage(Stage.FITTING, 1, 9)
    print("running", flush=True)
    sys.stdin.read()
"""


def read_log(data: Path) -> list[Event]:
    return read_events(data / "training" / "progress.jsonl")


def test_log_tells_the_whole_story(tmp_path: Path) -> None:
    with run_job(tmp_path, "head", "pets") as job:
        for _ in Progress(shown=False, job=job).track(range(3), Stage.EMBEDDING):
            pass
        job.curve(1, 0.5, 0.75, "validation")
        job.finish("pets", 2, "published", "Published: better.")
    started, step, *_, point, outcome = read_log(tmp_path)
    assert isinstance(started, Started)
    assert (started.kind, started.model) == ("head", "pets")
    assert step == Step(stage=Stage.EMBEDDING, done=0, total=3)
    assert point == CurvePoint(step=1, loss=0.5, accuracy=0.75, split="validation")
    assert isinstance(outcome, Outcome)
    assert (outcome.event, outcome.version) == ("done", 2)


@pytest.mark.parametrize(
    ("error", "end"),
    [
        (UserInputError("There are no pictures."), Failed(sentence="There are no pictures.")),
        (
            ZeroDivisionError(),
            Failed(sentence="An unexpected error occurred: ZeroDivisionError."),
        ),
        (CancelledError(), Cancelled()),
    ],
)
def test_every_end_is_logged(tmp_path: Path, error: Exception, end: Event) -> None:
    with pytest.raises(type(error)), run_job(tmp_path, "finetune", "pets"):
        raise error
    assert read_log(tmp_path)[-1] == end


def test_audit_log_says_who_trained_and_what_came_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLASSIFIER_WHO", "ann")
    with run_job(tmp_path, "head", "pets") as job:
        job.finish("pets", 1, "first", "Published: the first.")
    monkeypatch.delenv("CLASSIFIER_WHO")
    with run_job(tmp_path, "head", "pets") as job:
        job.finish("pets", 2, "candidate", "It waits.")
    with pytest.raises(CancelledError), run_job(tmp_path, "head", "pets"):
        raise CancelledError
    assert [f"{act.who} {act.describe()}" for act in reversed(read_acts(tmp_path))] == [
        "ann started a training of pets",
        "ann trained pets version 1",
        "ann published pets version 1",
        "command line started a training of pets",
        "command line trained pets version 2",
        "command line started a training of pets",
        "command line ended a training of pets without a version",
    ]


def test_cancel_stops_between_two_steps(tmp_path: Path) -> None:
    seen = []
    with pytest.raises(CancelledError), run_job(tmp_path, "head", "pets") as job:
        for item in Progress(shown=False, job=job).track(range(9), Stage.EMBEDDING):
            seen.append(item)
            if item == 3:
                (tmp_path / "training" / "cancel").touch()
    assert seen == [0, 1, 2, 3]
    with run_job(tmp_path, "head", "pets") as job:
        job.check()  # an earlier wish does not stop the next one


def test_second_training_is_refused_and_a_kill_frees_the_lock(tmp_path: Path) -> None:
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
            pytest.raises(UserInputError, match="A head training of pets, started"),
            run_job(tmp_path, "finetune", "other", timeout=0.1),
        ):
            pass
        assert isinstance(read_log(tmp_path)[-1], Step)  # the refused one wrote nothing
        process.send_signal(signal.SIGKILL)
        process.wait()
    with run_job(tmp_path, "finetune", "other"):
        pass


def test_long_training_logs_its_steps_less_often(tmp_path: Path) -> None:
    now, log = [0.0], io.StringIO()
    job = Job(tmp_path, log, lambda: now[0])
    for step in range(36_000):  # an hour of tenths of a second
        now[0] = step / 10
        job.stage(Stage.EPOCH, step, 36_000)
    assert 300 < len(log.getvalue().splitlines()) < 1500


@pytest.mark.parametrize(("ahead", "seconds"), [(0, 30), (16, 110)])
def test_remaining_time_is_that_of_all_epochs(tmp_path: Path, ahead: int, seconds: float) -> None:
    now = [0.0]
    job = Job(tmp_path, log := io.StringIO(), lambda: now[0], ahead=ahead)
    for done in range(3):
        now[0] = 5.0 * done
        job.stage(Stage.EPOCH, done, 8, 1, 3)
    assert json.loads(log.getvalue().splitlines()[-1])["remaining"] == seconds
