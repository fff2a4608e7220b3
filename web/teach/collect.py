"""Collect: networks, classes and pictures.

Each picture is decoded once: answered by the network in use, kept, and its embedding with it.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from starlette.responses import Response
from starlette.routing import Route

from inference.classifier import Classifier, Prediction
from inference.errors import UserInputError
from inference.images import decode
from inference.process import count_usable_cores
from inference.versions.cards import read_card
from inference.versions.folders import find_version, read_current
from labelling.images.encoding import MAX_SIDE, hash_bytes
from labelling.planned_classes import read_plan
from labelling.required_images import GOALS
from labelling.store.labels import check_label
from labelling.store.store import Added, Answer, Counts, Entry
from web.access.rules import Access
from web.access.teacher_routes import Call, get, post, reply, upload
from web.teach.classroom import Classroom
from web.teach.readiness import (
    ClassState,
    describe_class,
    estimate_deep,
    estimate_quick,
    find_deep_obstacle,
    find_quick_obstacle,
    format_estimate,
    list_warnings,
)

_SHOWN = 4  # pictures on a class's card
_NOTHING = Counts(0, 0, 0, 0, 0)


def list_collecting(room: Classroom, access: Access) -> list[Route]:
    """Return the routes."""

    def show(call: Call) -> Response:
        return reply(describe_network(room, call.get_text("model", "")))

    def create(call: Call) -> Response:
        labels = call.values.get("labels")
        if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
            raise UserInputError("This call needs 'labels' as a list of names. Reload the page.")
        model = call.get_text("model").strip()
        room.roster.create(model, labels, call.get_text("catch_all", "") or None)
        return reply(describe_network(room, model))

    def add_class(call: Call) -> Response:
        model = call.get_text("model")
        room.roster.add_class(model, call.get_text("label"))
        return reply(describe_network(room, model))

    def remove_class(call: Call) -> Response:
        model = room.roster.check(call.get_text("model"))
        room.roster.remove_class(model, call.get_text("label"))
        return reply(describe_network(room, model))

    def add(call: Call) -> Response:
        given = Given(
            model=room.roster.check(call.get_text("model")),
            label=check_label(call.get_text("label")),
            who=call.who,
            name=call.get_text("name", ""),
            data=call.body,
        )
        return reply(describe_added(add_picture(room, given)))

    return [
        get(access, "/teach/state", show),
        post(access, "/teach/networks", create),
        post(access, "/teach/classes", add_class),
        post(access, "/teach/classes/remove", remove_class),
        upload(access, "/teach/pictures", add),
    ]


@dataclass(frozen=True)
class Given:
    """A picture file that a teacher gave for a class of a network."""

    model: str
    label: str
    who: str
    name: str
    data: bytes


def add_picture(room: Classroom, given: Given) -> Added:
    """Keep one picture with what the network in use says of it.

    Raises: UserInputError for what is no picture, or has another label already.
    """
    with room.adding:
        image = decode(given.data, min_side=MAX_SIDE)
        network = room.open_network(given.model)
        prediction = network.predict([image])[0]
        added = room.store.add_image(
            image,
            given.label,
            model=given.model,
            who=given.who,
            name=given.name,
            answer=None if room.is_untaught(given.model) else make_answer(prediction),
            origin_sha256=hash_bytes(given.data),
        )
        keep_embedding(room, network, added.entry, prediction)
    return added


def make_answer(prediction: Prediction) -> Answer:
    """Return of a prediction what is kept with a label."""
    return Answer(
        label=prediction.label,
        probability=prediction.probabilities[prediction.label],
        model=prediction.model,
        version=prediction.version,
        certainty=prediction.certainty,
    )


def keep_embedding(
    room: Classroom, network: Classifier, entry: Entry, prediction: Prediction
) -> None:
    """Keep what training would otherwise compute."""
    vector = prediction.embedding.astype(np.float16)
    room.store.put_embeddings(network.card.backbone_key, {entry.sha256: vector})


def describe_added(added: Added) -> dict[str, Any]:
    """Return what the page shows of a picture that was added."""
    return {
        "entry": describe_entry(added.entry),
        "existed": added.existed,
        "near": added.near is not None,
        "change": added.change,
    }


def describe_entry(entry: Entry) -> dict[str, Any]:
    """Return what the page shows of a stored picture."""
    said = entry.answer
    return {
        "id": entry.id,
        "sha256": entry.sha256,
        "label": entry.label,
        "state": entry.state,
        "split": entry.split,
        "name": entry.name,
        "who": entry.who,
        "created": entry.created,
        "width": entry.width,
        "height": entry.height,
        "answer": [said.label, said.probability, said.certainty] if said else None,
    }


def describe_network(room: Classroom, wanted: str) -> dict[str, Any]:
    """Return all that the first two columns show: networks, classes, what training needs.

    Without a name it is that of the page's own network.
    """
    model = room.roster.check(wanted or room.service.model)
    states = list_states(room, model)
    return {
        "model": model,
        "networks": room.roster.list_names(),
        "version": room.catalog.read_current(model),
        "steps": GOALS,
        "classes": [describe_state(room, model, state) for state in states],
        "warnings": list_warnings(states),
        "pending": sum(counts.pending for counts in room.store.count(model).values()),
        "doubts": room.store.count_doubts(model),
        "plans": describe_plans(states),
    }


def list_states(room: Classroom, model: str) -> list[ClassState]:
    """Return every class of a network with its counts, in the order in which they were typed."""
    card = room.roster.read_card(model)
    known = card.class_names if card else ()
    ships = list_shipped(room, model)
    counts = room.store.count(model)
    labels = room.roster.list_classes(model)
    typed = read_plan(room.data, model).class_names
    ordered = [label for label in dict.fromkeys([*ships, *typed, *labels]) if label in labels]
    return [
        ClassState(label, counts.get(label, _NOTHING), label in known, label in ships)
        for label in ordered
    ]


def list_shipped(room: Classroom, model: str) -> tuple[str, ...]:
    """Return the classes of the version that ships, none where no version does."""
    if read_current(room.catalog.exported / model) is None:
        return ()
    return read_card(find_version(room.catalog.exported, model)).class_names


def describe_state(room: Classroom, model: str, state: ClassState) -> dict[str, Any]:
    """Return what a class's card shows."""
    last = room.store.find(model, label=state.label, limit=_SHOWN) if state.pictures else []
    return {
        "label": state.label,
        "pictures": state.pictures,
        "groups": state.counts.groups,
        "locked": state.counts.locked,
        "level": state.level,
        "known": state.known,
        "sentence": describe_class(state),
        "last": [entry.sha256 for entry in last],
    }


def describe_plans(states: list[ClassState]) -> dict[str, dict[str, str]]:
    """Return for each kind of training what is missing, and what it will take."""
    pictures = sum(state.pictures for state in states)
    minutes = estimate_deep(pictures, count_usable_cores())
    return {
        "head": {
            "obstacle": find_quick_obstacle(states),
            "estimate": format_estimate(estimate_quick(pictures)),
        },
        "finetune": {
            "obstacle": find_deep_obstacle(states),
            "estimate": format_estimate(60 * minutes),
        },
    }
