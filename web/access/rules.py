"""Who may teach: who opened the address that the terminal printed, or who signed in.

Checked in every function. Hidden buttons and unlisted endpoints stay callable, tunnels and proxies
arrive from 127.0.0.1 with whatever headers they like, and any page that a teacher has open can send
requests here: so what counts is a signed cookie, and who asked the browser to send it.
"""

import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from starlette.responses import Response

from web.access.cookies import (
    KNOWN_SECONDS,
    SIGNED_IN_SECONDS,
    SignedOut,
    Signer,
    derive_key,
    read_cookie,
    read_secret,
)
from web.access.origins import (
    is_cross_site,
    is_encrypted,
    is_local,
    is_loopback,
    read_headers,
    unwrap,
)
from web.http.errors import NotAllowedError

MIN_PASSWORD = 12  # characters, below which the terminal advises a longer one
THIS_MACHINE = "this machine"  # the name of a teacher who opened the address with the token
_TEACHER = "teacher"  # the name of one who knows the password
_STRICT: dict[str, Any] = {"httponly": True, "samesite": "strict"}
_OAUTH = ("OAUTH_CLIENT_ID", "OAUTH_CLIENT_SECRET", "OAUTH_SCOPES", "OPENID_PROVIDER_URL")


@dataclass(frozen=True)
class Access:
    """The rules of one running page.

    `host`: the address it listens on. `share`: whether a tunnel or a proxy leads to it too.
    `password`: None where nobody can sign in with one.
    `names`: Hugging Face users who may teach. `secret`: signs the cookies. `oauth`: whether
    Gradio's sign-in with Hugging Face works here, without which `names` mean nothing.
    `token`: made anew at each start; takes the place of a password where `has_token`.
    """

    teach: bool
    host: str
    share: bool
    password: str | None = field(repr=False)
    names: frozenset[str]
    secret: bytes = field(repr=False)
    on_space: bool
    oauth: bool = False
    token: str = field(default_factory=partial(secrets.token_urlsafe, 32), repr=False)
    signed_out: SignedOut = field(default_factory=SignedOut, repr=False)

    @property
    def has_password(self) -> bool:
        """Whether a teacher signs in with a password, on this machine too."""
        return self.teach and bool(self.password)

    @property
    def has_token(self) -> bool:
        """Whether a teacher on this machine needs the token that the terminal printed.

        Not where a password is set, nor where others reach the page.
        """
        unseen = not self.share and not self.on_space and is_loopback(self.host)
        return self.teach and unseen and not self.has_password

    @property
    def has_hugging_face(self) -> bool:
        """Whether a teacher can sign in with Hugging Face."""
        return self.teach and self.on_space and self.oauth and bool(self.names)

    @property
    def can_anyone_teach(self) -> bool:
        """Whether there is any way to be a teacher here."""
        return self.has_password or self.has_hugging_face or self.has_token

    def name_cookie(self, request: Any, kind: str = "teacher") -> str:  # noqa: ANN401
        """Return a cookie's name: pages on other ports of this host have names of their own.

        Over HTTPS no other host and no page over HTTP can set one of that name.
        """
        prefix = "__Host-" if self.is_encrypted(request) else ""
        return f"{prefix}{kind}-{hashlib.sha256(self.secret).hexdigest()[:8]}"

    def is_encrypted(self, request: Any) -> bool:  # noqa: ANN401
        """Tell whether the visitor's browser speaks HTTPS."""
        return self.on_space or is_encrypted(request)

    def may_teach(self, request: Any) -> bool:  # noqa: ANN401  (Starlette's and Gradio's requests)
        """Tell whether a request comes from a teacher."""
        return self.name_teacher(request) is not None

    def name_teacher(self, request: Any) -> str | None:  # noqa: ANN401
        """Return the name of the teacher who sent a request, or None.

        `request`: Starlette's or Gradio's, or anything with `headers`, `cookies` and `client`.
        """
        request = unwrap(request)
        if not self.can_anyone_teach or is_cross_site(read_headers(request)):
            return None
        if self.has_token and not is_local(request):
            return None
        return self.read_cookie(request) or self._read_hugging_face(request)

    def require_teacher(self, request: Any) -> str:  # noqa: ANN401
        """Return the teacher's name.

        Raises: NotAllowedError where the request is not a teacher's.
        """
        name = self.name_teacher(request)
        if name is None:
            raise NotAllowedError(self._explain())
        return name

    def check_password(self, given: str) -> bool:
        """Compare what was typed with the password, or else the token, in constant time."""
        expected = self.password if self.has_password else self.token if self.has_token else None
        return bool(expected) and hmac.compare_digest(_hash(given), _hash(expected or ""))

    def sign_in(self, request: Any, response: Response) -> None:  # noqa: ANN401
        """Let whoever gets a response teach from now on, and sign in at once later."""
        values = {"teacher": (self.make_cookie(), SIGNED_IN_SECONDS)}
        if self.has_password:
            values["known"] = (self._browsers().sign(_TEACHER), KNOWN_SECONDS)
        for kind, (value, seconds) in values.items():
            name, secure = self.name_cookie(request, kind), self.is_encrypted(request)
            response.set_cookie(name, value, max_age=seconds, secure=secure, **_STRICT)

    def sign_out(self, request: Any, response: Response) -> None:  # noqa: ANN401
        """Sign out whoever sent a request; no copy of the cookie is accepted any more."""
        values = self._read_cookie(request)
        if values:
            self.signed_out.add(values["id"])
        secure = self.is_encrypted(request)
        response.delete_cookie(self.name_cookie(request), secure=secure, **_STRICT)

    def make_cookie(self) -> str:
        """Return the value of the cookie that one who knew the password or token gets."""
        return self._teachers().sign(self.own_teacher)

    @property
    def own_teacher(self) -> str:
        """The name of whoever knew the password or token."""
        return _TEACHER if self.has_password else THIS_MACHINE

    def read_cookie(self, request: Any) -> str | None:  # noqa: ANN401
        """Return the name in a request's cookie: one of ours, not expired, of this password."""
        values = self._read_cookie(request)
        return str(values["name"]) if values and values["id"] not in self.signed_out else None

    def read_known(self, request: Any) -> str | None:  # noqa: ANN401
        """Return the id of a browser that knew this password before, None for any other."""
        found = read_cookie(request, self.name_cookie(request, "known"))
        values = self._browsers().read(found) if self.has_password else None
        return values["id"] if values else None

    def read_hugging_face_name(self, request: Any) -> str | None:  # noqa: ANN401
        """Return the user name of a live Hugging Face sign-in, teacher or not.

        None where another site's page asks: a Space's cookies come with that too, and Gradio lets
        it read the answer.
        """
        return None if is_cross_site(read_headers(request)) else self.read_session(request)

    def read_session(self, request: Any) -> str | None:  # noqa: ANN401
        """Return the same whoever made the browser send a request."""
        info = _read_oauth(request)
        if not self.has_hugging_face or info.get("expires_at", 0) < time.time():
            return None
        if _name_oauth(info) in self.signed_out:
            return None
        return str(info.get("userinfo", {}).get("preferred_username", "")) or None

    def is_teacher(self, name: str) -> bool:
        """Tell whether whoever has a name at Hugging Face may teach."""
        return name.casefold() in {teacher.casefold() for teacher in self.names}

    def sign_out_hugging_face(self, request: Any) -> None:  # noqa: ANN401
        """Sign out whoever signed in with Hugging Face; no copy of the session counts any more."""
        info = _read_oauth(request)
        if self.read_session(request) is not None:
            self.signed_out.add(_name_oauth(info), info["expires_at"])
        getattr(unwrap(request), "scope", {}).get("session", {}).pop("oauth_info", None)

    def _read_hugging_face(self, request: Any) -> str | None:  # noqa: ANN401
        name = self.read_hugging_face_name(request)
        return name if name and self.is_teacher(name) else None

    def _read_cookie(self, request: Any) -> dict[str, str] | None:  # noqa: ANN401
        if not self.has_password and not self.has_token:
            return None
        request = unwrap(request)
        return self._teachers().read(read_cookie(request, self.name_cookie(request)))

    def _teachers(self) -> Signer:
        return Signer(derive_key(self.secret, self.password or ""), "teacher", SIGNED_IN_SECONDS)

    def _browsers(self) -> Signer:
        return Signer(derive_key(self.secret, self.password or ""), "known", KNOWN_SECONDS)

    def _explain(self) -> str:
        if self.has_password or self.has_hugging_face:
            return "Only a teacher may do this. Sign in first."
        if self.has_token:
            return (
                "Only a teacher may do this. Open the address that the terminal printed, on the "
                "machine that runs this page, or set CLASSIFIER_TEACH_PASSWORD and sign in."
            )
        return "Nobody can teach on this page. Start it with --teach and a way to sign in."


def make_access(
    *, teach: bool, host: str, share: bool, data: Path, environment: Mapping[str, str]
) -> Access:
    """Return the rules for a page; passwords and names come from the environment.

    `data`: the folder that keeps the key which signs the cookies, and those that were signed out.
    Raises: UserInputError where that folder cannot be used.
    """
    names = environment.get("CLASSIFIER_TEACHERS", "").split(",")
    access = Access(
        teach=teach,
        host=host,
        share=share or bool(environment.get("GRADIO_ROOT_PATH")),  # set behind a proxy
        password=environment.get("CLASSIFIER_TEACH_PASSWORD") or None,
        names=frozenset(name.strip() for name in names if name.strip()),
        secret=secrets.token_bytes(32),
        on_space=environment.get("SYSTEM") == "spaces",
        oauth=bool(environment.get("SPACE_ID")) and all(environment.get(key) for key in _OAUTH),
    )
    if not access.can_anyone_teach:
        return access
    access = replace(access, signed_out=SignedOut(data / "signed-out"))
    if not access.has_password and not access.has_token:
        return access
    return replace(access, secret=read_secret(data / "secret"))


def frame_ancestors(access: Access) -> str:
    """Return whose pages may show this one, as the Content-Security-Policy says it.

    In another page's frame a click can be stolen. A Space is shown by huggingface.co; where nobody
    can teach there is nothing to steal.
    """
    if access.on_space:
        return "'self' https://huggingface.co https://*.hf.space"
    if not access.can_anyone_teach:
        return "*"
    return "'self'" if access.has_password else "'none'"


def list_advice(access: Access) -> list[str]:
    """Return what whoever starts a page should know about who can teach on it."""
    if access.has_token:
        return ["Whoever opens that address can teach. It is a new one at each start."]
    if access.teach and not access.can_anyone_teach:
        return ["Nobody can teach: set CLASSIFIER_TEACH_PASSWORD to sign in with."]
    if access.has_password and len(access.password or "") < MIN_PASSWORD:
        return [
            "The password in CLASSIFIER_TEACH_PASSWORD is short and may be guessed. Choose one of "
            f"{MIN_PASSWORD} characters or more."
        ]
    return []


def _read_oauth(request: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return what Gradio's session holds of a sign-in with Hugging Face."""
    session = getattr(unwrap(request), "scope", {}).get("session") or {}
    return session.get("oauth_info") or {}


def _name_oauth(info: dict[str, Any]) -> str:
    """Return what tells one sign-in with Hugging Face from all others; nothing of it is secret."""
    text = json.dumps(info, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _hash(text: str) -> bytes:
    """Return what is compared in place of a text, so that not even its length shows."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
