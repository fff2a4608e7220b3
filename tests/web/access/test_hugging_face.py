"""Signing in with Hugging Face all the way, by Gradio's routes; a provider here answers for it."""

import base64
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from fastapi import FastAPI
from gradio import oauth
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from labelling.audit_log import read_acts
from tests.web.requests import ON_SPACE
from web.access.hugging_face import CheckedSignIn, make_hugging_face_routes

pytest.importorskip("authlib")
jwt = pytest.importorskip("joserfc.jwt")
jwk = pytest.importorskip("joserfc.jwk")
SPACE = "https://ann-hot-dog.hf.space"


@dataclass
class Provider:
    """Whom it signs in by which code, and what it was asked."""

    url: str = ""
    names: dict[str, str] = field(default_factory=dict)
    nonces: dict[str, str] = field(default_factory=dict)
    key: Any = field(default_factory=lambda: jwk.RSAKey.generate_key(2048))

    def answer(self, path: str, form: dict[str, list[str]]) -> dict[str, Any]:
        if path.startswith("/.well-known/"):
            return {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/keys",
            }
        if path == "/keys":
            return {"keys": [self.key.as_dict(private=False)]}
        code = form["code"][0]
        if code not in self.names:
            return {"error": "invalid_grant"}
        now = int(time.time())
        claims = {
            "iss": self.url, "aud": "id", "sub": code, "iat": now, "exp": now + 600,
            "preferred_username": self.names[code], "nonce": self.nonces[code],
        }  # fmt: skip
        signed = jwt.encode({"alg": "RS256", "kid": self.key.thumbprint()}, claims, self.key)
        return {
            "access_token": "hidden", "token_type": "bearer", "expires_in": 600, "id_token": signed,
        }  # fmt: skip


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    made = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.do_POST()

        def do_POST(self) -> None:
            size = int(self.headers.get("content-length", 0))
            form = parse_qs(self.rfile.read(size).decode())
            body = json.dumps(made.answer(urlsplit(self.path).path, form)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        made.url = f"http://127.0.0.1:{server.server_port}"
        yield made
        server.shutdown()


@pytest.fixture
def space(provider: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    """Return Gradio's routes on a Space, with what stands before them on our page."""
    settings = {
        "OAUTH_CLIENT_ID": "id",
        "OAUTH_CLIENT_SECRET": "secret",
        "OAUTH_SCOPES": "openid profile",
        "OPENID_PROVIDER_URL": provider.url,
    }
    for name, value in settings.items():
        monkeypatch.setattr(oauth, name, value)
    monkeypatch.setenv("SYSTEM", "spaces")
    monkeypatch.setenv("SPACE_ID", "ann/hot-dog")
    monkeypatch.setenv("SPACE_HOST", urlsplit(SPACE).netloc)

    async def name(request: Request) -> PlainTextResponse:
        return PlainTextResponse(ON_SPACE.name_teacher(request) or "nobody")

    app = FastAPI(routes=make_hugging_face_routes(ON_SPACE, tmp_path))
    app.add_route("/name", name)
    app.add_middleware(CheckedSignIn, access=ON_SPACE, data=tmp_path)
    oauth.attach_oauth(app)
    return app


def open_browser(space: FastAPI) -> TestClient:
    return TestClient(space, SPACE, follow_redirects=False)


def begin(browser: TestClient, query: str = "") -> dict[str, str]:
    """Begin to sign in; return what Hugging Face is asked."""
    response = browser.get(f"/login/huggingface{query}")
    asked = parse_qs(urlsplit(response.headers["location"]).query)
    return {name: values[0] for name, values in asked.items()}


def finish(browser: TestClient, provider: Provider, asked: dict[str, str], name: str) -> Any:
    """Come back from Hugging Face as somebody."""
    code = f"{name}-{len(provider.names)}"
    provider.names[code], provider.nonces[code] = name, asked["nonce"]
    values = {"state": asked["state"], "code": code}
    return browser.get("/login/callback", params=values, headers={"Sec-Fetch-Site": "cross-site"})


def describe(folder: Path) -> list[str]:
    return [f"{act.who} {act.describe()}" for act in reversed(read_acts(folder))]


def test_who_signs_in_and_out_is_noted(space: FastAPI, provider: Provider, tmp_path: Path) -> None:
    for name, known in (("ann", "ann"), ("eve", "nobody")):
        browser = open_browser(space)
        response = finish(browser, provider, begin(browser), name)
        assert response.headers["location"] == "/"
        assert browser.get("/name").text == known
        browser.get("/login/callback?state=a&code=b")  # nobody signs in by this
        browser.get("/logout")
        assert browser.get("/name").text == "nobody"
    assert describe(tmp_path) == [
        "ann signed in",
        "ann signed out",
        "eve signed in with Hugging Face, and is no teacher here",
    ]


def test_cookie_of_signing_in_stays_with_the_browser(space: FastAPI, provider: Provider) -> None:
    browser = open_browser(space)
    response = finish(browser, provider, begin(browser), "ann")
    cookie = response.headers["set-cookie"].lower()
    for part in ("httponly", "secure", "samesite=none", "path=/"):
        assert part in cookie
    assert "domain" not in cookie


def test_nobody_is_signed_in_by_another_browsers_answer(space: FastAPI, provider: Provider) -> None:
    """Else a page elsewhere could sign a teacher in under its owner's name."""
    eve, ann = open_browser(space), open_browser(space)
    asked = begin(eve)
    begin(ann)
    response = finish(ann, provider, asked, "eve")
    assert response.headers["location"].startswith("/login/huggingface?")
    assert ann.get("/name").text == "nobody"
    finish(eve, provider, asked, "bob")
    assert eve.get("/name").text == "bob"
    again = finish(eve, provider, asked, "ann")  # each state counts once
    assert again.headers["location"].startswith("/login/huggingface?")
    assert eve.get("/name").text == "bob"


@pytest.mark.parametrize(
    "target",
    ["//evil.example", "https://evil.example/", "/%5cevil.example", "x" * 3000, "%0aforged"],
)
def test_visitors_name_no_place_to_come_back_to(
    space: FastAPI, provider: Provider, target: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Gradio would print it, and keep it in a cookie that then grows too long for browsers."""
    browser = open_browser(space)
    for query in (f"?_target_url={target}", f"?{target}=1"):
        asked = begin(browser, query)
        home = f"{SPACE}/login/callback?{urlencode({'_target_url': '/'})}"
        assert asked["redirect_uri"] == home
    assert target[:12] not in capsys.readouterr().out
    assert finish(browser, provider, asked, "ann").headers["location"] == "/"


def test_a_session_is_read_from_our_signature_only(space: FastAPI) -> None:
    info = {"userinfo": {"preferred_username": "ann"}, "expires_at": time.time() + 600}
    content = base64.b64encode(json.dumps({"oauth_info": info}).encode()).decode()
    for value in (content, f"{content}.a.b", ""):
        response = open_browser(space).get("/name", headers={"Cookie": f"session={value}"})
        assert response.text == "nobody"
