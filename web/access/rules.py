"""Who may teach: someone on this machine, or someone who signed in. Checked in every function.

Hidden buttons and unlisted endpoints stay callable, a share tunnel and a proxy also arrive from
127.0.0.1, and any page that a teacher has open can send requests here: so what counts is how the
page is served, every header that a proxy leaves, who asked the browser, and a signed cookie.
"""

import hashlib
import hmac
import os
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from itsdangerous import BadData, URLSafeTimedSerializer

from web.http.errors import NotAllowedError

SIGNED_IN_SECONDS = 12 * 3600
_MAX_SIGNED_OUT = 10_000  # cookies that are remembered as signed out
THIS_MACHINE = "this machine"  # the name of a teacher who need not sign in
_TEACHER = "teacher"  # the name of one who knows the password
_LOCAL_HOST = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?", re.IGNORECASE)
# What proxies, tunnels and content networks add on the way.
_FORWARDED = (
    "forwarded", "via", "x-forwarded", "x-real-ip", "x-client-ip", "x-cluster-client-ip",
    "x-original-", "x-proxy", "x-envoy-", "x-amzn-", "x-azure-", "x-appengine-", "x-vercel-",
    "cf-", "cdn-loop", "true-client-ip", "fastly-", "fly-", "ngrok-", "tailscale-",
)  # fmt: skip
_OAUTH = ("OAUTH_CLIENT_ID", "OAUTH_CLIENT_SECRET", "OAUTH_SCOPES", "OPENID_PROVIDER_URL")


@dataclass(frozen=True)
class Access:
    """The rules of one running page.

    `host`: the address it listens on. `share`: whether a tunnel or a proxy leads to it too.
    `password`: None where nobody can sign in with one.
    `names`: Hugging Face users who may teach. `secret`: signs the cookie. `oauth`: whether
    Gradio's sign-in with Hugging Face works here, without which `names` mean nothing.
    """

    teach: bool
    host: str
    share: bool
    password: str | None
    names: frozenset[str]
    secret: bytes
    on_space: bool
    oauth: bool = False
    _signed_out: set[str] = field(default_factory=set, compare=False, repr=False)

    @property
    def has_password(self) -> bool:
        """Whether a teacher signs in with a password, on this machine too."""
        return self.teach and bool(self.password)

    @property
    def has_hugging_face(self) -> bool:
        """Whether a teacher can sign in with Hugging Face."""
        return self.teach and self.on_space and self.oauth and bool(self.names)

    @property
    def trusts_this_machine(self) -> bool:
        """Whether someone on this machine teaches without signing in.

        Not where a password is set: then this machine is shared.
        """
        unseen = not self.share and not self.on_space and is_loopback(self.host)
        return self.teach and unseen and not self.has_password

    @property
    def can_anyone_teach(self) -> bool:
        """Whether there is any way to be a teacher here."""
        return self.has_password or self.has_hugging_face or self.trusts_this_machine

    @property
    def cookie_name(self) -> str:
        """The cookie's name: pages on other ports of this host have names of their own."""
        return f"teacher-{hashlib.sha256(self.secret).hexdigest()[:8]}"

    def may_teach(self, request: Any) -> bool:  # noqa: ANN401  (Starlette's and Gradio's requests)
        """Tell whether a request comes from a teacher."""
        return self.name_teacher(request) is not None

    def name_teacher(self, request: Any) -> str | None:  # noqa: ANN401
        """Return the name of the teacher who sent a request, or None.

        `request`: Starlette's or Gradio's, or anything with `headers`, `cookies` and `client`.
        """
        request = _unwrap(request)
        headers = read_headers(request)
        if not self.can_anyone_teach or is_cross_site(headers):
            return None
        if self.trusts_this_machine and _is_local(request, headers):
            return THIS_MACHINE
        return self.read_cookie(request) or self._read_hugging_face(request)

    def require_teacher(self, request: Any) -> str:  # noqa: ANN401
        """Return the teacher's name.

        Raises: NotAllowedError where the request is not a teacher's.
        """
        name = self.name_teacher(request)
        if name is None:
            raise NotAllowedError(self._explain())
        return name

    def check_password(self, password: str) -> bool:
        """Compare a password in constant time."""
        if not self.has_password or self.password is None:
            return False
        return hmac.compare_digest(_encode(password), _encode(self.password))

    def make_cookie(self) -> str:
        """Return the signed value of the cookie that one who knew the password gets."""
        return self._serializer().dumps({"name": _TEACHER, "id": secrets.token_hex(8)})

    def read_cookie(self, request: Any) -> str | None:  # noqa: ANN401
        """Return the name in a request's cookie: one of ours, not expired, of this password."""
        values = self._read_cookie(request)
        return str(values["name"]) if values and values["id"] not in self._signed_out else None

    def sign_out(self, request: Any) -> None:  # noqa: ANN401
        """Sign out whoever sent a request; until a restart no copy of the cookie is accepted."""
        values = self._read_cookie(request)
        if values:
            if len(self._signed_out) >= _MAX_SIGNED_OUT:
                self._signed_out.clear()
            self._signed_out.add(values["id"])

    def _read_cookie(self, request: Any) -> dict[str, str] | None:  # noqa: ANN401
        value = dict(getattr(request, "cookies", None) or {}).get(self.cookie_name)
        if not self.has_password or not value:
            return None
        try:
            values: dict[str, str] = self._serializer().loads(value, max_age=SIGNED_IN_SECONDS)
        except BadData:
            return None
        return values

    def read_hugging_face_name(self, request: Any) -> str | None:  # noqa: ANN401
        """Return the user name of a live Hugging Face sign-in, teacher or not."""
        session = getattr(_unwrap(request), "scope", {}).get("session") or {}
        info = session.get("oauth_info") or {}
        if not self.has_hugging_face or info.get("expires_at", 0) < time.time():
            return None
        return str(info.get("userinfo", {}).get("preferred_username", "")) or None

    def _read_hugging_face(self, request: Any) -> str | None:  # noqa: ANN401
        name = self.read_hugging_face_name(request)
        teachers = {teacher.casefold() for teacher in self.names}
        return name if name and name.casefold() in teachers else None

    def _serializer(self) -> URLSafeTimedSerializer:
        """Return the signer; a new password makes a new key, which signs everybody out."""
        key = hmac.digest(self.secret, _encode(self.password or ""), "sha256")
        return URLSafeTimedSerializer(key, salt="teacher")

    def _explain(self) -> str:
        if self.has_password or self.has_hugging_face:
            return "Only a teacher may do this. Sign in first."
        if self.can_anyone_teach:
            return (
                "Only someone on the machine that runs this page may do this. Open it there as "
                "http://127.0.0.1, or set CLASSIFIER_TEACH_PASSWORD and sign in."
            )
        return "Nobody can teach on this page. Start it with --teach and a way to sign in."


def make_access(
    *, teach: bool, host: str, share: bool, data: Path, environment: Mapping[str, str]
) -> Access:
    """Return the rules for a page; passwords and names come from the environment.

    `data`: the folder that keeps the key which signs the cookie.
    """
    password = environment.get("CLASSIFIER_TEACH_PASSWORD") or None
    names = environment.get("CLASSIFIER_TEACHERS", "").split(",")
    return Access(
        teach=teach,
        host=host,
        share=share or bool(environment.get("GRADIO_ROOT_PATH")),  # set behind a proxy
        password=password,
        names=frozenset(name.strip() for name in names if name.strip()),
        secret=read_secret(data / "secret") if teach and password else secrets.token_bytes(32),
        on_space=environment.get("SYSTEM") == "spaces",
        oauth=bool(environment.get("SPACE_ID")) and all(environment.get(key) for key in _OAUTH),
    )


def read_secret(path: Path) -> bytes:
    """Return the key in a file that only its owner can read; make one if there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    own = path.with_name(f".secret-{secrets.token_hex(8)}")
    handle = os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(secrets.token_bytes(32))
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(own, path)  # whole, and only for the first of several processes
    except FileExistsError:
        path.chmod(0o600)
    finally:
        own.unlink()
    return path.read_bytes()


def is_loopback(host: str) -> bool:
    """Tell whether an address can only be reached from this machine."""
    if host.casefold() == "localhost":
        return True
    try:
        address = ip_address(host.strip("[]"))
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def is_cross_site(headers: Mapping[str, str]) -> bool:
    """Tell whether another site's page made the browser send a request.

    A browser says so in Sec-Fetch-Site, which no page can change; where that header is missing,
    Origin must be this host. `same-site` may be another port of this machine.
    """
    site = headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        return True
    return site != "same-origin" and not is_same_host(headers)


def is_same_host(headers: Mapping[str, str]) -> bool:
    """Tell whether the page that sent a request, where the browser names it, is of this host."""
    origin = headers.get("origin")
    if origin is None:
        return True
    return origin.partition("://")[2].casefold() == headers.get("host", "").casefold()


def read_headers(request: Any) -> dict[str, str]:  # noqa: ANN401
    """Return a request's headers with names in small letters."""
    return {name.lower(): str(value) for name, value in dict(request.headers).items()}


def _is_local(request: Any, headers: Mapping[str, str]) -> bool:  # noqa: ANN401
    """Tell whether a request was made on this machine and passed no proxy.

    No browser speaks HTTP/1.0; nginx does, and by default leaves no other trace.
    """
    client = getattr(request, "client", None)
    return (
        client is not None
        and is_loopback(str(client.host))
        and _LOCAL_HOST.fullmatch(headers.get("host", "")) is not None
        and is_same_host(headers)
        and not any(name.startswith(_FORWARDED) for name in headers)
        and getattr(request, "scope", {}).get("http_version") != "1.0"
    )


def _encode(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")


def _unwrap(request: Any) -> Any:  # noqa: ANN401
    """Return Starlette's request inside Gradio's."""
    return getattr(request, "request", None) or request
