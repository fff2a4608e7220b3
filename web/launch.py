"""How the page is served: Gradio's app with our routes, inside our front, on our server."""

import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
from fastapi import FastAPI
from gradio.networking import setup_tunnel
from starlette.middleware import Middleware
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from inference.images import register_formats
from web.access.clients import LOOPBACK, PROXIES_OF_A_SPACE, Network
from web.access.hugging_face import CheckedSignIn
from web.access.rules import frame_ancestors
from web.access.sign_in import make_sign_in_routes
from web.http.classify import Limits, make_classify_route
from web.http.files import make_file_routes
from web.http.health import make_health_routes
from web.http.shares import Shares
from web.model.versions import make_version_routes
from web.page import MAX_WAITING, Site
from web.server.allowed_routes import ALLOWED, SIGN_IN, AllowedRoutes
from web.server.answers import Answers
from web.server.calls import CheckedCalls, count_waiting, has_delivered, is_idle
from web.server.exchanges import Exchange, Observer
from web.server.front import Front, Proxies
from web.server.gradio_errors import log_gradio_errors
from web.server.gradio_files import ICON, make_gradio_file_routes
from web.server.headers import make_headers
from web.server.log_lines import RequestLog
from web.server.server import PageServer, make_connection_shares
from web.server.uploads import LimitedUploads, UploadBudget, forget_files, sweep
from web.serving import count_at_once
from web.teach.tab import make_teach_routes
from web.try_it.chooser import EXAMPLES
from web.try_it.feedback import make_suggestion_routes
from web.try_it.similar import make_similar_route

if TYPE_CHECKING:
    from web.server.metrics import Metrics

_HERE = Path(__file__).parent
_SCRIPTS = (
    "page.js",
    "try_it/models.js",
    "try_it/table.js",
    "try_it/feedback.js",
    "try_it/similar.js",
    "access/sign_in.js",
    "model/versions.js",
)
_STYLES = ("style.css", "try_it/style.css", "model/style.css")
_FONTS = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"]
_MONO = ["ui-monospace", "SF Mono", "Menlo", "Consolas", "monospace"]
# Whose copies of the page's description Gradio keeps; nothing of ours is in them.
_MAX_SESSIONS = 100
MAX_REQUESTS = 1000  # under way at once; an eighth of them of one client


@dataclass(frozen=True)
class Address:
    """Where the page is to be found. `port` None means the first free one from 7860.

    `root`: the path under which a proxy shows the page. `proxies`: those that are believed.
    `uploads`: the folder for them.
    """

    uploads: Path
    host: str = "127.0.0.1"
    port: int | None = None
    share: bool = False
    root: str = ""
    proxies: Sequence[Network] = ()


@dataclass(frozen=True)
class Watching:
    """What is told of the requests. `metrics_token`: None where nobody reads `/metrics`."""

    log_requests: bool = False
    metrics_token: str | None = None


_UNWATCHED = Watching()


@dataclass
class Running:
    """A page that is being served at `url`; `shared`: the public link, if there is one."""

    server: PageServer
    site: Site
    url: str
    shared: str | None = None

    def stop(self, end_training: bool = True) -> None:
        """Answer what is under way and end. `end_training`: tell a training of ours to end, too."""
        if end_training and self.site.runner is not None:
            self.site.runner.end()
        self.server.stop()


def launch(
    page: gr.Blocks, site: Site, address: Address, watching: Watching = _UNWATCHED
) -> Running:
    """Start serving in the background.

    Raises: UserInputError if the port is taken.
    """
    register_formats()
    log_gradio_errors()
    observers = list[Observer]()
    routes = list_routes(site, address.uploads, lambda: not page._queue.stopped)
    answers = Answers(page._queue)
    proxies = [*address.proxies, *(PROXIES_OF_A_SPACE if site.access.on_space else ())]
    if watching.log_requests:
        observers.append(RequestLog())
    if watching.metrics_token is not None:
        metrics = _make_metrics(page, site, lambda: list(front.under_way))
        observers.append(metrics)
        routes.append(metrics.make_route(watching.metrics_token))
    front = Front(
        _make_app(page, answers, site, address, routes),
        Shares(MAX_REQUESTS // 8, MAX_REQUESTS),
        make_headers(frame_ancestors(site.access)),
        Proxies(proxies, address.root if address.root.startswith("/") else ""),
        observers,
    )
    server = PageServer(
        front,
        address.host,
        address.port,
        connections=make_connection_shares([*proxies, *(LOOPBACK if address.share else ())]),
        sweep=partial(_sweep, page, address.uploads),
        tidy=answers.tidy,
        is_idle=partial(is_idle, page),
        has_delivered=partial(has_delivered, page),
    )
    url = server.start()
    wants_link = address.share and not site.access.on_space  # a Space has an address
    return Running(server, site, url, _share(page, server) if wants_link else None)


def list_routes(
    site: Site, uploads: Path, takes_calls: Callable[[], bool] = lambda: True
) -> list[BaseRoute]:
    """Return all routes beside Gradio's own.

    `uploads`: the folder for them. `takes_calls`: whether the page's queue goes on.
    """
    routes = make_gradio_file_routes(uploads)
    data = site.service.catalog.data if site.access.can_anyone_teach else None
    routes += make_health_routes(site.service, data, takes_calls)
    routes += make_file_routes(site.service, EXAMPLES, site.access.may_teach)
    routes += make_version_routes(site.service, site.access)
    routes.append(make_classify_route(site.service, Limits(count_at_once(), MAX_WAITING)))
    routes += make_sign_in_routes(site.access, data=data)
    if site.suggestions is not None:
        routes += make_suggestion_routes(site.suggestions)
        routes.append(make_similar_route(site.suggestions, site.access))
        routes += make_teach_routes(site.service, site.access, site.suggestions.store, site.runner)
    return routes


def _make_metrics(
    page: gr.Blocks, site: Site, list_under_way: Callable[[], list[Exchange]]
) -> "Metrics":
    from web.server.metrics import Metrics, PageState  # noqa: PLC0415  (few ask for it)

    return Metrics(PageState(site.service, list_under_way, partial(count_waiting, page)))


def _make_app(
    page: gr.Blocks, answers: Answers, site: Site, address: Address, routes: list[BaseRoute]
) -> ASGIApp:
    """Return Gradio's app for the page, with our routes and what stands before its own."""
    allowed = {**ALLOWED, **(SIGN_IN if site.access.has_hugging_face else {})}
    before = [
        Middleware(AllowedRoutes, routes=routes, allowed=allowed),
        Middleware(
            CheckedCalls,
            page=page,
            answers=answers,
            folder=address.uploads,
            each=MAX_WAITING // 2,
        ),
        Middleware(LimitedUploads, budget=UploadBudget(address.uploads)),
    ]
    if site.access.has_hugging_face:
        data = site.service.catalog.data
        before.append(Middleware(CheckedSignIn, access=site.access, data=data))
    page.state_session_capacity = _MAX_SESSIONS
    page.share = address.share  # search engines are told to keep away
    page.has_launched = True  # or Gradio lets a call name any file of this machine
    parent = gr.mount_gradio_app(
        FastAPI(openapi_url=None),
        page,
        path="/",
        app_kwargs={
            "routes": routes,
            "middleware": before,
            "lifespan": partial(_run_queue, page),
            "openapi_url": None,
        },
        **_list_page_arguments(site, address.root),
    )
    app: ASGIApp = parent.routes[-1].app  # Gradio's; nothing else is there
    return app


def _sweep(page: gr.Blocks, uploads: Path) -> None:
    forget_files(page)
    sweep(uploads)


@asynccontextmanager
async def _run_queue(page: gr.Blocks, app: FastAPI) -> AsyncIterator[None]:
    """Do what Gradio does when an app starts, and end its streams when it stops."""
    page.run_startup_events()
    await page.run_extra_startup_events()
    app.startup_events_triggered = True
    yield
    page.is_running = False


def _list_page_arguments(site: Site, root: str) -> dict[str, Any]:
    data = site.service.catalog.data
    scripts = ",\n".join((_HERE / name).read_text(encoding="utf-8") for name in _SCRIPTS)
    return {
        "theme": gr.themes.Base(font=_FONTS, font_mono=_MONO),
        "css": "\n".join((_HERE / name).read_text(encoding="utf-8") for name in _STYLES),
        "js": f"() => [{scripts}].forEach((run) => run())",
        "favicon_path": str(ICON),
        "footer_links": [],
        "run_history": False,
        "allowed_paths": [],
        "blocked_paths": [str(data.resolve())] if data else [],
        "max_file_size": "20mb",
        "show_error": True,
        "pwa": True,
        "ssr_mode": False,  # a second server in front of this one, without our routes
        "enable_monitoring": False,
        "mcp_server": False,
        "root_path": root,
    }


def _share(page: gr.Blocks, server: PageServer) -> str | None:
    """Return a public link that leads here; None, and the reason in the log, without one."""
    try:
        return str(setup_tunnel(server.host, server.port, page.share_token, None, None))
    except Exception as error:  # noqa: BLE001  (Gradio's tunnel fails in many ways)
        reason = " ".join(str(error).split()) or type(error).__name__
        logging.getLogger(__name__).warning("No public link could be had: %s", reason)
        return None
