from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from tests.web.requests import ON_SPACE, make_access, make_request, sign_in_as
from web.access.sign_in import draw_foot, is_encrypted, make_sign_in_routes

WITH_PASSWORD = make_access(password="secret")


def test_foot_offers_to_sign_in_only_where_one_can() -> None:
    assert draw_foot(make_access(), make_request()) == ""
    assert draw_foot(make_access(), make_request("8.8.8.8")) == ""
    assert draw_foot(make_access(teach=False, password="a"), make_request()) == ""
    assert "Sign in to teach" in draw_foot(WITH_PASSWORD, make_request())


def test_foot_offers_sign_out_once_signed_in() -> None:
    cookies = {WITH_PASSWORD.cookie_name: WITH_PASSWORD.make_cookie()}
    html = draw_foot(WITH_PASSWORD, make_request(cookies=cookies))
    assert "Sign out" in html
    assert "Sign in" not in html


def test_foot_speaks_of_hugging_face_on_a_space() -> None:
    assert "Sign in with Hugging Face" in draw_foot(ON_SPACE, make_request("10.0.0.1"))
    assert "Sign out" in draw_foot(ON_SPACE, sign_in_as("ann"))
    stranger = draw_foot(ON_SPACE, sign_in_as("<eve>"))
    assert "&lt;eve&gt; is not among the teachers" in stranger
    assert "Sign out" in stranger


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
    assert is_encrypted(make_request(**headers), make_access(**page)) is encrypted


def open_page() -> Any:
    """Return a function that tries a password from an address, on one page."""
    site = Starlette(routes=make_sign_in_routes(make_access(password="secret"), delay=0))

    def sign_in(address: str, password: str) -> int:
        with TestClient(site, client=(address, 5000)) as client:
            return client.post("/sign-in", data={"password": password}).status_code

    return sign_in


def test_wrong_passwords_are_counted_a_client() -> None:
    sign_in = open_page()
    assert [sign_in("8.8.8.8", "guess") for _ in range(6)] == [401] * 5 + [429]
    assert sign_in("8.8.8.8", "secret") == 429
    assert sign_in("8.8.4.4", "secret") == 200


def test_failures_of_others_do_not_lock_a_teacher_out() -> None:
    sign_in = open_page()
    assert [sign_in(f"8.8.8.{i % 50}", "guess") for i in range(300)] == [401] * 250 + [429] * 50
    assert sign_in("9.9.9.9", "secret") == 200


def test_signed_out_cookie_is_worth_nothing_more() -> None:
    access = make_access(password="secret")
    mine, other = ({access.cookie_name: access.make_cookie()} for _ in range(2))
    access.sign_out(make_request(cookies=mine))
    assert access.name_teacher(make_request(cookies=mine)) is None
    assert access.name_teacher(make_request(cookies=other)) == "teacher"
    access.sign_out(make_request())
