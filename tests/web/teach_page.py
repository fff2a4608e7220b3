"""A Teach tab's routes over a tiny model, without a page around them."""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from starlette.applications import Starlette
from starlette.routing import BaseRoute
from starlette.testclient import TestClient

from inference.versions.catalog import Catalog
from labelling.store.store import Store
from tests.inference.tiny_versions import write_version
from tests.web.requests import make_access, make_cookies
from web.serving import Service
from web.teach.tab import make_teach_routes

MODEL = "colours"
COLOURS = {"red": (220, 20, 20), "green": (20, 220, 20), "blue_berry": (20, 20, 220)}


@dataclass(frozen=True)
class Visit:
    """Calls as a teacher's browser makes them; `data` is the data folder."""

    client: TestClient
    service: Service
    store: Store
    data: Path

    def get(self, path: str, **values: Any) -> dict[str, Any]:
        response = self.client.get(f"/teach/{path}", params=values)
        assert response.status_code == 200, response.text
        return dict(response.json())

    def post(self, path: str, **values: Any) -> dict[str, Any]:
        response = self.client.post(f"/teach/{path}", json=values)
        assert response.status_code == 200, response.text
        return dict(response.json())

    def refuse(self, path: str, status: int = 400, **values: Any) -> str:
        """Return the sentence with which a call is refused."""
        response = self.client.post(f"/teach/{path}", json=values)
        assert response.status_code == status, response.text
        return str(response.json()["error"])

    def add(self, label: str, picture: bytes, name: str = "a.png") -> Any:
        values = {"model": MODEL, "label": label, "name": name}
        return self.client.post("/teach/images", params=values, content=picture)


@contextmanager
def open_visit(tmp_path: Path) -> Iterator[Visit]:
    exported, data = tmp_path / "exported", tmp_path / "data"
    write_version(exported / MODEL / "1", backbone_sha256="a" * 64)
    service = Service(Catalog(exported, data), MODEL, None, "cpu")
    with (
        Store(data) as store,
        serve(make_teach_routes(service, make_access(), store)) as client,
    ):
        yield Visit(client, service, store, data)


def serve(routes: Sequence[BaseRoute]) -> TestClient:
    """Return a client of these routes: on this machine, of a teacher."""
    client = TestClient(
        Starlette(routes=routes), "http://127.0.0.1:7860", client=("127.0.0.1", 50000)
    )
    client.cookies.update(make_cookies(make_access()))
    return client


def paint(label: str, seed: int = 0, size: int = 64) -> bytes:
    """Return a PNG that the tiny model takes for a class; every seed gives another look."""
    rng = np.random.default_rng(seed)
    speckle = rng.integers(0, 36, (8, 8, 1)).repeat(3, axis=2) + np.array(COLOURS[label]) - 18
    small = Image.fromarray(np.clip(speckle, 0, 255).astype(np.uint8))
    file = io.BytesIO()
    small.resize((size, size), Image.Resampling.BICUBIC).save(file, "PNG")
    return file.getvalue()
