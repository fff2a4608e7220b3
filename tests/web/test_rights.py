"""Everything that only teachers may do, asked for over HTTP by who may not, and by who may."""

import base64
import hashlib
import json
import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import itsdangerous
import pytest
from starlette.routing import Mount, Route

from inference.versions.catalog import Catalog
from tests.running import ROOT, RunningApp, find_free_port, start_app, wait_for
from tests.web.changed_versions import add_leaning_version
from tests.web.http.test_gradio_api import call, describe_upload, upload
from tests.web.pictures import CAT
from tests.web.requests import make_access
from web.launch import list_routes
from web.page import make_site
from web.serving import Service

pytestmark = pytest.mark.slow

PUBLIC = {
    "/healthz", "/readyz", "/model.onnx", "/README.md", "/report/{name}",
    "/report/{model}/{version}/{name}", "/examples/{name}",
    "/api/classify", "/sign-in", "/sign-out", "/suggestions", "/suggestions/withdraw",
    "/gradio_api/file={path:path}", "/pwa_icon/{size:int}", "/",
}  # fmt: skip
STRANGERS: list[dict[str, str]] = [
    {"X-Forwarded-For": "127.0.0.1"},
    {"X-Forwarded-For": "8.8.8.8"},
    {"Forwarded": "for=127.0.0.1"},
    {"X-Real-IP": "127.0.0.1"},
    {"CF-Connecting-IP": "127.0.0.1"},
    {"Host": "page.example"},
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1:3000"},
    {"Host": "evil.example", "Origin": "http://evil.example"},
]
PASSWORD = "correct horse"
SHIPPED = [*Catalog(ROOT / "exported").list_versions("hotdog")][-1]
TAUGHT = SHIPPED + 1


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, exported: Path) -> Path:
    """A data folder with a taught version that is in use."""
    folder = tmp_path_factory.mktemp("taught")
    number = add_leaning_version(exported, folder, 9.0)
    Catalog(exported, folder).publish("hotdog", number)
    return folder


@pytest.fixture(scope="module")
def local(exported: Path, data: Path) -> Iterator[RunningApp]:
    """A page on which whoever opened the printed address teaches."""
    yield from start(exported, data, "--teach")


@pytest.fixture(scope="module")
def guarded(exported: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    """A page that is open to others, with a password."""
    folder = tmp_path_factory.mktemp("guarded")
    env = {"CLASSIFIER_TEACH_PASSWORD": PASSWORD}
    yield from start(exported, folder, "--teach", "--host", "0.0.0.0", **env)


def start(exported: Path, data: Path, *options: str, **env: str) -> Iterator[RunningApp]:
    port = find_free_port()
    settings = {
        "CLASSIFIER_EXPORTED": str(exported),
        "CLASSIFIER_DATA": str(data),
        "CLASSIFIER_PROVIDERS": "cpu",
        **env,
    }
    with start_app(*options, "--port", str(port), port=port, env=settings) as running:
        yield running


def list_teacher_routes(exported: Path, data: Path) -> list[tuple[str, str]]:
    """Return method and path of every route that is not public, as the page has them."""
    service = Service(Catalog(exported, data), "hotdog", None, "cpu")
    site = make_site(service, make_access(), data)
    found = []
    for route in list_routes(site, data):
        assert isinstance(route, Route | Mount)
        if route.path in PUBLIC:
            continue
        assert isinstance(route, Route), f"{route.path} is mounted, so nobody asks who comes"
        path = re.sub(r"\{[^}]*\}", "1", route.path).lstrip("/")
        found += [(method, path) for method in sorted(route.methods or ()) if method != "HEAD"]
    assert site.suggestions is not None
    site.suggestions.store.close()
    return found


@pytest.fixture(scope="module")
def teacher(local: RunningApp) -> Iterator[httpx.Client]:
    """The browser of who opened the address that was printed."""
    with httpx.Client(cookies=local.sign_in(), timeout=60) as client:
        yield client


def ask(
    app: RunningApp, method: str, path: str, client: httpx.Client | None = None, **headers: str
) -> httpx.Response:
    content, cookies = (b"{}" if method != "GET" else None), client.cookies if client else None
    with httpx.Client(cookies=cookies, timeout=60) as asking:
        return asking.request(method, f"{app.url}{path}", content=content, headers=headers)


def renew(app: RunningApp, client: httpx.Client | None = None, **headers: str) -> list[Any]:
    """Ask for the page as one visitor sees it, through the queue as the page itself does."""
    url = f"{app.url}gradio_api/call/renew"
    cookies = client.cookies if client else None
    with httpx.Client(timeout=60, cookies=cookies) as caller:
        joined = caller.post(url, json={"data": [""]}, headers=headers)
        events = caller.get(f"{url}/{joined.json()['event_id']}").text
    return list(json.loads(events.partition("data: ")[2]))


def test_there_is_something_to_refuse(exported: Path, tmp_path: Path) -> None:
    routes = list_teacher_routes(exported, tmp_path)
    assert {("POST", "versions/publish"), ("POST", "versions/delete")} <= set(routes)
    assert len(routes) > 10


def test_strangers_are_refused_everywhere(
    local: RunningApp, teacher: httpx.Client, exported: Path, tmp_path: Path
) -> None:
    """Without the cookie, from 127.0.0.1 and with no other trace: as a tunnel can arrive."""
    for method, path in list_teacher_routes(exported, tmp_path):
        for client, headers in [(None, {}), *((teacher, headers) for headers in STRANGERS)]:
            response = ask(local, method, path, client, **headers)
            assert response.status_code == 403, (method, path, headers, response.text)
            assert response.json()["error"].startswith("Only a teacher may do this. Open the")


def test_everything_is_refused_without_a_cookie(
    guarded: RunningApp, exported: Path, tmp_path: Path
) -> None:
    for method, path in list_teacher_routes(exported, tmp_path):
        response = ask(guarded, method, path)
        assert response.status_code == 403, (method, path)
        assert response.json()["error"] == "Only a teacher may do this. Sign in first."


def test_page_without_teaching_has_none_of_it(
    app: RunningApp, exported: Path, tmp_path: Path
) -> None:
    for method, path in list_teacher_routes(exported, tmp_path):
        assert ask(app, method, path).status_code in (403, 404, 405), (method, path)
    for place in ("suggestions", "suggestions/withdraw"):
        assert ask(app, "POST", place).status_code in (403, 404, 405)


def test_page_shows_teachers_and_strangers_what_is_theirs(
    local: RunningApp, teacher: httpx.Client
) -> None:
    theirs = renew(local, teacher)
    assert theirs[-1]["visible"] is True
    assert 'data-act="publish"' in str(theirs)
    for seen in (renew(local), renew(local, teacher, **{"X-Forwarded-For": "8.8.8.8"})):
        assert seen[-1]["visible"] is False
        assert "data-act" not in str(seen)
        assert "Download ONNX" in str(seen)
    assert "the address that the terminal printed" in str(renew(local))


def test_token_is_printed_once_and_stands_nowhere_else(local: RunningApp, data: Path) -> None:
    """In no log, however often it is sent; and the page frames nobody's clicks."""
    printed = local.read_teacher_url()
    for address in (printed, printed.replace("token=", "token=x"), f"{local.url}?token=a&token=b"):
        httpx.get(address, timeout=60)
    token = printed.partition("token=")[2]
    assert local.read_log().count(token) == 1
    assert not [p for p in data.rglob("*") if p.is_file() and token.encode() in p.read_bytes()]
    assert "; frame-ancestors 'none'" in httpx.get(local.url).headers["content-security-policy"]


def test_candidates_are_for_teachers(
    local: RunningApp, teacher: httpx.Client, exported: Path, data: Path
) -> None:
    candidate = add_leaning_version(exported, data, 2.0)
    folder = Catalog(exported, data).find("hotdog", candidate)
    (folder / "README.md").write_text("a candidate")
    (folder / "report").mkdir(exist_ok=True)
    (folder / "report" / "confusion.png").write_bytes(b"plot")
    doors = (
        f"model.onnx?version={candidate}",
        f"model.onnx?model=hotdog&version={candidate}",
        f"README.md?version={candidate}",
        f"report/hotdog/{candidate}/confusion.png",
    )
    for door in doors:
        refused = ask(local, "GET", door)
        assert refused.status_code == 404, door
        assert f"published: {SHIPPED}, {TAUGHT}" in refused.json()["error"]
        assert ask(local, "GET", door, teacher).is_success, door
        assert ask(local, "GET", door, teacher, Origin="http://evil.example").is_error
    assert f'data-number="{candidate}"' in str(renew(local, teacher))
    assert f'data-number="{candidate}"' not in str(renew(local))
    for public in (SHIPPED, TAUGHT):  # what shipped, and what is in use
        assert ask(local, "GET", f"model.onnx?version={public}").is_success
        assert f'data-number="{public}"' in str(renew(local))
    Catalog(exported, data).delete("hotdog", candidate)


def test_page_without_teaching_offers_nothing(app: RunningApp) -> None:
    values = renew(app)
    assert values[-1]["visible"] is False
    assert "data-act" not in str(values)
    assert "Sign in" not in str(values)


def test_version_in_use_changes_at_once_and_back(local: RunningApp, teacher: httpx.Client) -> None:
    for version in (SHIPPED, TAUGHT, SHIPPED, TAUGHT):
        body = {"model": "hotdog", "version": version}
        response = teacher.post(f"{local.url}versions/publish", json=body)
        assert response.json()["sentence"] == f"Version {version} answers from now on."
        assert httpx.get(f"{local.url}readyz").json()["version"] == version
    reset = teacher.post(f"{local.url}versions/reset", json={"model": "hotdog"})
    assert reset.json()["version"] == SHIPPED
    body = {"model": "hotdog", "version": TAUGHT}
    teacher.post(f"{local.url}versions/publish", json=body)


def test_version_is_deleted_only_where_nothing_else_answers(
    local: RunningApp, teacher: httpx.Client, exported: Path, data: Path
) -> None:
    number = add_leaning_version(exported, data, 1.0)
    url = f"{local.url}versions/delete"
    for version, words in (
        (SHIPPED, "it cannot be deleted"),
        (TAUGHT, "is in use"),
        (99, "no version 99"),
    ):
        refused = teacher.post(url, json={"model": "hotdog", "version": version})
        assert refused.status_code == 400
        assert words in refused.json()["error"]
    assert teacher.post(url, json={"model": "hotdog", "version": number}).is_success
    assert httpx.get(f"{local.url}model.onnx?version={number}").status_code == 404


# Signing in


def sign_in(app: RunningApp, password: str, **headers: str) -> httpx.Response:
    form = {"password": password}
    return httpx.post(f"{app.url}sign-in", data=form, headers=headers, timeout=60)


def test_password_opens_and_signing_out_closes(guarded: RunningApp) -> None:
    response = sign_in(guarded, PASSWORD)
    cookie, known = response.headers.get_list("set-cookie")
    assert re.match(r"teacher-[0-9a-f]{8}=[\w.-]+; HttpOnly; Max-Age=43200", cookie)
    assert re.match(r"known-[0-9a-f]{8}=[\w.-]+; HttpOnly; Max-Age=34560000", known)
    assert "SameSite=strict" in cookie
    assert "Secure" not in cookie
    with httpx.Client(cookies=response.cookies, timeout=60) as client:
        assert renew(guarded, client)[-1]["visible"] is True
        body = {"model": "hotdog", "version": SHIPPED}
        assert client.post(f"{guarded.url}versions/publish", json=body).is_success
        cross = {"Origin": "http://evil.example"}
        assert client.post(f"{guarded.url}versions/publish", json=body, headers=cross).is_error
        assert client.post(f"{guarded.url}sign-out", headers=cross).status_code == 403
        copy = dict(client.cookies)
        assert client.post(f"{guarded.url}sign-out").is_success
        assert [name[:6] for name in client.cookies] == ["known-"]
        assert client.post(f"{guarded.url}versions/publish", json=body).status_code == 403
        client.cookies.update(copy)
        assert client.post(f"{guarded.url}versions/publish", json=body).status_code == 403


def test_cookie_is_secure_behind_https(guarded: RunningApp) -> None:
    response = sign_in(guarded, PASSWORD, **{"X-Forwarded-Proto": "https"})
    assert "Secure" in response.headers["set-cookie"]


@pytest.mark.parametrize("value", ["", "a.b.c", "teacher", "eyJuYW1lIjoidGVhY2hlciJ9.aaaa.bbbb"])
def test_made_up_cookies_open_nothing(guarded: RunningApp, value: str) -> None:
    name = sign_in(guarded, PASSWORD).headers["set-cookie"].partition("=")[0]
    response = ask(guarded, "POST", "versions/publish", Cookie=f"{name}={value}")
    assert response.status_code == 403


def test_guessing_is_slow_and_locks_nobody_out(guarded: RunningApp) -> None:
    """However many ask at once from here, under whatever addresses they make up."""
    known = sign_in(guarded, PASSWORD).cookies
    started, ended, statuses = time.monotonic(), threading.Event(), []

    def guess(number: int) -> None:
        while not ended.is_set():
            made_up = {"X-Forwarded-For": f"8.8.{number}.{len(statuses) % 250}"}
            statuses.append(sign_in(guarded, "guess", **made_up).status_code)

    with ThreadPoolExecutor(12) as strangers:
        for number in range(12):
            strangers.submit(guess, number)
        wait_for(lambda: statuses.count(503) > 50)
        form = {"password": PASSWORD}
        at_once = httpx.post(f"{guarded.url}sign-in", data=form, cookies=known, timeout=60)
        wait_for(lambda: sign_in(guarded, PASSWORD).is_success)
        seconds = time.monotonic() - started
        ended.set()
    assert at_once.is_success
    assert set(statuses) == {401, 503}
    assert statuses.count(401) <= seconds + 12


def test_token_is_typed_too_and_nothing_else_counts(local: RunningApp, app: RunningApp) -> None:
    assert sign_in(local, "").status_code == 401
    assert sign_in(local, local.read_teacher_url()).is_success
    assert sign_in(app, "").status_code == 403


def test_other_sites_sign_nobody_in(guarded: RunningApp) -> None:
    assert sign_in(guarded, PASSWORD, Origin="http://evil.example").status_code == 403


# Data


@pytest.mark.parametrize(
    "name",
    [
        "labels.sqlite3",
        f"models/hotdog/{TAUGHT}/memory.npz",
        f"models/hotdog/{TAUGHT}/model.json",
    ],
)
def test_data_folder_is_not_served(local: RunningApp, data: Path, name: str) -> None:
    assert (data / name).is_file()
    assert httpx.get(f"{local.url}gradio_api/file={data / name}").status_code in (403, 404)
    file = describe_upload(str(data / name))
    assert "data" not in call(local, "classify", [file, False, None])


# A Space with Hugging Face sign-in, as far as the way to Hugging Face; what it answers is made up.


class Provider(BaseHTTPRequestHandler):
    """Says where one signs in, as huggingface.co does."""

    def do_GET(self) -> None:
        address = "http://{}:{}".format(*self.server.server_address[:2])
        body = json.dumps({"issuer": address, "authorization_endpoint": f"{address}/authorize"})
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Provider) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def space(
    exported: Path, provider: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningApp]:
    pytest.importorskip("authlib")
    env = {
        "SYSTEM": "spaces",
        "SPACE_ID": "ann/hot-dog",
        "SPACE_HOST": "ann-hot-dog.hf.space",
        "OAUTH_CLIENT_ID": "id",
        "OAUTH_CLIENT_SECRET": "hidden",
        "OAUTH_SCOPES": "openid profile",
        "OPENID_PROVIDER_URL": provider,
        "CLASSIFIER_TEACHERS": "ann",
    }
    yield from start(exported, tmp_path_factory.mktemp("space"), "--teach", **env)


def make_session(name: str, secret: str = "hidden") -> str:
    """Make the cookie that Gradio sets after Hugging Face has answered."""
    info = {"userinfo": {"preferred_username": name}, "expires_at": time.time() + 600}
    content = base64.b64encode(json.dumps({"oauth_info": info}).encode())
    key = hashlib.sha256(f"{secret}-v4".encode()).hexdigest()
    return f"session={itsdangerous.TimestampSigner(key).sign(content).decode()}"


def test_named_users_teach_on_a_space(space: RunningApp, exported: Path, tmp_path: Path) -> None:
    for method, path in list_teacher_routes(exported, tmp_path):
        assert ask(space, method, path).status_code == 403
        eve = ask(space, method, path, Cookie=make_session("eve"))
        assert eve.status_code == 403, (method, path)
    assert "Sign in with Hugging Face" in str(renew(space))
    assert renew(space, Cookie=make_session("ann"))[-1]["visible"] is True
    assert "eve is not among the teachers" in str(renew(space, Cookie=make_session("eve")))
    elsewhere = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    for name in ("ann", "eve"):  # such a page may read what Gradio answers
        assert f"{name} is" not in str(renew(space, Cookie=make_session(name), **elsewhere))
    for forged in (make_session("ann", ""), make_session("ann", "other"), "session=a.b.c"):
        assert renew(space, Cookie=forged)[-1]["visible"] is False


def test_signed_out_of_hugging_face_is_signed_out(space: RunningApp) -> None:
    cookie = make_session("Ann")
    assert renew(space, Cookie=cookie)[-1]["visible"] is True
    evil = {"Sec-Fetch-Site": "cross-site"}
    assert ask(space, "GET", "logout", Cookie=cookie, **evil).status_code == 403
    assert renew(space, Cookie=cookie)[-1]["visible"] is True
    response = ask(space, "GET", "logout?_target_url=//evil.example", Cookie=cookie)
    assert response.headers["location"] == "/"
    assert response.headers["set-cookie"].startswith("session=null")
    assert renew(space, Cookie=cookie)[-1]["visible"] is False  # a copy
    assert renew(space, Cookie=make_session("ann"))[-1]["visible"] is True


@pytest.mark.parametrize(
    "query", ["error=access_denied", "state=a&code=b&_nb_redirects=x", "error=%0aforged"]
)
def test_what_hugging_face_refuses_is_one_sentence(space: RunningApp, query: str) -> None:
    response = ask(space, "GET", f"login/callback?{query}")
    assert response.status_code == 400
    assert "Hugging Face did not sign you in." in response.text
    assert "Traceback" not in space.read_log()
    assert "forged" not in space.read_log()


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "/%5cevil.example"])
def test_signing_in_leads_nowhere_else(space: RunningApp, target: str) -> None:
    query = f"state=a&code=b&_nb_redirects=9&_target_url={target}"
    location = ask(space, "GET", f"login/callback?{query}").headers["location"]
    assert location.startswith("https://ann-hot-dog.hf.space/login/huggingface?")


def test_signing_in_leads_to_hugging_face(space: RunningApp, provider: str) -> None:
    response = ask(space, "GET", "login/huggingface")
    address = urlsplit(response.headers["location"])
    assert response.status_code == 302
    assert f"{address.scheme}://{address.netloc}{address.path}" == f"{provider}/authorize"
    asked = parse_qs(address.query)
    assert asked["redirect_uri"][0].startswith("https://ann-hot-dog.hf.space/login/callback")


# Suggestions, by anybody


def test_anybody_suggests_and_only_the_upload_token_counts(local: RunningApp) -> None:
    token = find_upload_token(local)
    url = f"{local.url}suggestions"
    outside = {"X-Forwarded-For": "8.8.8.8"}
    body = {"upload": token, "label": "hot_dog"}
    assert httpx.post(url, json=body, headers=outside).status_code == 400  # did not agree
    body["agreed"] = True  # type: ignore[assignment]
    cross = {"Origin": "http://evil.example"}
    assert httpx.post(url, json=body, headers=cross).status_code == 403
    forged = httpx.post(url, json={**body, "upload": token[:-3]}, headers=outside)
    assert "no longer here" in forged.json()["error"]
    for content in (b"", b"[]", b"{", b"[" * 5000, b'"' + b"a" * 20_000):
        assert httpx.post(url, content=content, headers=outside).status_code in (400, 413)
    thanks = httpx.post(url, json=body, headers=outside).json()
    assert thanks["sentence"] == "Thank you. A teacher will look at it."
    undone = httpx.post(f"{url}/withdraw", json={"undo": thanks["undo"]}, headers=outside)
    assert undone.json() == {"sentence": "Taken back."}


def find_upload_token(app: RunningApp) -> str:
    """Answer a picture as the page does; return what the answer carries for That's wrong."""
    picture = {"name": "cat.webp", "size": 1, "shown": True}
    choice = {"token": 1, "images": [{**picture, "file": describe_upload(upload(app, CAT))}]}
    answer = call(app, "respond", [choice])
    (token,) = re.findall(r'data-upload="([^"]+)"', answer["data"][0])
    return str(token)
