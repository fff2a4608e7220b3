"""The log of a training: what the trainer writes while it runs, and the page reads.

`DATA/training/progress.jsonl` holds the events of the last training, one JSON object a line.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

FILE = "progress.jsonl"
_OLD_KINDS = {"quick": "head", "deep": "finetune"}  # in files of earlier releases
Kind = Annotated[
    Literal["head", "finetune"], BeforeValidator(lambda kind: _OLD_KINDS.get(kind, kind))
]

KINDS: tuple[Kind, ...] = ("head", "finetune")
CurveSplit = Literal["train", "validation"]


class Stage(StrEnum):
    """What a training is doing; a training of one kind passes through some of these in order."""

    READING = "reading"  # images and labels
    EMBEDDING = "embedding"  # stored images through the frozen backbone
    FITTING = "fitting"  # the new head
    PROBE = "probe"  # the linear probe before fine-tuning
    EPOCH = "epoch"  # one pass through the training images
    VALIDATION = "validation"
    PREDICTING = "predicting"  # the frozen graph on held-out images
    CORRUPTIONS = "corruptions"  # accuracy on corrupted images
    UNRELATED = "unrelated"  # out-of-distribution images
    COMPARING = "comparing"  # with the version in use
    PROVING = "proving"  # that the frozen graph gives the trained model's answers
    WRITING = "writing"
    CHECKING_LABELS = "checking_labels"


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True)


class Started(_Event):
    """The first event. `time`: ISO 8601, UTC."""

    event: Literal["start"] = "start"
    kind: Kind
    model: str
    pid: int
    time: str | None


class Step(_Event):
    """How far a stage is: `done` of `total` steps.

    `epoch` of `epochs`, counted from 1, where training is in one or measures after one.
    `remaining`: estimated seconds until the stage ends; in an epoch until the last one ends.
    """

    event: Literal["stage"] = "stage"
    stage: Stage
    done: int = 0
    total: int = 1
    epoch: int | None = None
    epochs: int | None = None
    remaining: float | None = None


class CurvePoint(_Event):
    """A point of the learning curve. `step`: of the fit, or the epoch; `accuracy`: 0–1."""

    event: Literal["curve"] = "curve"
    step: float
    loss: float
    accuracy: float
    split: CurveSplit


class Outcome(_Event):
    """A version was made. `outcome`: as in its comparison; `seconds`: since the start.

    `settled`: nothing can change the outcome, but labels are still being checked.
    """

    event: Literal["settled", "done"]
    model: str
    version: int
    outcome: str
    sentence: str
    seconds: float


class Failed(_Event):
    """No version was made; `sentence` tells a person why."""

    event: Literal["failed"] = "failed"
    sentence: str


class Cancelled(_Event):
    """Somebody cancelled; no version was made."""

    event: Literal["cancelled"] = "cancelled"


Event = Annotated[
    Started | Step | CurvePoint | Outcome | Failed | Cancelled, Field(discriminator="event")
]
_EVENT: TypeAdapter[Event] = TypeAdapter(Event)


class TrainingState(BaseModel):
    """What the events of a training amount to.

    `state`: `died` ended without an event that says so. `error`: why it failed; `sentence`: what
    came of the version. `log`: the last lines that a training which died had printed.
    """

    state: Literal["none", "running", "done", "failed", "cancelled", "died"]
    cancelling: bool = False
    kind: Kind | None = None
    model: str | None = None
    pid: int | None = None
    time: str | None = None
    stage: Stage | None = None
    done: int | None = None
    total: int | None = None
    epoch: int | None = None
    epochs: int | None = None
    remaining: float | None = None
    version: int | None = None
    outcome: str | None = None
    sentence: str | None = None
    error: str | None = None
    seconds: float | None = None
    curve: tuple[CurvePoint, ...] = ()
    log: tuple[str, ...] = ()


def read_events(path: Path) -> list[Event]:
    """Return the events of a log; a line that is being written, or of another release, is not."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError:
        return []
    return [event for line in lines if (event := _parse(line)) is not None]


def summarise(events: list[Event], *, running: bool, cancelled: bool) -> TrainingState:
    """Return a training's state. `cancelled`: somebody asked it to end."""
    started = next((e for e in events if isinstance(e, Started)), None)
    step = next((e for e in reversed(events) if isinstance(e, Step)), None)
    end = _find_end(events, running)
    found: dict[str, object] = {}
    for event in (started, step, end):
        found |= event.model_dump(exclude={"event"}) if event else {}
    if isinstance(end, Failed):
        found["error"] = found.pop("sentence")
    found["state"] = _name_end(end) or _name_open_end(started, running, cancelled)
    found["curve"] = tuple(e for e in events if isinstance(e, CurvePoint))
    return TrainingState.model_validate(found)


def _parse(line: str) -> Event | None:
    try:
        return _EVENT.validate_json(line)
    except ValidationError:
        return None


def _find_end(events: list[Event], running: bool) -> Outcome | Failed | Cancelled | None:
    """Return the last word; that of a killed one is what was settled before its last stage."""
    ends = [e for e in events if isinstance(e, Outcome | Failed | Cancelled)]
    if running:
        ends = [e for e in ends if e.event != "settled"]
    return ends[-1] if ends else None


def _name_end(end: Outcome | Failed | Cancelled | None) -> str | None:
    if end is None:
        return None
    return "done" if isinstance(end, Outcome) else end.event


def _name_open_end(started: Started | None, running: bool, cancelled: bool) -> str:
    if running:
        return "running"
    if started is None:
        return "none"
    return "cancelled" if cancelled else "died"
