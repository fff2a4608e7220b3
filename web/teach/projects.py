"""Many at once: a zip of class folders in, and the whole of the data folder out and in again."""

import tempfile
from collections.abc import Generator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from starlette.responses import Response
from starlette.routing import Route

from inference.errors import UserInputError
from labelling.exchange.importing import Item, Said, leave_out_disputed, list_classes, opening
from labelling.exchange.projects import is_bundle, write_bundle
from labelling.exchange.restoring import restore_bundle
from labelling.images.files import SENDING, StorageError
from labelling.store.labels import clean_file_name
from web.access.rules import Access
from web.access.teacher_routes import NO_STORE, Call, get, upload_zip
from web.http.files import send_file
from web.teach.collect import NewImage, add_image
from web.teach.models import TeachContext

Line = dict[str, Any]


def list_project_routes(context: TeachContext, access: Access) -> list[Route]:
    """Return the routes."""

    def send_bundle(call: Call) -> Response:
        with tempfile.NamedTemporaryFile(dir=context.data, prefix=SENDING, delete=False) as empty:
            path = Path(empty.name)
        with ExitStack() as stack:
            stack.callback(path.unlink, missing_ok=True)
            write_bundle(context.store, context.catalog, path)
            file = path.open("rb")
            stack.pop_all()
        # Whole, whatever range is asked for: the next bundle would be another.
        headers = NO_STORE | {"Content-Disposition": 'attachment; filename="taught-here.zip"'}
        return send_file(file, partial(_remove, file, path), "application/zip", headers)

    def take_zip(call: Call, archive: Path) -> Generator[Line]:
        name = clean_file_name(call.get_text("name", "")) or "This file"
        if is_bundle(archive):
            yield from take_bundle(context, archive)
        else:
            yield from take_folders(context, archive, name, call)

    return [
        get(access, "/teach/bundle", send_bundle),
        upload_zip(access, "/teach/zip", context.data, take_zip),
    ]


def take_folders(context: TeachContext, archive: Path, name: str, call: Call) -> Generator[Line]:
    """Add the pictures of class folders to a network, each told in a line.

    As `python -m labelling import` does: a `metadata.jsonl` of ours says which class each is and
    how its file was called, and a picture under two labels is left out. But the network is the
    one chosen on the page, whose answers are kept in place of those told, and whoever sends the
    zip has added them. What is rejected or pending there is left out: only a person's yes enters.
    Raises: UserInputError for a zip that is not safe, or holds no class folders.
    """
    said = Said(model=context.models.check(call.get_text("model")))
    with opening(archive, context.data) as folder:
        if folder is None:
            raise UserInputError(f"{name} is not a zip archive. Give a zip of class folders.")
        items, left_out = list_classes(folder, name, said)
        items = leave_out_disputed(_leave_out_unapproved(items, left_out), left_out)
        yield {"total": len(items)}
        for shown, reason in left_out.items():
            yield {"left_out": shown, "error": reason}
        for item in items:
            yield _take_file(context, item, call.who)


def _leave_out_unapproved(items: list[Item], left_out: dict[str, str]) -> list[Item]:
    for item in items:
        if item.note.state != "approved":
            left_out[item.shown] = f"it is {item.note.state} in metadata.jsonl, not approved"
    return [item for item in items if item.note.state == "approved"]


def _take_file(context: TeachContext, item: Item, who: str) -> Line:
    note = item.note
    try:
        new = NewImage(note.model, note.label, who, note.name, item.path.read_bytes())
        added = add_image(context, new)
    except StorageError:
        raise
    except UserInputError as error:
        return {"name": item.shown, "error": str(error)}
    near = added.near is not None
    return {"name": item.shown, "existed": added.existed, "near": near, "change": added.change}


def _remove(file: BinaryIO, path: Path) -> None:
    file.close()
    path.unlink(missing_ok=True)


def take_bundle(context: TeachContext, archive: Path) -> Generator[Line]:
    """Take in what `send_bundle` made, here or elsewhere, and tell what became of it.

    Raises: UserInputError for a bundle that is not whole; then nothing was changed.
    """
    yield {"sentence": "Looking through all of it…"}
    imported = restore_bundle(context.store, context.catalog, archive)
    for shown, reason in imported.left_out.items():
        yield {"left_out": shown, "error": reason}
    found = f"{imported.added:,} labelled pictures were added, {imported.existed:,} were here."
    yield {"sentence": " ".join([found, *imported.versions])}
