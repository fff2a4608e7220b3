"""What a teacher may do with versions: bring one into use, go back to what ships, delete one."""

from starlette.responses import Response
from starlette.routing import BaseRoute

from web.access.rules import Access
from web.access.teacher_routes import Call, post, reply
from web.serving import Service


def make_version_routes(service: Service, access: Access) -> list[BaseRoute]:
    """Return `POST /versions/use`, `/versions/reset` and `/versions/delete`, JSON in and out."""
    catalog = service.catalog

    def use(call: Call) -> Response:
        model, version = call.get_text("model"), call.get_number("version")
        catalog.publish(model, version)
        return reply(describe(service, model))

    def reset(call: Call) -> Response:
        model = call.get_text("model")
        catalog.reset(model)
        return reply(describe(service, model))

    def delete(call: Call) -> Response:
        model, version = call.get_text("model"), call.get_number("version")
        catalog.delete(model, version)
        return reply({"model": model, "sentence": f"Version {version} is deleted."})

    return [
        post(access, "/versions/use", use),
        post(access, "/versions/reset", reset),
        post(access, "/versions/delete", delete),
    ]


def describe(service: Service, model: str) -> dict[str, object]:
    """Return which version answers from now on, having opened it."""
    card = service.open(model).card
    wanted = service.catalog.read_current(model)
    sentence = f"Version {card.version} answers from now on."
    if card.version != wanted:
        sentence = f"Version {wanted} cannot be opened here; version {card.version} goes on."
    return {"model": card.model, "version": card.version, "sentence": sentence}
