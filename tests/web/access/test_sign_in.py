"""Signing in and out: the foot of the page and its routes."""

from typing import Any

import gradio as gr
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from tests.web.requests import ON_SPACE, make_access, make_cookies, make_request, sign_in_as
from web.access.rules import Access
from web.access.sign_in import draw_foot, make_sign_in_routes
from web.access.turns import Turns

WITH_PASSWORD = make_access(password="secret")
LOCAL = make_access()


def test_foot_offers_to_sign_in_only_where_one_can() -> None:
    assert draw_foot(LOCAL, make_request("8.8.8.8")) == ""
    assert draw_foot(LOCAL, make_request(x_forwarded_for="8.8.8.8")) == ""
    assert draw_foot(make_access(share=True), make_request()) == ""
    assert draw_foot(make_access(teach=False, password="a"), make_request()) == ""
    assert "Sign in to teach" in draw_foot(WITH_PASSWORD, make_request())


def test_foot_says_how_to_get_in_without_a_password() -> None:
    access = make_access(token="printed once")
    html = draw_foot(access, make_request())
    assert html == draw_foot(access, gr.Request(make_request()))
    assert "Sign in to teach" in html
    assert "Open the address that the terminal printed, or paste it here." in html
    assert access.token not in html
    assert "terminal" not in draw_foot(WITH_PASSWORD, make_request())


def test_foot_offers_sign_out_once_signed_in() -> None:
    for access in (WITH_PASSWORD, LOCAL):
        html = draw_foot(access, make_request(cookies=make_cookies(access)))
        assert "Sign out" in html
        assert "Sign in" not in html


def test_foot_speaks_of_hugging_face_on_a_space() -> None:
    assert "Sign in with Hugging Face" in draw_foot(ON_SPACE, make_request("10.0.0.1"))
    assert "Sign out" in draw_foot(ON_SPACE, sign_in_as("ann"))
    stranger = draw_foot(ON_SPACE, sign_in_as("<eve>"))
    assert "&lt;eve&gt; is not among the teachers" in stranger
    assert "Sign out" in stranger


@pytest.mark.parametrize(
    "header", [{"sec_fetch_site": "cross-site"}, {"origin": "https://e.example"}]
)
@pytest.mark.parametrize("name", ["ann", "eve"])
def test_no_other_site_reads_who_signed_in(name: str, header: dict[str, str]) -> None:
    assert name not in draw_foot(ON_SPACE, sign_in_as(name, None, **header))


@pytest.mark.parametrize(
    ("headers", "page", "encrypted"),
    [
        ({}, {}, False),
        ({"x_forwarded_proto": "https"}, {}, True),
        ({"x_forwarded_proto": "http"}, {}, False),
        ({}, {"on_space": True}, True),
    ],
)
def test_cookie_is_secure_where_the_page_is(
    headers: dict[str, Any], page: dict[str, Any], encrypted: bool
) -> None:
    assert make_access(**page).is_encrypted(make_request(**headers)) is encrypted


def open_page(access: Access, address: str = "127.0.0.1") -> TestClient:
    """Return a browser that no page knows yet."""
    site = Starlette(routes=make_sign_in_routes(access, Turns(interval=0.001)))
    return TestClient(site, "http://127.0.0.1:7860", client=(address, 50000))


def sign_in(browser: TestClient, password: str, **headers: str) -> int:
    form = {"password": password}
    return int(browser.post("/sign-in", data=form, headers=headers).status_code)


def test_password_opens_and_what_is_wrong_is_one_sentence() -> None:
    browser = open_page(WITH_PASSWORD, "8.8.8.8")
    for wrong in ("", "guess", "secret ", "x" * 5000, "Secret", WITH_PASSWORD.token):
        response = browser.post("/sign-in", data={"password": wrong})
        assert response.status_code == 401
        assert response.json() == {"error": "That is not the password. Try again."}
        assert not browser.cookies
    assert sign_in(browser, "secret") == 200
    assert [name[:6] for name in sorted(browser.cookies)] == ["known-", "teache"]


@pytest.mark.parametrize("typed", ["token", " token\n", "http://127.0.0.1:7860/?token=token"])
def test_token_opens_too_and_so_does_its_address(typed: str) -> None:
    browser = open_page(LOCAL)
    assert sign_in(browser, "guess") == 401
    assert sign_in(browser, typed) == 200
    ((name, value),) = browser.cookies.items()
    assert LOCAL.may_teach(make_request(cookies={name: value}))


def test_token_is_worth_nothing_elsewhere() -> None:
    for access in (make_access(share=True), make_access(teach=False), make_access(host="0.0.0.0")):
        assert sign_in(open_page(access), access.token) == 403
    assert sign_in(open_page(LOCAL, "8.8.8.8"), "token") == 403
    for headers in ({"X-Forwarded-For": "127.0.0.1"}, {"Host": "evil.example"}):
        assert sign_in(open_page(LOCAL), "token", **headers) == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1:7860"},
    ],
    ids=str,
)
@pytest.mark.parametrize("access", [WITH_PASSWORD, LOCAL], ids=["password", "token"])
def test_no_other_site_signs_anybody_in_or_out(access: Access, headers: dict[str, str]) -> None:
    browser = open_page(access)
    right = access.password or access.token
    assert sign_in(browser, right, **headers) == 403
    assert not browser.cookies
    assert sign_in(browser, right) == 200
    assert browser.post("/sign-out", headers=headers).status_code == 403
    cookies = dict(browser.cookies)
    assert access.may_teach(make_request(cookies=cookies))
    assert browser.post("/sign-out").status_code == 200
    assert not access.may_teach(make_request(cookies=cookies))
    assert not [name for name in browser.cookies if name.startswith("teacher")]


def test_browser_is_still_known_once_it_signed_out() -> None:
    browser = open_page(WITH_PASSWORD)
    sign_in(browser, "secret")
    browser.post("/sign-out")
    assert WITH_PASSWORD.read_known(make_request(cookies=dict(browser.cookies)))
