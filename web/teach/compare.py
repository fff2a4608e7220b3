"""Compare and publish: a new version against the one before, on the same locked pictures."""

from pathlib import Path
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from inference.versions.cards import Card, Rate, read_card
from inference.versions.comparison import read_comparison
from web.access.rules import Access
from web.access.teacher_routes import Call, get, post, reply
from web.http.errors import NotFoundError
from web.teach.models import TeachContext


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
    found = read_comparison(context.catalog.find(model, version))
    if found is None:
        raise NotFoundError(
            f"Version {version} was not compared with another. Choose one that was taught here."
        )
    return {
        **found.model_dump(exclude={"images"}),
        "model": model,
        "version": version,
        "in_use": version == context.catalog.read_current(model),
        "taught": context.catalog.is_taught(model, version),
        "pictures": [image.model_dump() for image in found.images if image.sha256],
        "hidden": sum(image.differs and not image.sha256 for image in found.images),
    }


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
    compared = read_comparison(folder)
    top1 = compared.new.top1 if compared else _find_top1(card)
    return {
        "version": card.version,
        "created": card.created,
        "kind": card.training.kind,
        "classes": len(card.class_names),
        "pictures": _count(card.data.counts),
        "parent": card.parent and card.parent.model_dump(),
        "outcome": compared and compared.outcome,
        "compared": compared is not None,
        "top1": top1 and top1.model_dump(),
    }


def _find_top1(card: Card) -> Rate | None:
    measured = card.metrics.get("validation") or card.metrics.get("test")
    return measured.top1 if measured else None


def _count(counts: object) -> int:
    if isinstance(counts, dict):
        return sum(_count(value) for value in counts.values())
    return counts if isinstance(counts, int) else 0
