"""A real Chromium, and the page opened in it."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.running import RunningApp

_ARGUMENTS = [
    "--no-sandbox",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
DESK = {"viewport": {"width": 1280, "height": 800}}


@dataclass
class Visit:
    """An open page with what it asked for and what it complained of."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("chromium is not installed")
    expect.set_options(timeout=30_000)  # a busy machine has needed more than the usual 5 seconds
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_ARGUMENTS, timeout=180_000)
        yield browser
        browser.close()


Reopen = Callable[[str, dict[str, object]], Visit]


@pytest.fixture(scope="module")
def windows() -> Iterator[dict[str, Visit]]:
    """The windows that stay open for all tests of a module, one for each kind of screen."""
    opened: dict[str, Visit] = {}
    yield opened
    for visit in opened.values():
        visit.page.context.close()


@pytest.fixture
def reopen(browser: Browser, windows: dict[str, Visit]) -> Iterator[Reopen]:
    """Return a function that loads a page afresh in a window that stays open.

    That takes a third of the time of a new window, whose cache is empty.
    """
    visits: list[Visit] = []

    def load(url: str, screen: dict[str, object]) -> Visit:
        if repr(screen) not in windows:
            windows[repr(screen)] = open_window(browser, screen)
        visit = windows[repr(screen)]
        clear(visit)
        visits.append(visit)
        return go(visit, url)

    yield load
    assert not [visit.complaints for visit in visits if visit.complaints]


@pytest.fixture(params=[PHONE, DESK], ids=["phone", "desk"])
def visit(request: pytest.FixtureRequest, reopen: Reopen, app: RunningApp) -> Visit:
    return reopen(app.url, request.param)


@pytest.fixture
def desk(reopen: Reopen, app: RunningApp) -> Visit:
    return reopen(app.url, DESK)


def open_visit(browser: Browser, url: str, screen: dict[str, object]) -> Iterator[Visit]:
    """Open a page in a window of its own."""
    visit = open_window(browser, screen)
    try:
        yield go(visit, url)
    finally:  # also where a test closes this iterator
        visit.page.context.close()
    assert not visit.complaints


def open_window(browser: Browser, screen: dict[str, object]) -> Visit:
    context = browser.new_context(**screen)  # type: ignore[arg-type]
    context.set_default_timeout(60_000)
    context.set_default_navigation_timeout(180_000)
    visit = Visit(context.new_page())
    visit.page.on("request", lambda request: visit.requests.append(request.url))
    visit.page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    return visit


def clear(visit: Visit) -> None:
    """Forget what the test before left in the window."""
    visit.page.unroute_all()
    if visit.page.url != "about:blank":
        visit.page.evaluate("sessionStorage.clear(), localStorage.clear()")
    visit.page.context.clear_cookies()
    visit.requests.clear()
    visit.complaints.clear()


def go(visit: Visit, url: str) -> Visit:
    visit.page.goto(url)
    visit.page.wait_for_selector("#chooser .stage")
    return visit
