"""Many at once: a zip of class folders in, and the whole of the data folder out and in again."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from starlette.background import BackgroundTask
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from inference.errors import UserInputError
from labelling.bundles import is_bundle, write_bundle
from labelling.files import StorageError
from labelling.folders import Found, scan_folder
from labelling.importing import opening
from labelling.labels import clean_file_name
from labelling.restoring import restore_bundle
from web.access import Access
from web.classroom import Classroom
from web.collecting import Given, add_picture
from web.guarded import FRESH, Call, ask, send_archive

Line = dict[str, Any]


def list_bundling(room: Classroom, access: Access) -> list[Route]:
    """Return the routes."""

    def send_bundle(call: Call) -> Response:
        with tempfile.NamedTemporaryFile(dir=room.data, prefix=".bundle-", delete=False) as file:
            path = Path(file.name)
        try:
            write_bundle(room.store, room.catalog, path)
        except UserInputError:
            path.unlink(missing_ok=True)
            raise
        gone = BackgroundTask(path.unlink, missing_ok=True)
        return FileResponse(
            path, filename="taught-here.zip", headers=FRESH, media_type="application/zip",
            background=gone,
        )  # fmt: skip

    def take_zip(call: Call, archive: Path) -> Iterator[Line]:
        name = clean_file_name(call.get_text("name", "")) or "This file"
        if is_bundle(archive):
            yield from take_bundle(room, archive)
        else:
            yield from take_folders(room, archive, name, call)

    return [
        ask(access, "/teach/bundle", send_bundle),
        send_archive(access, "/teach/zip", room.data, take_zip),
    ]


def take_folders(room: Classroom, archive: Path, name: str, call: Call) -> Iterator[Line]:
    """Add the pictures of class folders to a network, each told in a line.

    Raises: UserInputError for a zip that is not safe, or holds no class folders.
    """
    model = room.roster.check(call.get_text("model"))
    with opening(archive, room.data) as folder:
        if folder is None:
            raise UserInputError(f"{name} is not a zip archive. Give a zip of class folders.")
        scan = scan_folder(folder, name)
        yield {"total": len(scan.found)}
        for shown, reason in scan.left_out.items():
            yield {"left_out": shown, "error": reason}
        for found in scan.found:
            yield _take_file(room, found, model, call.who)


def _take_file(room: Classroom, found: Found, model: str, who: str) -> Line:
    try:
        given = Given(model, found.label, who, found.path.name, found.path.read_bytes())
        added = add_picture(room, given)
    except StorageError:
        raise
    except UserInputError as error:
        return {"name": found.shown, "error": str(error)}
    near = added.near is not None
    return {"name": found.shown, "existed": added.existed, "near": near, "change": added.change}


def take_bundle(room: Classroom, archive: Path) -> Iterator[Line]:
    """Take in what `send_bundle` made, here or elsewhere, and tell what became of it.

    Raises: UserInputError for a bundle that is not whole; then nothing was changed.
    """
    yield {"sentence": "Looking through all of it…"}
    imported = restore_bundle(room.store, room.catalog, archive)
    for shown, reason in imported.left_out.items():
        yield {"left_out": shown, "error": reason}
    found = f"{imported.added:,} labelled pictures were added, {imported.existed:,} were here."
    yield {"sentence": " ".join([found, *imported.versions])}
