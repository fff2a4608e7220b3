import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from tests.web.server.running_server import serve
from web.http.shares import Shares
from web.server.allowed_routes import AllowedRoutes
from web.server.exchanges import Exchange, request_id
from web.server.front import Front


async def echo(request: Request) -> Response:
    return Response(2 * await request.body(), headers={"X-Seen": str(request_id.get())})


def fail(request: Request) -> Response:
    raise ValueError("a defect")


ROUTES = [Route("/echo/{name}", echo, methods=["POST"]), Route("/fail", fail)]


def observe(*requests: tuple[str, str, bytes]) -> list[Exchange]:
    """Send requests (method, path, body) to a front; returns what it told of them."""
    seen: list[Exchange] = []
    app = Starlette(routes=ROUTES)
    front = Front(AllowedRoutes(app, ROUTES, {}), Shares(9, 9), [], observers=[seen.append])
    client = TestClient(front, raise_server_exceptions=False)
    for method, path, body in requests:
        client.request(method, path, content=body)
    return seen


def test_exchange_tells_what_came_and_went() -> None:
    [exchange] = observe(("POST", "/echo/secret.jpg?token=secret", b"12345"))
    assert (exchange.status, exchange.received, exchange.sent) == (200, 5, 10)
    assert exchange.route == "/echo/{name}"
    assert exchange.seconds > 0


def test_route_is_none_where_nothing_is() -> None:
    nowhere, other_method, failed = observe(
        ("GET", "/secret.jpg", b""), ("GET", "/echo/a", b""), ("GET", "/fail", b"")
    )
    assert (nowhere.status, nowhere.route) == (404, None)
    assert (other_method.status, other_method.route) == (405, "/echo/{name}")
    assert (failed.status, failed.route) == (500, "/fail")


def test_every_answer_names_its_request() -> None:
    with serve(ROUTES) as server:
        url = f"http://127.0.0.1:{server.port}/echo/a"
        answers = [httpx.post(url, headers={"X-Request-ID": "forged"}) for _ in range(2)]
    ids = [answer.headers["x-request-id"] for answer in answers]
    assert ids == [answer.headers["x-seen"] for answer in answers]
    assert len({*ids, "forged"}) == 3


def test_page_is_alive_until_it_ends() -> None:
    with serve([Route("/healthz", lambda request: Response("ok"))]) as server:
        server.front.stopping = True
        url = f"http://127.0.0.1:{server.port}"
        assert httpx.get(f"{url}/healthz").status_code == 200
        assert httpx.get(f"{url}/readyz").status_code == 503
