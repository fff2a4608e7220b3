"""Collect: models, classes and images.

Each image is decoded once: classified by the version in use, and stored with its embedding.
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
from inference.versions.catalog import Catalog
from inference.versions.integrity import find_fault
from labelling.images.encoding import MAX_SIDE, hash_bytes
from labelling.planned_classes import read_planned
from labelling.required_images import GOALS
from labelling.store.adding import Annotation
from labelling.store.entries import Added, Counts, Entry
from labelling.store.labels import check_label
from web.access.rules import Access
from web.access.teacher_routes import Call, get, post, reply, upload
from web.serving import record_prediction
from web.teach.models import TeachContext
from web.teach.readiness import (
    ClassState,
    describe_class,
    estimate_finetune,
    estimate_head,
    find_finetune_obstacle,
    find_head_obstacle,
    format_estimate,
    list_warnings,
)

_SHOWN = 4  # images on a class's card
_NO_IMAGES = Counts(0, 0, 0, 0, 0)


def list_collect_routes(context: TeachContext, access: Access) -> list[Route]:
    """Return the routes."""

    def show(call: Call) -> Response:
        return reply(describe_model(context, call.get_text("model", "")))

    def create(call: Call) -> Response:
        labels = call.values.get("labels")
        if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
            raise UserInputError("This call needs 'labels' as a list of names. Reload the page.")
        model = call.get_text("model").strip()
        context.models.create(model, labels, call.get_text("catch_all", "") or None)
        return reply(describe_model(context, model))

    def add_class(call: Call) -> Response:
        model = call.get_text("model")
        context.models.add_class(model, call.get_text("label"))
        return reply(describe_model(context, model))

    def remove_class(call: Call) -> Response:
        model = context.models.check(call.get_text("model"))
        context.models.remove_class(model, call.get_text("label"))
        return reply(describe_model(context, model))

    def add(call: Call) -> Response:
        image = NewImage(
            model=context.models.check(call.get_text("model")),
            label=check_label(call.get_text("label")),
            who=call.who,
            name=call.get_text("name", ""),
            data=call.body,
        )
        return reply(describe_added(add_image(context, image)))

    return [
        get(access, "/teach/state", show),
        post(access, "/teach/models", create),
        post(access, "/teach/classes", add_class),
        post(access, "/teach/classes/remove", remove_class),
        upload(access, "/teach/images", add),
    ]


@dataclass(frozen=True)
class NewImage:
    """An image file that a teacher adds to a class of a model. `who`: the teacher's name."""

    model: str
    label: str
    who: str
    name: str
    data: bytes


def add_image(context: TeachContext, new: NewImage) -> Added:
    """Store one image with what the version in use predicts.

    Raises: UserInputError for what is no image, or has another label already.
    """
    with context.adding:
        image = decode(new.data, min_side=MAX_SIDE)
        classifier = context.open_classifier(new.model)
        prediction = classifier.predict([image])[0]
        recorded = record_prediction(prediction) if context.has_version(new.model) else None
        annotation = Annotation(
            new.label, new.model, who=new.who, name=new.name, prediction=recorded
        )
        added = context.store.add_image(image, annotation, hash_bytes(new.data))
        keep_embedding(context, classifier, added.entry, prediction)
    return added


def keep_embedding(
    context: TeachContext, classifier: Classifier, entry: Entry, prediction: Prediction
) -> None:
    """Store what training would otherwise have to compute."""
    vector = prediction.embedding.astype(np.float16)
    context.store.put_embeddings(classifier.card.backbone_key, {entry.sha256: vector})


def describe_added(added: Added) -> dict[str, Any]:
    """Return what the page shows of an image that was added."""
    return {
        "entry": describe_entry(added.entry),
        "existed": added.existed,
        "near": added.near is not None,
        "change": added.change,
    }


def describe_entry(entry: Entry) -> dict[str, Any]:
    """Return what the page shows of a stored image."""
    recorded = entry.prediction
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
        "answer": recorded
        and {
            "label": recorded.label,
            "probability": recorded.probability,
            "certainty": recorded.certainty,
        },
    }


def describe_model(context: TeachContext, name: str) -> dict[str, Any]:
    """Return all that the first two columns show: models, classes, what training needs.

    Without a name it is the page's own model.
    """
    model = context.models.check(name or context.service.model)
    states = list_states(context, model)
    return {
        "model": model,
        "models": context.models.list_names(),
        "version": context.catalog.read_current(model),
        "goals": GOALS,
        "classes": [describe_state(context, model, state) for state in states],
        "warnings": list_warnings(states),
        "pending": sum(counts.pending for counts in context.store.count(model).values()),
        "label_issues": context.store.count_label_issues(model),
        "plans": describe_plans(states),
        "notices": context.store.list_notices(),
    }


def list_states(context: TeachContext, model: str) -> list[ClassState]:
    """Return every class of a model with its counts: those that it came with, then those typed."""
    card = context.models.read_card(model)
    known = card.class_names if card else ()
    ships = list_shipped(context, model)
    counts = context.store.count(model)
    labels = context.models.list_classes(model)
    typed = read_planned(context.data, model).class_names
    first = ships or [label for label in known if label not in typed]
    ordered = [label for label in dict.fromkeys([*first, *typed, *labels]) if label in labels]
    return [
        ClassState(label, counts.get(label, _NO_IMAGES), label in known, label in ships)
        for label in ordered
    ]


def list_shipped(context: TeachContext, model: str) -> tuple[str, ...]:
    """Return the classes of the version that ships; none if no version does, or it is damaged."""
    shipped = Catalog(context.catalog.exported)
    if not shipped.list_versions(model) or find_fault(shipped.find(model)) is not None:
        return ()
    return read_card(shipped.find(model)).class_names


def describe_state(context: TeachContext, model: str, state: ClassState) -> dict[str, Any]:
    """Return what a class's card shows."""
    last = context.store.find(model, label=state.label, limit=_SHOWN) if state.images else []
    return {
        "label": state.label,
        "images": state.images,
        "groups": state.counts.groups,
        "locked": state.counts.locked,
        "level": state.level,
        "known": state.known,
        "sentence": describe_class(state),
        "last": [entry.sha256 for entry in last],
    }


def describe_plans(states: list[ClassState]) -> dict[str, dict[str, str]]:
    """Return for each kind of training what is missing, and what it will take."""
    images = sum(state.images for state in states)
    minutes = estimate_finetune(images, count_usable_cores())
    return {
        "head": {
            "obstacle": find_head_obstacle(states),
            "estimate": format_estimate(estimate_head(images)),
        },
        "finetune": {
            "obstacle": find_finetune_obstacle(states),
            "estimate": format_estimate(60 * minutes),
        },
    }
