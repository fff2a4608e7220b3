"""Review: the gallery of stored images, suggestions, label issues, corrections and undoing them."""

import io
from typing import Any

from PIL import Image
from starlette.responses import Response
from starlette.routing import Route

from inference.errors import UserInputError
from labelling.audit_log import record_changes
from labelling.required_images import MIN_CHECK
from labelling.store.changes import CONFIRM, Change
from labelling.store.labels import check_label
from labelling.store.queries import Order
from web.access.rules import Access
from web.access.teacher_routes import PRIVATE, Call, get, post, reply
from web.http.errors import NotFoundError
from web.teach.collect import describe_entry
from web.teach.models import TeachContext

_PAGE = 60  # images
_MAX_CHANGED = 500  # images in one go
_SIZES = (160, 320, 1024)  # pixels, the longer side
_QUALITY = 85


def list_review_routes(context: TeachContext, access: Access) -> list[Route]:
    """Return the routes."""

    def send_image(call: Call) -> Response:
        image = render_image(context, call.get_text("sha256"), call.get_number("size", _SIZES[-1]))
        return Response(image, media_type="image/jpeg", headers=PRIVATE)

    def show_gallery(call: Call) -> Response:
        state = "pending" if call.get_text("state", "") == "pending" else "approved"
        order: Order = "unsure" if call.get_text("order", "") == "unsure" else "newest"
        found = context.store.find(
            context.models.check(call.get_text("model")),
            states=(state,),
            label=call.get_text("label", "") or None,
            order=order,
            limit=_PAGE + 1,
            offset=call.get_number("offset", 0),
        )
        entries = [describe_entry(entry) for entry in found[:_PAGE]]
        return reply({"entries": entries, "more": len(found) > _PAGE})

    def show_label_issues(call: Call) -> Response:
        model = context.models.check(call.get_text("model"))
        return reply(describe_label_issues(context, model, call.get_number("offset", 0)))

    def relabel(call: Call) -> Response:
        label = check_label(call.get_text("label"))
        return _change(context, call, Change("relabel", call.who, label=label))

    def approve(call: Call) -> Response:
        return _change(context, call, Change("approve", call.who, _read_label(call), "approved"))

    def confirm(call: Call) -> Response:
        return _change(context, call, Change(CONFIRM, call.who, _read_label(call), "approved"))

    def reject(call: Call) -> Response:
        return _change(context, call, Change("reject", call.who, state="rejected"))

    def delete(call: Call) -> Response:
        return _change(context, call, Change("delete", call.who, deleted=True))

    def undo(call: Call) -> Response:
        changes = _read_numbers(call, "changes")
        entries = context.store.undo_all(reversed(changes), call.who)
        record_changes(context.data, call.who, "undo", len(entries))
        return reply({"entries": [describe_entry(entry) for entry in entries]})

    return [
        get(access, "/teach/images/{sha256}", send_image),
        get(access, "/teach/gallery", show_gallery),
        get(access, "/teach/label-issues", show_label_issues),
        post(access, "/teach/gallery/relabel", relabel),
        post(access, "/teach/gallery/approve", approve),
        post(access, "/teach/gallery/confirm", confirm),
        post(access, "/teach/gallery/reject", reject),
        post(access, "/teach/gallery/delete", delete),
        post(access, "/teach/gallery/undo", undo),
    ]


def describe_label_issues(context: TeachContext, model: str, offset: int = 0) -> dict[str, Any]:
    """Return labels that are probably wrong, the worst first, and what the last check covered.

    `check` is None where the labels were never checked.
    """
    found = context.store.find_label_issues(model, _PAGE + 1, offset)
    check = context.store.read_label_check(model)
    entries = [
        describe_entry(entry)
        | {"issue": {"suggested": issue.suggested, "probability": issue.probability}}
        for entry, issue in found[:_PAGE]
    ]
    return {
        "entries": entries,
        "more": len(found) > _PAGE,
        "check": check
        and {
            "images": check.images,
            "too_few": check.too_few,
            "min_groups": MIN_CHECK,
        },
    }


def render_image(context: TeachContext, sha256: str, size: int) -> bytes:
    """Return a stored image as JPEG, its longer side at most the next size that there is.

    Raises: NotFoundError if it is not stored, or not any more.
    """
    try:
        data = context.store.read_bytes(sha256)
    except UserInputError as error:
        raise NotFoundError(str(error)) from error
    side = next((known for known in _SIZES if known >= size), _SIZES[-1])
    if side == _SIZES[-1]:
        return data
    with Image.open(io.BytesIO(data)) as image:
        image.draft("RGB", (side, side))
        image.thumbnail((side, side))
        file = io.BytesIO()
        image.save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()


def _change(context: TeachContext, call: Call, change: Change) -> Response:
    """Change all images that were named; the reply lists the changes, for undoing them."""
    changes = [made for made in context.store.change(_read_numbers(call, "ids"), change) if made]
    record_changes(context.data, call.who, change.kind, len(changes))
    return reply({"changes": changes})


def _read_label(call: Call) -> str | None:
    """Return the label that came with a call; None where there was none."""
    label = call.get_text("label", "")
    return check_label(label) if label else None


def _read_numbers(call: Call, name: str) -> list[int]:
    """Return a list of numbers that is not too long.

    Raises: UserInputError otherwise.
    """
    numbers = call.get_numbers(name)
    if len(numbers) > _MAX_CHANGED:
        raise UserInputError(
            f"You chose {len(numbers)} pictures; at most {_MAX_CHANGED} are changed at a time. "
            "Choose fewer."
        )
    return numbers
