"""Starting, watching and cancelling a training; the trainer is a few lines that say the same."""

import json
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from labelling.training_log import Stage, TrainingState
from tests.web.classrooms import MODEL, Visit, paint
from web.http.errors import ConflictError
from web.teach import train
from web.teach.train import Order, Trainings, strip_secrets

ORDER = Order(MODEL, "head")
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


class FakeTrainings(Trainings):
    """Starts a script of the test instead of the trainer."""

    body = _WAIT

    def list_arguments(self, order: Order) -> list[str]:
        script = _PATIENT.replace("{body}", self.body)
        return [sys.executable, "-c", script, str(self.folder)]


@pytest.fixture
def trainings(tmp_path: Path) -> Iterator[FakeTrainings]:
    made = FakeTrainings(tmp_path / "data", tmp_path / "exported")
    yield made
    process = made._process
    if process is not None:
        if process.poll() is None:
            process.kill()
        process.wait()


def wait_until(check: Callable[[], Any], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def wait_for(trainings: Trainings, state: str) -> TrainingState:
    wait_until(lambda: trainings.read().state == state)
    return trainings.read()


def test_nothing_was_trained_yet(trainings: FakeTrainings) -> None:
    assert trainings.read().state == "none"
    trainings.cancel()
    assert not trainings.is_running()


def test_one_at_a_time_and_cancelled(trainings: FakeTrainings) -> None:
    trainings.start(ORDER)
    assert trainings.read().state == "running"  # at once, before it has said anything
    with pytest.raises(ConflictError, match="A training is running"):
        trainings.start(ORDER)
    wait_until(lambda: trainings.read().stage == "fitting")
    seen = trainings.read()
    assert (seen.done, seen.total, seen.model, seen.kind) == (1, 2, MODEL, "head")
    trainings.cancel()
    assert trainings.read().cancelling or trainings.read().state == "cancelled"
    wait_for(trainings, "cancelled")


def test_another_process_holds_the_lock(trainings: FakeTrainings) -> None:
    """As when it was started by hand, or by a page that was closed since."""
    trainings.start(ORDER)
    wait_until(lambda: trainings.read().stage == "fitting")
    other = FakeTrainings(trainings.data, trainings.exported)
    assert other.read().state == "running"
    with pytest.raises(ConflictError):
        other.start(ORDER)
    other.cancel()
    wait_for(trainings, "cancelled")
    assert other.read().state == "cancelled"


def test_one_that_does_not_listen_is_ended(
    trainings: FakeTrainings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("web.teach.train._PATIENCE", 0.1)
    trainings.body = _DEAF
    trainings.start(ORDER)
    wait_until(lambda: trainings.read().stage == "fitting")
    trainings.cancel()
    wait_for(trainings, "cancelled")


def test_death_is_told_with_what_was_printed(trainings: FakeTrainings) -> None:
    trainings.body = _DIES
    trainings.start(ORDER)
    seen = wait_for(trainings, "died")
    assert seen.log == ("out of memory",)


def test_death_before_the_first_word_is_told(trainings: FakeTrainings) -> None:
    """What the training before said is not taken for this one's."""
    trainings.body = _DONE
    trainings.start(ORDER)
    wait_for(trainings, "done")
    trainings._process.wait()  # type: ignore[union-attr]
    trainings.list_arguments = lambda _: [sys.executable, "-c", "1 / 0"]  # type: ignore[method-assign]
    trainings.start(ORDER)
    seen = wait_for(trainings, "died")
    assert seen.log[-1] == "ZeroDivisionError: division by zero"


def test_end_is_told_and_the_next_can_begin(trainings: FakeTrainings) -> None:
    trainings.body = _DONE
    for _ in range(2):
        trainings.start(ORDER)  # at once: it waits until the one before is really gone
        seen = wait_for(trainings, "done")
        assert (seen.version, seen.outcome, seen.seconds) == (2, "published", 1.5)


def test_training_outlives_the_page(trainings: FakeTrainings) -> None:
    trainings.start(ORDER)
    process = trainings._process
    assert process is not None
    assert os.getpgid(process.pid) == process.pid != os.getpgid(0)
    assert os.getpriority(os.PRIO_PROCESS, process.pid) == 10
    process.send_signal(signal.SIGKILL)
    wait_for(trainings, "died")


def test_command_is_the_one_that_people_type(tmp_path: Path) -> None:
    made = Trainings(tmp_path / "data", tmp_path / "exported")
    words = made.list_arguments(Order("pets", "head", "hotdog"))
    assert words[1:4] == ["-m", "trainer", "head"]
    assert words[-4:] == ["--model", "pets", "--from", "hotdog"]
    assert made.list_arguments(ORDER)[-2:] == ["--model", MODEL]
    assert made.list_arguments(Order("pets", "finetune"))[3] == "finetune"


def test_no_secret_is_handed_on() -> None:
    given = {"PATH": "/bin", "CLASSIFIER_TEACH_PASSWORD": "a", "HF_TOKEN": "b", "MY_KEY": "c"}
    assert strip_secrets(given) == {"PATH": "/bin"}


def test_every_stage_has_words_for_the_page() -> None:
    script = Path(train.__file__).parent / "client" / "training_progress.js"
    words = set(re.findall(r"^  (\w+): '[A-Z]", script.read_text(encoding="utf-8"), re.MULTILINE))
    assert words == set(Stage) - {Stage.EPOCH}


# The routes


def test_kind_and_network_must_be_known(visit: Visit) -> None:
    assert "head or finetune" in visit.refuse("training", model=MODEL, kind="long")
    assert "no network named" in visit.refuse("training", model="x", kind="head")


def test_pressing_twice_starts_one(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    visit.add("red", paint("red"))
    folder = visit.data / "training"
    script = _PATIENT.replace("{body}", _WAIT)
    monkeypatch.setattr(
        Trainings, "list_arguments", lambda *_: [sys.executable, "-c", script, str(folder)]
    )
    seen = visit.tell("training", model=MODEL, kind="head")
    assert (seen["state"], seen["model"], seen["kind"]) == ("running", MODEL, "head")
    assert "is running" in visit.refuse("training", 409, model=MODEL, kind="head")
    visit.tell("training/cancel")
    wait_until(lambda: visit.ask("training")["state"] == "cancelled")


def test_training_by_hand_is_seen(visit: Visit) -> None:
    folder = visit.data / "training"
    folder.mkdir()
    start = {"event": "start", "kind": "finetune", "model": MODEL, "pid": 1, "time": "now"}
    (folder / "progress.jsonl").write_text(json.dumps(start) + "\n", encoding="utf-8")
    with FileLock(folder / "lock"):
        assert visit.ask("training")["state"] == "running"
        visit.refuse("training", 409, model=MODEL, kind="head")
    assert visit.ask("training")["state"] == "died"
