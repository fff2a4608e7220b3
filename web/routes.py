"""Files and answers beside Gradio's own: health, the examples, the report and the network."""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from inference.classifier import Classifier


def make_routes(classifier: Classifier, examples: Path) -> list[BaseRoute]:
    """Return the routes; of a version's folder only `report/` and `model.onnx` can be fetched."""
    card, network = classifier.card, classifier.folder / "model.onnx"

    def report_health(request: Request) -> JSONResponse:
        return JSONResponse({"status": "ok", "model": card.model, "version": card.version})

    def send_network(request: Request) -> FileResponse:
        name = f"{card.model}-{card.version}.onnx"
        return FileResponse(network, media_type="application/octet-stream", filename=name)

    return [
        Route("/healthz", report_health),
        Route("/model.onnx", send_network),
        _mount("/examples", examples),
        _mount("/report", classifier.folder / "report"),
    ]


def _mount(path: str, folder: Path) -> Mount:
    return Mount(path, StaticFiles(directory=folder, check_dir=False))
