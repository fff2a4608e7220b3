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
from web.teach.classroom import Classroom
from web.teach.collect import Given, add_picture

Line = dict[str, Any]


def list_bundling(room: Classroom, access: Access) -> list[Route]:
    """Return the routes."""

    def send_bundle(call: Call) -> Response:
        with tempfile.NamedTemporaryFile(dir=room.data, prefix=SENDING, delete=False) as empty:
            path = Path(empty.name)
        with ExitStack() as stack:
            stack.callback(path.unlink, missing_ok=True)
            write_bundle(room.store, room.catalog, path)
            file = path.open("rb")
            stack.pop_all()
        # Whole, whatever range is asked for: the next bundle would be another.
        headers = NO_STORE | {"Content-Disposition": 'attachment; filename="taught-here.zip"'}
        return send_file(file, partial(_remove, file, path), "application/zip", headers)

    def take_zip(call: Call, archive: Path) -> Generator[Line]:
        name = clean_file_name(call.get_text("name", "")) or "This file"
        if is_bundle(archive):
            yield from take_bundle(room, archive)
        else:
            yield from take_folders(room, archive, name, call)

    return [
        get(access, "/teach/bundle", send_bundle),
        upload_zip(access, "/teach/zip", room.data, take_zip),
    ]


def take_folders(room: Classroom, archive: Path, name: str, call: Call) -> Generator[Line]:
    """Add the pictures of class folders to a network, each told in a line.

    As `python -m labelling import` does: a `metadata.jsonl` of ours says which class each is and
    how its file was called, and a picture under two labels is left out. But the network is the
    one chosen on the page, whose answers are kept in place of those told, and whoever sends the
    zip has added them. What is rejected or pending there is left out: only a person's yes enters.
    Raises: UserInputError for a zip that is not safe, or holds no class folders.
    """
    said = Said(model=room.roster.check(call.get_text("model")))
    with opening(archive, room.data) as folder:
        if folder is None:
            raise UserInputError(f"{name} is not a zip archive. Give a zip of class folders.")
        items, left_out = list_classes(folder, name, said)
        items = leave_out_disputed(_leave_out_unapproved(items, left_out), left_out)
        yield {"total": len(items)}
        for shown, reason in left_out.items():
            yield {"left_out": shown, "error": reason}
        for item in items:
            yield _take_file(room, item, call.who)


def _leave_out_unapproved(items: list[Item], left_out: dict[str, str]) -> list[Item]:
    for item in items:
        if item.note.state != "approved":
            left_out[item.shown] = f"it is {item.note.state} in metadata.jsonl, not approved"
    return [item for item in items if item.note.state == "approved"]


def _take_file(room: Classroom, item: Item, who: str) -> Line:
    note = item.note
    try:
        given = Given(note.model, note.label, who, note.name, item.path.read_bytes())
        added = add_picture(room, given)
    except StorageError:
        raise
    except UserInputError as error:
        return {"name": item.shown, "error": str(error)}
    near = added.near is not None
    return {"name": item.shown, "existed": added.existed, "near": near, "change": added.change}


def _remove(file: BinaryIO, path: Path) -> None:
    file.close()
    path.unlink(missing_ok=True)


def take_bundle(room: Classroom, archive: Path) -> Generator[Line]:
    """Take in what `send_bundle` made, here or elsewhere, and tell what became of it.

    Raises: UserInputError for a bundle that is not whole; then nothing was changed.
    """
    yield {"sentence": "Looking through all of it…"}
    imported = restore_bundle(room.store, room.catalog, archive)
    for shown, reason in imported.left_out.items():
        yield {"left_out": shown, "error": reason}
    found = f"{imported.added:,} labelled pictures were added, {imported.existed:,} were here."
    yield {"sentence": " ".join([found, *imported.versions])}
