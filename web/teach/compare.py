"""A new version against the one before, on the same held-out images."""

from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from inference.versions.comparison import read_comparison
from web.access.rules import Access
from web.access.teacher_routes import Call, get, reply
from web.http.errors import NotFoundError
from web.teach.models import TeachContext


def list_compare_routes(context: TeachContext, access: Access) -> list[Route]:
    """Return the routes."""

    def show(call: Call) -> Response:
        model, version = context.models.check(call.get_text("model")), call.get_number("version")
        return reply(describe_comparison(context, model, version))

    return [get(access, "/teach/comparison", show)]


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
        "taught": context.catalog.is_custom(model, version),
        "pictures": [image.model_dump() for image in found.images if image.sha256],
        "hidden": sum(image.differs and not image.sha256 for image in found.images),
    }
