"""A real Chromium, and the page opened in it."""

import shutil
from collections.abc import Iterator
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


@pytest.fixture(params=[PHONE, DESK], ids=["phone", "desk"])
def visit(request: pytest.FixtureRequest, browser: Browser, app: RunningApp) -> Iterator[Visit]:
    yield from open_visit(browser, app.url, request.param)


@pytest.fixture
def desk(browser: Browser, app: RunningApp) -> Iterator[Visit]:
    yield from open_visit(browser, app.url, DESK)


def open_visit(browser: Browser, url: str, screen: dict[str, object]) -> Iterator[Visit]:
    context = browser.new_context(**screen)  # type: ignore[arg-type]
    context.set_default_timeout(60_000)
    context.set_default_navigation_timeout(180_000)
    visit = Visit(context.new_page())
    visit.page.on("request", lambda request: visit.requests.append(request.url))
    visit.page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    visit.page.goto(url)
    visit.page.wait_for_selector("#chooser .stage")
    yield visit
    context.close()
    assert not visit.complaints
