"""Starting, watching and cancelling a training; the trainer is a few lines that say the same."""

import json
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from labelling.training_log import Stage, TrainingState
from tests.web.requests import make_access
from tests.web.teach_page import MODEL, Visit, serve
from web.http.errors import ConflictError
from web.teach import train
from web.teach.models import open_context
from web.teach.train import TrainingRequest, TrainingRunner, list_train_routes, strip_secrets

REQUEST = TrainingRequest(MODEL, "head")
# Holds the lock, says that it has begun, and waits to be told to stop.
_PATIENT = """
import json, os, sys, time
from pathlib import Path
from filelock import FileLock
folder = Path(sys.argv[1])
with FileLock(folder / "lock"), (folder / "progress.jsonl").open("w") as file:
    say = lambda **event: print(json.dumps(event), file=file, flush=True)
    say(event="start", kind="head", model="colours", pid=os.getpid(), time="now")
    say(event="stage", stage="fitting", done=1, total=2)
    {body}
"""
_WAIT = 'while not (folder / "cancel").exists(): time.sleep(0.02)\n    say(event="cancelled")'
_DEAF = "time.sleep(600)"
_DONE = (
    'say(event="done", model="colours", version=2, outcome="published", '
    'sentence="Published.", seconds=1.5)'
)
_DIES = 'print("out of memory", flush=True); os._exit(9)'


def make_command(folder: Path, body: str = _WAIT) -> list[str]:
    """Return a script of the test's own, which runs instead of the trainer."""
    return [sys.executable, "-c", _PATIENT.replace("{body}", body), str(folder / "training")]


@pytest.fixture
def make_runner(tmp_path: Path) -> Iterator[Callable[..., TrainingRunner]]:
    """Return a function that makes a runner whose trainings do what `body` says."""
    made: list[TrainingRunner] = []

    def make(body: str = _WAIT, **options: Any) -> TrainingRunner:
        data = tmp_path / "data"
        options.setdefault("make_command", lambda _: make_command(data, body))
        made.append(TrainingRunner(data, tmp_path / "exported", **options))
        return made[-1]

    yield make
    for runner in made:
        process = runner._process
        if process is not None:
            if process.poll() is None:
                process.kill()
            process.wait()


@pytest.fixture
def runner(make_runner: Callable[..., TrainingRunner]) -> TrainingRunner:
    return make_runner()


def wait_until(check: Callable[[], Any], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def wait_for(runner: TrainingRunner, state: str) -> TrainingState:
    wait_until(lambda: runner.read_state().state == state)
    return runner.read_state()


def test_nothing_was_trained_yet(runner: TrainingRunner) -> None:
    assert runner.read_state().state == "none"
    runner.cancel()
    assert not runner.is_running()


def test_one_at_a_time_and_cancelled(runner: TrainingRunner) -> None:
    runner.start(REQUEST)
    assert runner.read_state().state == "running"  # at once, before it has said anything
    with pytest.raises(ConflictError, match="A training is running"):
        runner.start(REQUEST)
    wait_until(lambda: runner.read_state().stage == "fitting")
    seen = runner.read_state()
    assert (seen.done, seen.total, seen.model, seen.kind) == (1, 2, MODEL, "head")
    runner.cancel()
    assert runner.read_state().cancelling or runner.read_state().state == "cancelled"
    wait_for(runner, "cancelled")


def test_second_page_says_that_the_first_is_training(
    make_runner: Callable[..., TrainingRunner],
) -> None:
    """Even before the first one's training, which is still importing, holds a lock of its own."""
    silent = [sys.executable, "-c", "import time; time.sleep(600)"]
    first, second = make_runner(make_command=lambda _: silent), make_runner()
    first.start(REQUEST)
    assert second.is_running()
    with pytest.raises(ConflictError):
        second.start(REQUEST)
    process = first._process
    assert process is not None
    process.kill()
    process.wait()
    assert not second.is_running()
    second.start(REQUEST)
    wait_until(lambda: first.read_state().stage == "fitting")
    with pytest.raises(ConflictError, match="Another page or a command is training Colours"):
        first.start(REQUEST)
    second.cancel()
    assert wait_for(first, "cancelled").model == MODEL


def test_another_process_holds_the_lock(make_runner: Callable[..., TrainingRunner]) -> None:
    """As when it was started by hand, or by a page that was closed since."""
    runner, other = make_runner(), make_runner()
    runner.start(REQUEST)
    wait_until(lambda: runner.read_state().stage == "fitting")
    assert other.read_state().state == "running"
    with pytest.raises(ConflictError):
        other.start(REQUEST)
    other.cancel()
    wait_for(runner, "cancelled")
    assert other.read_state().state == "cancelled"


def test_one_that_does_not_listen_is_ended(make_runner: Callable[..., TrainingRunner]) -> None:
    runner = make_runner(_DEAF, timeout=0.1)
    runner.start(REQUEST)
    wait_until(lambda: runner.read_state().stage == "fitting")
    runner.cancel()
    wait_for(runner, "cancelled")


def test_death_is_reported_with_the_log(
    make_runner: Callable[..., TrainingRunner],
) -> None:
    runner = make_runner(_DIES)
    runner.start(REQUEST)
    seen = wait_for(runner, "died")
    assert seen.log == ("out of memory",)


def test_death_before_the_first_event_is_reported(
    tmp_path: Path, make_runner: Callable[..., TrainingRunner]
) -> None:
    """What the training before said is not taken for this one's."""
    commands = iter([make_command(tmp_path / "data", _DONE), [sys.executable, "-c", "1 / 0"]])
    runner = make_runner(make_command=lambda _: next(commands))
    runner.start(REQUEST)
    wait_for(runner, "done")
    runner._process.wait()  # type: ignore[union-attr]
    runner.start(REQUEST)
    seen = wait_for(runner, "died")
    assert seen.log[-1] == "ZeroDivisionError: division by zero"


def test_end_is_reported_and_the_next_can_begin(make_runner: Callable[..., TrainingRunner]) -> None:
    runner = make_runner(_DONE)
    for _ in range(2):
        runner.start(REQUEST)  # at once: it waits until the one before is really gone
        seen = wait_for(runner, "done")
        assert (seen.version, seen.outcome, seen.seconds) == (2, "published", 1.5)


def test_training_knows_who_started_it(
    make_runner: Callable[..., TrainingRunner], tmp_path: Path
) -> None:
    body = 'say(event="failed", sentence=os.environ["CLASSIFIER_WHO"])'
    runner = make_runner(body)
    runner.start(TrainingRequest(MODEL, "head", who="ann"))
    assert wait_for(runner, "failed").error == "ann"


def test_training_outlives_the_page(runner: TrainingRunner) -> None:
    runner.start(REQUEST)
    process = runner._process
    assert process is not None
    assert os.getpgid(process.pid) == process.pid != os.getpgid(0)
    assert os.getpriority(os.PRIO_PROCESS, process.pid) == 10
    process.send_signal(signal.SIGKILL)
    wait_for(runner, "died")


def test_command_is_the_one_that_people_type(tmp_path: Path) -> None:
    made = TrainingRunner(tmp_path / "data", tmp_path / "exported")
    words = made.make_command(TrainingRequest("pets", "head", "hotdog"))
    assert words[1:4] == ["-m", "trainer", "head"]
    assert words[-4:] == ["--model", "pets", "--from", "hotdog"]
    assert made.make_command(REQUEST)[-2:] == ["--model", MODEL]
    assert made.make_command(TrainingRequest("pets", "finetune"))[3] == "finetune"


def test_no_secret_is_handed_on() -> None:
    given = {"PATH": "/bin", "CLASSIFIER_TEACH_PASSWORD": "a", "HF_TOKEN": "b", "MY_KEY": "c"}
    assert strip_secrets(given) == {"PATH": "/bin"}


def test_every_stage_has_words_for_the_page() -> None:
    script = Path(train.__file__).parent / "client" / "training_progress.js"
    words = set(re.findall(r"^  (\w+): '[A-Z]", script.read_text(encoding="utf-8"), re.MULTILINE))
    assert words == set(Stage) - {Stage.EPOCH}


# The routes


def test_kind_and_model_must_be_known(visit: Visit) -> None:
    assert "head or finetune" in visit.refuse("training", model=MODEL, kind="long")
    assert "no model named" in visit.refuse("training", model="x", kind="head")


def test_pressing_twice_starts_one(visit: Visit, runner: TrainingRunner) -> None:
    context = open_context(visit.service, visit.store)
    with serve(list_train_routes(context, make_access(), runner)) as client:
        pressed = replace(visit, client=client)
        seen = pressed.post("training", model=MODEL, kind="head")
        assert (seen["state"], seen["model"], seen["kind"]) == ("running", MODEL, "head")
        assert "is running" in pressed.refuse("training", 409, model=MODEL, kind="head")
        pressed.post("training/cancel")
        wait_until(lambda: pressed.get("training")["state"] == "cancelled")


def test_training_by_hand_is_seen(visit: Visit) -> None:
    folder = visit.data / "training"
    folder.mkdir()
    start = {"event": "start", "kind": "finetune", "model": MODEL, "pid": 1, "time": "now"}
    (folder / "progress.jsonl").write_text(json.dumps(start) + "\n", encoding="utf-8")
    with FileLock(folder / "lock"):
        assert visit.get("training")["state"] == "running"
        visit.refuse("training", 409, model=MODEL, kind="head")
    assert visit.get("training")["state"] == "died"
