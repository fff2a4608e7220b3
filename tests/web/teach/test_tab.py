"""All routes of the Teach tab: who is refused, what is no call, and the files of the tab itself."""

import re
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from inference.errors import UserInputError
from inference.versions.catalog import Catalog
from labelling.store.store import Store
from tests.web.requests import make_access
from tests.web.teach_page import MODEL, Visit, paint, serve
from web.serving import Service
from web.teach.tab import make_teach_routes

ASSETS = Path(__file__).parents[3] / "web" / "teach" / "client"
OTHERS = [
    {"X-Forwarded-For": "8.8.8.8"},
    {"Host": "page.example"},
    {"Origin": "http://evil.example"},
    {"Sec-Fetch-Site": "cross-site"},
]


def list_calls(visit: Visit) -> list[tuple[str, str]]:
    """Return method and path of every route."""
    app = visit.client.app
    assert isinstance(app, Starlette)
    calls = []
    for route in app.routes:
        assert isinstance(route, Route)
        path = re.sub(r"\{[^}]*\}", "teach.js", route.path)
        calls += [(method, path) for method in sorted(route.methods or ())]
    return calls


def test_every_route_refuses_others(visit: Visit) -> None:
    calls = list_calls(visit)
    assert len(calls) > 20
    visit.add("red", paint("red"))
    for method, path in calls:
        for headers in OTHERS:
            response = visit.client.request(method, path, headers=headers, content=b"{}")
            assert response.status_code == 403, (method, path, headers)
            assert method == "HEAD" or response.json()["error"].startswith("Only a teacher may")
    assert visit.get("state")["classes"][0]["images"] == 1


def test_every_route_refuses_where_nobody_teaches(visit: Visit) -> None:
    routes = make_teach_routes(visit.service, make_access(teach=False), visit.store)
    client = serve(routes)
    for method, path in list_calls(visit):
        assert client.request(method, path, content=b"{}").status_code == 403, (method, path)


# Routes whose body is a zip.
ZIPS = ("/teach/zip", "/teach/project")


@pytest.mark.parametrize("content", [b"[]", b"{", b"1", b"[" * 9000, b'{"a": ' + b" " * 10**6])
def test_malformed_calls_are_refused_in_a_sentence(visit: Visit, content: bytes) -> None:
    for method, path in list_calls(visit):
        if method == "POST" and path not in ("/teach/images", *ZIPS):
            response = visit.client.post(path, content=content)
            assert response.status_code in (200, 400, 413), path
            assert path.endswith("cancel") or response.json()["error"], path


def test_no_answer_is_cached(visit: Visit) -> None:
    for place in ("state", "training", f"gallery?model={MODEL}", f"label-issues?model={MODEL}"):
        assert visit.client.get(f"/teach/{place}").headers["cache-control"] == "no-store"


def test_files_of_the_tab_are_sent_and_no_others(visit: Visit) -> None:
    names = sorted(path.name for path in ASSETS.iterdir())
    assert "teach.js" in names
    for name in names:
        response = visit.client.get(f"/teach/client/{name}")
        assert response.status_code == 200, name
        kind = "text/css" if name.endswith(".css") else "text/javascript"
        assert response.headers["content-type"].startswith(kind)
    for name in ("../teaching.py", "..%2fteaching.py", "teaching.py", "", ".", "nothing.js"):
        assert visit.client.get(f"/teach/client/{name}").status_code == 404


def test_scripts_import_only_each_other() -> None:
    """Nothing comes from anywhere else, and nothing that is asked for is missing."""
    names = {path.name for path in ASSETS.iterdir()}
    for path in ASSETS.glob("*.js"):
        text = path.read_text(encoding="utf-8")
        assert set(re.findall(r"from '\./([^']+)'", text)) <= names, path.name
        assert text.count(" from '") == text.count(" from './"), path.name


def test_text_never_becomes_html() -> None:
    """What people typed is put in as text; a script that can set HTML could forget it.

    But for one place: the list of versions, which web/model/versions.py draws and escapes.
    """
    words = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function"
    found = [
        (path.name, line.strip())
        for path in sorted(ASSETS.glob("*.js"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(words, line)
    ]
    drawn = "this.versions.innerHTML = html; // drawn and escaped by web/model/versions.py"
    assert found == [("compare.js", drawn)]


def test_teaching_needs_a_data_folder(visit: Visit) -> None:
    service = Service(Catalog(visit.service.catalog.exported), MODEL, None, "cpu")
    with pytest.raises(UserInputError, match="--data"), Store(visit.data) as store:
        make_teach_routes(service, make_access(), store)
