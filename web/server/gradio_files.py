"""Files that Gradio would send by itself: uploads and results of the temporary folder, and icons.

Gradio's own routes also fetch addresses, and render an icon of any size.
"""

import io
from functools import cache
from pathlib import Path

from PIL import Image
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

# Shown by browsers as pictures, and nothing else.
_PICTURES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".gif": "image/gif",
    ".avif": "image/avif",
}
ICON = Path(__file__).parents[1] / "icon.png"
_ICON_SIZES = (192, 512)  # pixels, as the manifest names them
_SANDBOX = {"Content-Security-Policy": "sandbox; default-src 'none'"}


def make_gradio_file_routes(folder: Path) -> list[BaseRoute]:
    """Return the routes. `folder`: of uploads."""

    async def send_upload(request: Request) -> Response:
        path = await run_in_threadpool(find_upload, folder, request.path_params["path"])
        if path is None:
            return JSONResponse({"error": "This file is not here any more."}, 404)
        kind = _PICTURES.get(path.suffix.lower())
        if kind:
            return FileResponse(path, media_type=kind, headers=_SANDBOX)
        return FileResponse(
            path, media_type="application/octet-stream", headers=_SANDBOX, filename=path.name
        )

    async def send_icon(request: Request) -> Response:
        size = request.path_params["size"]
        if size not in _ICON_SIZES:
            return JSONResponse({"error": "There is no icon of this size."}, 404)
        return Response(render_icon(size), media_type="image/png")

    return [
        Route("/gradio_api/file={path:path}", send_upload),
        Route("/pwa_icon/{size:int}", send_icon),
    ]


@cache
def render_icon(size: int) -> bytes:
    """Return the page's icon as a PNG with sides of so many pixels."""
    output = io.BytesIO()
    with Image.open(ICON) as icon:
        icon.convert("RGBA").resize((size, size)).save(output, format="PNG")
    return output.getvalue()


def find_upload(folder: Path, named: str) -> Path | None:
    """Return a file in the folder of uploads by its whole path; None where it is no such file."""
    path = Path(named)
    try:
        return path if is_upload(folder, named) and path.is_file() else None
    except OSError:  # too long a name
        return None


def is_upload(folder: Path, named: str) -> bool:
    """Tell whether a whole path leads into the folder of uploads, by links too."""
    try:
        path = Path(named).resolve()
    except (OSError, ValueError):  # too long, or with a null character
        return False
    return path.is_relative_to(folder.resolve()) and not path.name.startswith(".")
