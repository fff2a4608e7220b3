"""Files and answers beside Gradio's own: health, the examples, the reports and the networks."""

import mimetypes
import re
from collections.abc import Callable
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from inference.errors import UserInputError
from web.http.streams import send_file
from web.serving import Service

_PLAIN = {"X-Content-Type-Options": "nosniff"}
_FILE_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}\.(png|html)")


def make_routes(service: Service, examples: Path) -> list[BaseRoute]:
    """Return the routes; of a version only `report/`, `model.onnx` and `README.md` can be fetched.

    `?model=` and `?version=` choose another than the one in use.
    """

    def report_health(request: Request) -> Response:
        card = service.open(request.query_params.get("model")).card
        return JSONResponse({"status": "ok", "model": card.model, "version": card.version})

    def send_network(request: Request) -> Response:
        query = request.query_params
        folder = find_folder(service, query.get("model"), query.get("version"))
        name = f"{folder.parent.name}-{folder.name}.onnx"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return _send(folder / "model.onnx", headers)

    def send_prose(request: Request) -> Response:
        query = request.query_params
        folder = find_folder(service, query.get("model"), query.get("version"))
        # As plain text, whatever is in it: a version may come from elsewhere.
        return _send(folder / "README.md", _PLAIN, "text/plain")

    def send_report(request: Request) -> Response:
        path = request.path_params
        folder = find_folder(service, path.get("model"), path.get("version"))
        if not _FILE_NAME.fullmatch(path["name"]):
            raise UserInputError("A report holds PNG and HTML files only.")
        return _send(folder / "report" / path["name"], {})

    return [
        Route("/healthz", _or_sentence(report_health)),
        Route("/model.onnx", _or_sentence(send_network)),
        Route("/README.md", _or_sentence(send_prose)),
        Route("/report/{name}", _or_sentence(send_report)),
        Route("/report/{model}/{version}/{name}", _or_sentence(send_report)),
        Mount("/examples", StaticFiles(directory=examples, check_dir=False)),
    ]


def find_folder(service: Service, model: str | None, version: str | None) -> Path:
    """Return the folder of a version; of the one that answers where none is named.

    Raises: UserInputError that lists what there is.
    """
    if not version:
        return service.open(model or None).folder
    number = int(version) if re.fullmatch(r"[1-9]\d{0,8}", version) else 0
    return service.catalog.find(model or service.model, number)


def _send(path: Path, headers: dict[str, str], media_type: str | None = None) -> Response:
    """Return a file of a version that may be deleted at any time; once open, it is sent whole."""
    try:
        file = path.open("rb")
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise UserInputError("This version has no such file.") from error
    known = media_type or mimetypes.guess_type(path)[0] or "application/octet-stream"
    return send_file(file, file.close, known, headers)


def _or_sentence(respond: Callable[[Request], Response]) -> Callable[[Request], Response]:
    """Return an endpoint that says in a sentence what is not there."""

    def respond_or_explain(request: Request) -> Response:
        try:
            return respond(request)
        except UserInputError as error:
            return JSONResponse({"error": str(error)}, 404)

    return respond_or_explain
