"""Compare and publish: a new version against the one before, on the same locked pictures."""

import json
from pathlib import Path
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from inference.versions.cards import Card, read_card
from web.access.rules import Access
from web.access.teacher_routes import Call, get, post, reply
from web.http.errors import NotFoundError
from web.teach.models import TeachContext

_FILE = "comparison.json"


def list_compare_routes(context: TeachContext, access: Access) -> list[Route]:
    """Return the routes."""

    def show(call: Call) -> Response:
        model, version = context.models.check(call.get_text("model")), call.get_number("version")
        return reply(describe_comparison(context, model, version))

    def show_versions(call: Call) -> Response:
        return reply(describe_versions(context, context.models.check(call.get_text("model"))))

    def publish(call: Call) -> Response:
        model = call.get_text("model")
        context.catalog.publish(model, call.get_number("version"))
        return reply(describe_versions(context, model))

    def delete(call: Call) -> Response:
        model = call.get_text("model")
        context.catalog.delete(model, call.get_number("version"))
        return reply(describe_versions(context, model))

    def reset(call: Call) -> Response:
        model = call.get_text("model")
        context.catalog.reset(model)
        return reply(describe_versions(context, model))

    return [
        get(access, "/teach/comparison", show),
        get(access, "/teach/versions", show_versions),
        post(access, "/teach/versions/publish", publish),
        post(access, "/teach/versions/delete", delete),
        post(access, "/teach/versions/reset", reset),
    ]


def describe_comparison(context: TeachContext, model: str, version: int) -> dict[str, Any]:
    """Return what a version's comparison shows.

    Of the pictures only those that are stored and can be shown; `hidden` counts the remembered
    ones on which the two differ, of which no picture is kept.
    """
    folder = context.catalog.find(model, version)
    found = read_comparison(folder)
    pictures = found.pop("pictures", [])
    differing = [picture for picture in pictures if _differs(picture)]
    return {
        **found,
        "model": model,
        "version": version,
        "in_use": version == context.catalog.read_current(model),
        "taught": context.catalog.is_taught(model, version),
        "pictures": [picture for picture in pictures if picture.get("sha256")],
        "hidden": sum(1 for picture in differing if not picture.get("sha256")),
    }


def read_comparison(folder: Path) -> dict[str, Any]:
    """Return a version's comparison as the trainer wrote it.

    Raises: NotFoundError for a version that was not compared, such as one that ships.
    """
    try:
        text = (folder / _FILE).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise NotFoundError(
            f"Version {folder.name} was not compared with another. Choose one that was taught here."
        ) from error
    values: dict[str, Any] = json.loads(text)
    return values


def describe_versions(context: TeachContext, model: str) -> dict[str, Any]:
    """Return all versions of a network, the newest first, and whether one ships."""
    current = context.catalog.read_current(model)
    versions = context.catalog.list_versions(model)
    rows = [
        describe_version(folder, read_card(folder))
        | {"taught": context.catalog.is_taught(model, number), "in_use": number == current}
        for number, folder in reversed(versions.items())
    ]
    return {"model": model, "current": current, "versions": rows}


def describe_version(folder: Path, card: Card) -> dict[str, Any]:
    """Return a row of the list."""
    try:
        compared = read_comparison(folder)
    except NotFoundError:
        compared = {}
    new = compared.get("new") or {}
    return {
        "version": card.version,
        "created": card.created,
        "kind": card.training.kind,
        "classes": len(card.class_names),
        "pictures": _count(card.data.counts),
        "parent": card.parent and card.parent.model_dump(),
        "outcome": compared.get("outcome"),
        "compared": bool(compared),
        "top1": new.get("top1") or _find_top1(card),
    }


def _find_top1(card: Card) -> dict[str, Any] | None:
    measured = card.metrics.get("validation") or card.metrics.get("test")
    return measured.top1.model_dump() if measured else None


def _count(counts: object) -> int:
    if isinstance(counts, dict):
        return sum(_count(value) for value in counts.values())
    return counts if isinstance(counts, int) else 0


def _differs(picture: dict[str, Any]) -> bool:
    old, new = picture.get("old"), picture.get("new")
    return bool(old and new and old[0] != new[0])
