from typing import Any

import pytest

from tests.web.asking import ON_SPACE, make_access, make_request, sign_in_as
from web.sign_in import draw_foot, is_encrypted

WITH_PASSWORD = make_access(password="secret")


def test_foot_offers_to_sign_in_only_where_one_can() -> None:
    assert draw_foot(make_access(), make_request()) == ""
    assert draw_foot(make_access(), make_request("8.8.8.8")) == ""
    assert draw_foot(make_access(teach=False, password="a"), make_request()) == ""
    assert "Sign in to teach" in draw_foot(WITH_PASSWORD, make_request())


def test_foot_offers_to_sign_out_to_who_signed_in() -> None:
    cookies = {WITH_PASSWORD.cookie: WITH_PASSWORD.make_cookie()}
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
