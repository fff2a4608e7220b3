"""Who may teach: every way in, and every way round it that is known."""

import time
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from starlette.responses import Response

from tests.web.requests import (
    ON_SPACE,
    make_access,
    make_bare_request,
    make_cookies,
    make_request,
    sign_in_as,
)
from web.access.cookies import SIGNED_IN_SECONDS
from web.access.origins import is_loopback
from web.access.rules import (
    THIS_MACHINE,
    Access,
    NotAllowedError,
    frame_ancestors,
    list_advice,
)
from web.access.rules import make_access as make_access_from_environment

LOCAL = make_access()
OAUTH = {
    "OAUTH_CLIENT_ID": "id",
    "OAUTH_CLIENT_SECRET": "secret",
    "OAUTH_SCOPES": "openid profile",
    "OPENID_PROVIDER_URL": "https://huggingface.co",
}


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"host": "localhost:7860"},
        {"host": "LOCALHOST"},
        {"host": "[::1]:7860", "client": "::1"},
        {"client": "::ffff:127.0.0.1"},
        {"origin": "http://127.0.0.1:7860"},
        {"origin": "http://127.0.0.1:7860", "sec_fetch_site": "same-origin"},
        {"sec_fetch_site": "none"},
        {"http_version": "2"},
    ],
)
def test_who_opened_the_printed_address_may(request_: dict[str, Any]) -> None:
    request = make_request(**request_, cookies=make_cookies(LOCAL))
    assert LOCAL.name_teacher(request) == THIS_MACHINE
    assert LOCAL.require_teacher(request) == THIS_MACHINE


def test_nobody_may_without_the_cookie_wherever_they_seem_to_be() -> None:
    """A tunnel can rewrite Host to 127.0.0.1 and add no header."""
    other = make_cookies(make_access(secret=b"other"))
    for cookies in ({}, other, make_cookies(LOCAL, ""), make_cookies(LOCAL, LOCAL.token)):
        assert not LOCAL.may_teach(make_request(cookies=cookies))
    with pytest.raises(NotAllowedError, match="Open the address that the terminal printed"):
        LOCAL.require_teacher(make_request())


@pytest.mark.parametrize(
    "request_",
    [
        # not from here
        {"client": "192.168.1.5"},
        {"client": "::ffff:192.168.1.5"},
        {"client": None},
        {"client": "testclient"},
        # asked for by another name, as after DNS rebinding or through a tunnel
        {"host": "evil.example"},
        {"host": "127.0.0.1.evil.example:7860"},
        {"host": "localhost.:7860"},
        {"host": "evil@localhost:7860"},
        {"host": "localhost:7860, evil.example"},
        {"host": "192.168.1.5:7860"},
        {"host": "0.0.0.0:7860"},
        {"host": "127.0.0.1:7860\n"},
        {"host": ""},
        {"host": None},
        # a proxy or tunnel came between
        {"x_forwarded_for": "127.0.0.1"},
        {"x_forwarded_for": ""},
        {"x_forwarded_host": "127.0.0.1:7860"},
        {"x_forwarded_proto": "https"},
        {"x_forwarded_port": "443"},
        {"x_forwarded_server": "a"},
        {"forwarded": "for=127.0.0.1"},
        {"x_real_ip": "127.0.0.1"},
        {"x_client_ip": "127.0.0.1"},
        {"x_original_host": "a"},
        {"cf_connecting_ip": "127.0.0.1"},
        {"cf_ray": "1"},
        {"cdn_loop": "cloudflare"},
        {"true_client_ip": "127.0.0.1"},
        {"via": "1.1 proxy"},
        {"x_proxycontextpath": "/proxy/7860"},
        {"x_amzn_trace_id": "Root=1"},
        {"tailscale_user_login": "a"},
        {"http_version": "1.0"},  # nginx as it comes
        # another page made the browser ask
        {"origin": "http://evil.example"},
        {"origin": "http://localhost:7860"},
        {"origin": "http://127.0.0.1:3000"},
        {"origin": "null"},
        {"origin": ""},
        {"origin": "http://evil.example", "sec_fetch_site": "same-origin"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"sec_fetch_site": "anything"},
    ],
)
def test_nobody_else_may_not_even_with_the_cookie(request_: dict[str, Any]) -> None:
    scheme = {k: v for k, v in request_.items() if k == "x_forwarded_proto"}
    request = make_request(**request_, cookies=make_cookies(LOCAL, **scheme))
    assert LOCAL.read_cookie(request) == THIS_MACHINE
    assert not LOCAL.may_teach(request)
    with pytest.raises(NotAllowedError):
        LOCAL.require_teacher(request)


@pytest.mark.parametrize(
    "page",
    [
        {"teach": False},
        {"host": "0.0.0.0"},
        {"host": "::"},
        {"host": "192.168.1.5"},
        {"host": "example.org"},
        {"share": True},
        {"on_space": True},
        {"password": "secret"},
        {"password": "secret", "teach": False},
    ],
)
def test_page_that_others_reach_takes_no_token(page: dict[str, Any]) -> None:
    access = make_access(**page)
    cookies = make_cookies(LOCAL) | make_cookies(access)
    if not access.has_password:
        assert not access.may_teach(make_request(cookies=cookies))
    assert not access.may_teach(make_request(cookies=make_cookies(LOCAL)))
    assert not access.has_token
    assert not access.check_password(access.token)


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ({}, True),
        ({"teach": False}, False),
        ({"teach": False, "password": "a"}, False),
        ({"share": True}, False),
        ({"share": True, "password": "a"}, True),
        ({"host": "0.0.0.0"}, False),
        ({"host": "0.0.0.0", "password": "a"}, True),
        ({"host": "0.0.0.0", "password": ""}, False),
        ({"on_space": True, "names": frozenset({"ann"})}, False),
        ({"on_space": True, "names": frozenset({"ann"}), "oauth": True}, True),
        ({"on_space": True, "oauth": True}, False),
        ({"host": "0.0.0.0", "names": frozenset({"ann"}), "oauth": True}, False),
    ],
)
def test_without_a_way_to_sign_in_nobody_teaches(page: dict[str, Any], expected: bool) -> None:
    assert make_access(**page).can_anyone_teach is expected


def test_refusal_says_what_to_do() -> None:
    for page, words in (
        ({"teach": False}, "Start it with --teach"),
        ({"password": "a"}, "Sign in first"),
        ({}, "the terminal printed"),
    ):
        with pytest.raises(NotAllowedError, match=words):
            make_access(**page).require_teacher(make_request(client="8.8.8.8"))


# The password and its cookie

WITH_PASSWORD = make_access(password="secret", host="0.0.0.0", share=True)


def ask_with(value: str, name: str | None = None, **headers: str) -> Any:
    cookies = {name: value} if name else make_cookies(WITH_PASSWORD, value)
    return make_request("8.8.8.8", cookies, host="page.example", **headers)


def test_only_the_password_is_the_password() -> None:
    assert WITH_PASSWORD.check_password("secret")
    for wrong in ("", "Secret", "secret ", "s\udc80", "secretsecret", "\x00"):
        assert not WITH_PASSWORD.check_password(wrong)
    assert not make_access().check_password("")
    assert not make_access(share=True, token="").check_password("")
    assert not make_access(password="").check_password("")
    assert not WITH_PASSWORD.check_password(WITH_PASSWORD.token)
    assert not make_access(password="secret", teach=False).check_password("secret")


def test_cookie_opens_from_anywhere_but_another_site() -> None:
    value = WITH_PASSWORD.make_cookie()
    assert WITH_PASSWORD.name_teacher(ask_with(value)) == "teacher"
    assert WITH_PASSWORD.may_teach(ask_with(value, x_forwarded_for="1.2.3.4"))
    assert WITH_PASSWORD.may_teach(ask_with(value, origin="https://page.example"))
    # a proxy that names the page otherwise, and a browser that vouches for the page
    vouched = ask_with(value, origin="https://outside.example", sec_fetch_site="same-origin")
    assert WITH_PASSWORD.may_teach(vouched)
    for headers in (
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "https://page.example", "sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"origin": "https://evil.example", "x_forwarded_host": "evil.example"},
    ):
        assert not WITH_PASSWORD.may_teach(ask_with(value, **headers))


def test_forged_cookies_open_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    value = WITH_PASSWORD.make_cookie()
    others = [
        make_access(password="secret", secret=b"other").make_cookie(),
        make_access(password="changed").make_cookie(),
        make_access(password=None).make_cookie(),
        read_known(WITH_PASSWORD),
    ]
    payload, stamp, signature = value.split(".")
    broken = ["", "a", "..", f"{payload}.{stamp}.", f"{payload}.{stamp}.AAAA", value[:-1], "é"]
    later = f"{payload}.{stamp[:-1]}_.{signature}"
    for forged in [*others, *broken, later]:
        assert not WITH_PASSWORD.may_teach(ask_with(forged)), forged
    assert not WITH_PASSWORD.may_teach(ask_with(value, "teacher"))
    assert not make_access(password="secret", teach=False).may_teach(ask_with(value))


def test_cookie_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    value, now = WITH_PASSWORD.make_cookie(), time.time()
    monkeypatch.setattr(time, "time", lambda: now + SIGNED_IN_SECONDS - 5)
    assert WITH_PASSWORD.may_teach(ask_with(value))
    monkeypatch.setattr(time, "time", lambda: now + SIGNED_IN_SECONDS + 5)
    assert not WITH_PASSWORD.may_teach(ask_with(value))


def test_another_password_signs_everybody_out() -> None:
    value = WITH_PASSWORD.make_cookie()
    changed = make_access(password="changed", host="0.0.0.0")
    assert changed.name_cookie(make_request()) == WITH_PASSWORD.name_cookie(make_request())
    assert not changed.may_teach(ask_with(value))


def read_known(access: Access) -> str:
    """Return what a browser keeps that signed in, beside the cookie of a teacher."""
    response = Response()
    access.sign_in(make_request(), response)
    (cookie,) = [c for c in response.headers.getlist("set-cookie") if c.startswith("known-")]
    return str(cookie.partition("=")[2].partition(";")[0])


def test_cookies_are_bound_to_the_host_over_https() -> None:
    """No page over HTTP, and none on another port or under another name, can set such a cookie."""
    secured = {"x_forwarded_proto": "https"}
    plain, cookies = make_cookies(WITH_PASSWORD), make_cookies(WITH_PASSWORD, **secured)
    assert [*cookies] == [f"__Host-{name}" for name in plain]
    for access, headers in ((WITH_PASSWORD, secured), (make_access(on_space=True), {})):
        response = Response()
        access.sign_in(make_request(**headers), response)
        for cookie in response.headers.getlist("set-cookie"):
            assert cookie.startswith("__Host-")
            assert "; HttpOnly; " in cookie
            assert "; Path=/; SameSite=strict; Secure" in cookie
    assert WITH_PASSWORD.may_teach(make_request("8.8.8.8", cookies, **secured))
    assert not WITH_PASSWORD.may_teach(make_request("8.8.8.8", plain, **secured))


def test_nothing_that_is_secret_is_in_what_a_traceback_shows() -> None:
    text = repr(make_access(password="correct horse", secret=b"key in bytes", token="printed"))
    assert not [word for word in ("correct horse", "key in bytes", "printed") if word in text]


# Hugging Face


def test_teachers_are_named() -> None:
    assert ON_SPACE.name_teacher(sign_in_as("ann")) == "ann"
    assert ON_SPACE.name_teacher(sign_in_as("bob", x_forwarded_for="1.2.3.4")) == "bob"
    for request in (
        sign_in_as("eve"),
        sign_in_as(""),
        sign_in_as(None),
        sign_in_as("ann", expires_at=time.time() - 1),
        sign_in_as("ann", origin="https://evil.example"),
        make_request(session={"oauth_info": {}}),
        make_request(session={}),
    ):
        assert not ON_SPACE.may_teach(request)
    assert ON_SPACE.read_hugging_face_name(sign_in_as("eve")) == "eve"


@pytest.mark.parametrize("page", [{"oauth": False}, {"on_space": False}, {"names": frozenset()}])
def test_sessions_mean_nothing_where_gradio_makes_them_up(page: dict[str, Any]) -> None:
    """Elsewhere than on a Space Gradio's sign-in is a mock, signed by a key that all know."""
    values = {"on_space": True, "host": "0.0.0.0", "oauth": True, "names": frozenset({"ann"})}
    access = make_access(**{**values, **page})
    assert not access.may_teach(sign_in_as("ann"))


# Gradio's requests


def test_gradio_requests_follow_the_same_rules() -> None:
    cookies = make_cookies(LOCAL)
    for client, allowed in (("127.0.0.1", True), ("8.8.8.8", False)):
        inner = make_request(client, cookies)
        assert LOCAL.may_teach(gr.Request(inner)) is allowed
        assert LOCAL.may_teach(make_bare_request(client, cookies)) is allowed
    bare = gr.Request(
        headers={"host": "127.0.0.1:7860", "Via": "1.1 a"},
        cookies=cookies,
        client={"host": "127.0.0.1"},
    )
    assert not LOCAL.may_teach(bare)
    assert WITH_PASSWORD.may_teach(gr.Request(ask_with(WITH_PASSWORD.make_cookie())))


# Where the rules come from


def make_from(tmp_path: Path, environment: dict[str, str], **changes: Any) -> Access:
    values = {"teach": True, "host": "127.0.0.1", "share": False, **changes}
    return make_access_from_environment(**values, data=tmp_path, environment=environment)


def test_rules_come_from_the_environment(tmp_path: Path) -> None:
    assert not make_from(tmp_path, {}, teach=False).can_anyone_teach
    assert not make_from(tmp_path, {}, share=True).can_anyone_teach
    assert not list(tmp_path.iterdir())
    assert make_from(tmp_path, {}).has_token
    assert make_from(tmp_path, {"CLASSIFIER_TEACH_PASSWORD": "a"}).has_password
    space = {"SYSTEM": "spaces", "SPACE_ID": "a/b", **OAUTH}
    assert not make_from(tmp_path, space, host="127.0.0.1").can_anyone_teach
    named = make_from(tmp_path, {**space, "CLASSIFIER_TEACHERS": " ann, bob,"})
    assert named.names == {"ann", "bob"}
    assert named.has_hugging_face
    for missing in ("SPACE_ID", *OAUTH):
        fewer = {k: v for k, v in space.items() if k != missing}
        assert not make_from(tmp_path, {**fewer, "CLASSIFIER_TEACHERS": "ann"}).can_anyone_teach
    assert not make_from(tmp_path, {"GRADIO_ROOT_PATH": "/page"}).can_anyone_teach


def test_cookie_outlives_the_page(tmp_path: Path) -> None:
    for environment, client in (({"CLASSIFIER_TEACH_PASSWORD": "a"}, "8.8.8.8"), ({}, "127.0.0.1")):
        cookies = make_cookies(make_from(tmp_path, environment))
        assert make_from(tmp_path, environment).may_teach(make_request(client, cookies))


def test_token_is_another_at_each_start(tmp_path: Path) -> None:
    tokens = {make_from(tmp_path, {}).token for _ in range(3)}
    assert len(tokens) == 3
    assert all(len(token) >= 43 for token in tokens)  # 256 bits
    assert not [p for p in tmp_path.rglob("*") if p.is_file() and p.name != "secret"]


@pytest.mark.parametrize(
    ("page", "directive"),
    [
        ({}, "'none'"),
        ({"password": "a"}, "'self'"),
        ({"share": True, "password": "a"}, "'self'"),
        ({"on_space": True}, "'self' https://huggingface.co https://*.hf.space"),
        (
            {"on_space": True, "password": "a"},
            "'self' https://huggingface.co https://*.hf.space",
        ),
        ({"teach": False}, "*"),
        ({"share": True}, "*"),
    ],
)
def test_frames_are_for_pages_that_can_steal_nothing(page: dict[str, Any], directive: str) -> None:
    assert frame_ancestors(make_access(**page)) == directive


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ({}, ["Whoever opens that address can teach. It is a new one at each start."]),
        ({"share": True}, ["Nobody can teach: set CLASSIFIER_TEACH_PASSWORD to sign in with."]),
        ({"password": "correct horse"}, []),
        (
            {"password": "hotdog"},
            [
                "The password in CLASSIFIER_TEACH_PASSWORD is short and may be guessed. "
                "Choose one of 12 characters or more."
            ],
        ),
        ({"teach": False}, []),
    ],
)
def test_terminal_says_who_can_teach(page: dict[str, Any], words: list[str]) -> None:
    assert list_advice(make_access(**page)) == words


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True), ("127.5.5.5", True), ("localhost", True), ("::1", True),
        ("[::1]", True), ("0.0.0.0", False), ("::", False), ("", False), ("10.0.0.1", False),
        ("localhost.evil.example", False), ("2130706433", False),
    ],
)  # fmt: skip
def test_loopback_is_known(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback
