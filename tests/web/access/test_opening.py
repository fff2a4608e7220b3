"""The address with a token that the terminal prints."""

import re
import stat
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from tests.web.requests import make_access, make_request
from web.access.audit import SignInAudit
from web.access.opening import add_token, make_opening_routes, write_opening_file
from web.access.rules import THIS_MACHINE, Access

LOCAL = make_access()
HOME = "http://127.0.0.1:7860/"


def open_page(access: Access = LOCAL, address: str = "127.0.0.1") -> TestClient:
    """Return a browser of a page whose `/` is somebody else's, as it is Gradio's."""

    async def page(_: object) -> PlainTextResponse:
        return PlainTextResponse("the page")

    routes = [
        *make_opening_routes(access, SignInAudit(None, "")),
        Route("/", page),
        Route("/other", page),
    ]
    return TestClient(Starlette(routes=routes), HOME, client=(address, 50000))


def test_printed_address_brings_the_cookie_and_leaves_the_address_bar() -> None:
    browser = open_page()
    response = browser.get(add_token(LOCAL, HOME), follow_redirects=False)
    assert (response.status_code, response.headers["location"]) == (303, "/")
    assert response.headers["referrer-policy"] == "no-referrer"
    assert response.headers["cache-control"] == "no-store"
    cookie = response.headers["set-cookie"]
    assert re.match(r"teacher-[0-9a-f]{8}=[\w.-]+; HttpOnly; Max-Age=43200", cookie)
    assert "SameSite=strict" in cookie
    assert "token" not in cookie
    assert LOCAL.name_teacher(make_request(cookies=dict(browser.cookies))) == THIS_MACHINE
    assert browser.get("/").text == "the page"


@pytest.mark.parametrize(
    ("query", "location"),
    [
        ("?model=pets&token=token", "/?model=pets"),
        ("?token=token&_target_url=//evil.example", "/?_target_url=%2F%2Fevil.example"),
        ("?token=token&a=%0d%0aSet-Cookie:b", "/?a=%0D%0ASet-Cookie%3Ab"),
    ],
)
def test_it_leads_to_this_page_and_nowhere_else(query: str, location: str) -> None:
    response = open_page().get(f"/{query}", follow_redirects=False)
    assert response.headers["location"] == location


@pytest.mark.parametrize("token", ["", "Token", "token ", "t", "\udc80", "é", "tokentoken"])
def test_any_other_token_is_told_to_be_old(token: str) -> None:
    browser = open_page()
    response = browser.get("/", params={"token": token.encode("utf-8", "surrogateescape")})
    assert response.status_code == 403
    assert "Open the address that the terminal printed last" in response.text
    assert not browser.cookies
    assert response.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    ("address", "headers"),
    [
        ("8.8.8.8", {}),
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}),
        ("127.0.0.1", {"Host": "evil.example"}),
        ("127.0.0.1", {"CF-Ray": "1"}),
    ],
)
def test_it_counts_on_this_machine_only(address: str, headers: dict[str, str]) -> None:
    browser = open_page(address=address)
    assert browser.get("/?token=token", headers=headers).status_code == 403
    assert not browser.cookies


def test_bookmark_of_an_earlier_start_still_leads_a_teacher_in() -> None:
    browser = open_page()
    browser.get("/?token=token")
    assert browser.get("/?token=earlier").text == "the page"


@pytest.mark.parametrize(
    "changes", [{"password": "a"}, {"share": True}, {"on_space": True}, {"teach": False}]
)
def test_there_is_none_where_others_come(changes: dict[str, object], tmp_path: Path) -> None:
    access = make_access(**changes)
    browser = open_page(access)
    assert browser.get("/?token=token").text == "the page"
    assert not browser.cookies
    assert add_token(access, HOME) == HOME
    assert write_opening_file(access, HOME, tmp_path) == HOME
    assert not list(tmp_path.iterdir())


def test_page_without_a_token_is_left_alone() -> None:
    browser = open_page()
    assert browser.get("/").text == "the page"
    assert browser.get("/other?token=token").text == "the page"
    assert browser.post("/?token=token").status_code == 405
    assert not browser.cookies


def test_browser_reads_the_address_from_a_file_of_its_owner_alone(tmp_path: Path) -> None:
    """What a program is started with can be read by everybody on this machine."""
    given = write_opening_file(LOCAL, HOME, tmp_path)
    assert LOCAL.token not in given
    path = Path(unquote(urlsplit(given).path))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    html = path.read_text()
    assert f'content="0; url={add_token(LOCAL, HOME)}"' in html
    assert '<meta name="referrer" content="no-referrer">' in html
