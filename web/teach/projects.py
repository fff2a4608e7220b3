"""Zips: a model's project out and in again, and the images of class folders in."""

from collections.abc import Generator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from starlette.responses import Response
from starlette.routing import Route

from inference.atomic_files import ScratchFolder
from inference.errors import StorageError, UserInputError
from inference.versions.cards import name_for_display
from labelling.audit_log import record
from labelling.exchange.archives import open_source
from labelling.exchange.foreign_projects import is_project
from labelling.exchange.items import ImportOptions, Item, leave_out_disputed, list_class_folders
from labelling.exchange.projects import Project, restore_project, write_project
from labelling.images.files import SENDING
from labelling.store.labels import clean_file_name
from web.access.rules import Access
from web.access.teacher_routes import NO_STORE, Call, get, upload_zip
from web.http.files import send_file
from web.teach.collect import NewImage, add_image
from web.teach.models import TeachContext

Line = dict[str, Any]


def list_project_routes(context: TeachContext, access: Access) -> list[Route]:
    """Return the routes."""

    def send_project(call: Call) -> Response:
        model = context.models.check(call.get_text("model"))
        scratch = ScratchFolder(context.data, SENDING)
        path = Path(scratch.name) / "project.zip"
        with ExitStack() as stack:
            stack.callback(scratch.cleanup)
            write_project(context.store, context.catalog, model, path)
            file = path.open("rb")
            stack.pop_all()
        # Whole, whatever range is asked for: the next file would be another.
        headers = NO_STORE | {"Content-Disposition": f'attachment; filename="{model}.zip"'}
        return send_file(file, partial(_remove, file, scratch), "application/zip", headers)

    def take_project(call: Call, archive: Path) -> Generator[Line]:
        yield {"sentence": "Checking all that is in it…"}
        name = call.get_text("model", "")
        project = restore_project(context.store, context.catalog, archive, name)
        record(context.data, call.who, "restored", model=project.model, count=project.images)
        yield {"model": project.model, "sentence": _describe_restored(project)}

    def take_zip(call: Call, archive: Path) -> Generator[Line]:
        name = clean_file_name(call.get_text("name", "")) or "This file"
        if is_project(archive):
            raise UserInputError(f"{name} is a project file. Choose “Open a project file” for it.")
        yield from take_folders(context, archive, name, call)

    return [
        get(access, "/teach/project", send_project),
        upload_zip(access, "/teach/project", context.data, take_project),
        upload_zip(access, "/teach/zip", context.data, take_zip),
    ]


def take_folders(context: TeachContext, archive: Path, name: str, call: Call) -> Generator[Line]:
    """Add the images of class folders to a model, and yield a line for each.

    As `python -m labelling import` does: a `metadata.jsonl` of ours says which class each is and
    how its file was called, and an image under two labels is left out. But the model is the one
    chosen on the page, whose predictions are kept in place of those in the file, and whoever sends
    the zip has added them. What is rejected or pending there is left out: only what a person
    approved is taken.
    Raises: UserInputError for a zip that is not safe, or holds no class folders.
    """
    options = ImportOptions(model=context.models.check(call.get_text("model")))
    with open_source(archive, context.data) as folder:
        if folder is None:
            raise UserInputError(f"{name} is not a zip archive. Give a zip of class folders.")
        items, left_out = list_class_folders(folder, name, options)
        items = leave_out_disputed(_leave_out_unapproved(items, left_out), left_out)
        yield {"total": len(items)}
        for display_name, reason in left_out.items():
            yield {"left_out": display_name, "error": reason}
        added = 0
        try:
            for item in items:
                line = _take_file(context, item, call.who)
                added += line.get("existed") is False
                yield line
        finally:  # also where the browser leaves before the end
            if added:
                record(context.data, call.who, "imported", model=options.model, count=added)


def _leave_out_unapproved(items: list[Item], left_out: dict[str, str]) -> list[Item]:
    for item in items:
        state = item.annotation.state
        if state != "approved":
            left_out[item.display_name] = f"it is {state} in metadata.jsonl, not approved"
    return [item for item in items if item.annotation.state == "approved"]


def _take_file(context: TeachContext, item: Item, who: str) -> Line:
    annotation = item.annotation
    try:
        new = NewImage(
            annotation.model, annotation.label, who, annotation.name, item.path.read_bytes()
        )
        added = add_image(context, new)
    except StorageError:
        raise
    except UserInputError as error:
        return {"name": item.display_name, "error": str(error)}
    near = added.near is not None
    return {
        "name": item.display_name,
        "existed": added.existed,
        "near": near,
        "change": added.change,
    }


def _remove(file: BinaryIO, scratch: ScratchFolder) -> None:
    file.close()
    scratch.cleanup()


def _describe_restored(project: Project) -> str:
    shown = name_for_display(project.model)
    version = "" if project.version is None else f" and version {project.version}"
    return f"{shown} is here, with {project.images:,} labelled pictures{version}."
