"""What visitors and teachers do outside the Teach tab, in a real browser: That's wrong, the
choice of model, versions, signing in."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from inference.versions.cards import Thresholds
from inference.versions.catalog import Catalog
from labelling.store.store import Store
from tests.browser.conftest import DESK, PHONE, Reopen, Visit, open_visit
from tests.browser.test_model_tab import assert_readable
from tests.running import ROOT, RunningApp, find_free_port, start_app
from tests.web.changed_versions import add_leaning_version
from tests.web.pictures import CAT

pytestmark = pytest.mark.browser

PASSWORD = "correct horse"
# The numbers after those that ship.
FIRST = [*Catalog(ROOT / "exported").list_versions("hotdog")][-1] + 1
SECOND = FIRST + 1
SCREENS = pytest.mark.parametrize("screen", [PHONE, DESK], ids=["phone", "desk"])


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory, exported: Path) -> Path:
    """Taught versions FIRST (takes all for hot dogs) and SECOND, and a second model."""
    folder = tmp_path_factory.mktemp("data")
    add_leaning_version(exported, folder, 9.0)
    add_leaning_version(exported, folder, 0.1)
    names = ("sausage", "bun")
    other = {"class_names": names, "catch_all": None, "thresholds": Thresholds()}
    add_leaning_version(exported, folder, 9.0, "lunch", **other)
    return folder


@pytest.fixture
def data(taught: Path, exported: Path) -> Path:
    """The same with FIRST in use and nothing suggested."""
    Catalog(exported, taught).publish("hotdog", FIRST)
    with Store(taught) as store:
        for entry in store.find(None, states=("pending",)):
            store.delete(entry.id, "test")
    return taught


def start(exported: Path, data: Path, *options: str, **env: str) -> Iterator[RunningApp]:
    port = find_free_port()
    settings = {
        "CLASSIFIER_EXPORTED": str(exported),
        "CLASSIFIER_DATA": str(data),
        "CLASSIFIER_PROVIDERS": "cpu",
        **env,
    }
    with start_app(*options, "--port", str(port), port=port, env=settings) as running:
        yield running


@pytest.fixture(scope="module")
def started(exported: Path, taught: Path) -> Iterator[RunningApp]:
    yield from start(exported, taught, "--teach")


@pytest.fixture
def local(started: RunningApp, data: Path) -> RunningApp:
    """A page on which whoever opened the printed address teaches."""
    return started


@pytest.fixture(scope="module")
def guarded(exported: Path, taught: Path) -> Iterator[RunningApp]:
    """A page with a password."""
    yield from start(exported, taught, "--teach", CLASSIFIER_TEACH_PASSWORD=PASSWORD)


def ask(page: Page) -> None:
    page.set_input_files("[data-input=choose]", str(CAT))
    page.wait_for_selector("#answer-side[data-state=answered] .verdict")


def choose_model(page: Page, name: str) -> None:
    page.get_by_role("combobox", name="Model").click()
    page.get_by_role("option", name=name).click()


def assert_no_sideways_scrolling(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") == page.viewport_size["width"]  # type: ignore[index]


@SCREENS
def test_visitor_says_that_it_is_wrong(
    reopen: Reopen, local: RunningApp, data: Path, screen: dict[str, object]
) -> None:
    page = reopen(local.url, screen).page
    ask(page)
    expect(page.locator(".verdict")).to_have_text("Hot dog")
    with Store(data) as store:
        page.get_by_role("button", name="That’s wrong").click()
        page.get_by_role("button", name="Not hot dog", exact=True).click()
        expect(page.locator(".consent")).to_have_text(
            "Your picture will be kept here, as Not hot dog, for a teacher to look at.SendCancel"
        )
        assert not store.find("hotdog", states=("pending",))
        assert_readable(page)
        page.get_by_role("button", name="Cancel").click()
        expect(page.locator(".consent")).to_be_hidden()
        page.get_by_role("button", name="That’s wrong").click()
        page.get_by_role("button", name="Not hot dog", exact=True).click()
        page.get_by_role("button", name="Send", exact=True).click()
        expect(page.locator(".wrong .said")).to_have_text("Thank you. A teacher will look at it.")
        (entry,) = store.find("hotdog", states=("pending",))
        assert (entry.label, entry.prediction and entry.prediction.label) == (
            "not_hot_dog",
            "hot_dog",
        )
        page.get_by_role("button", name="Undo").click()
        expect(page.locator(".wrong .said")).to_have_text("Taken back.")
        expect(page.get_by_role("button", name="That’s wrong")).to_be_focused()
        assert not store.find("hotdog", states=("pending",))
    assert_no_sideways_scrolling(page)


def test_something_else_is_typed_and_keys_are_enough(
    reopen: Reopen, local: RunningApp, data: Path
) -> None:
    page = reopen(local.url, DESK).page
    ask(page)
    page.get_by_role("button", name="That’s wrong").focus()
    for key in ("Enter", "Tab", "Tab", "Enter"):
        page.keyboard.press(key)
    expect(page.get_by_label("Its name")).to_be_focused()
    page.keyboard.type("House cat")
    page.keyboard.press("Enter")
    expect(page.locator(".consent .chosen")).to_have_text("House cat")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Undo")).to_be_focused()
    with Store(data) as store:
        assert [e.label for e in store.find("hotdog", states=("pending",))] == ["House cat"]


def test_undo_is_offered_for_ten_seconds(browser: Browser, local: RunningApp) -> None:
    for visit in open_visit(browser, local.url, DESK):
        page = visit.page
        page.clock.install()
        ask(page)
        page.get_by_role("button", name="That’s wrong").click()
        page.get_by_role("button", name="Not hot dog", exact=True).click()
        page.get_by_role("button", name="Send", exact=True).click()
        expect(page.get_by_role("button", name="Undo")).to_be_visible()
        page.clock.fast_forward(10_500)
        expect(page.get_by_role("button", name="Undo")).to_be_hidden()
        expect(page.locator(".wrong .said")).to_have_text("Thank you. A teacher will look at it.")


def test_lost_connection_keeps_the_question(reopen: Reopen, local: RunningApp) -> None:
    page = reopen(local.url, DESK).page
    ask(page)
    page.route("**/suggestions", lambda route: route.abort())
    page.get_by_role("button", name="That’s wrong").click()
    page.get_by_role("button", name="Not hot dog", exact=True).click()
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator(".wrong .said")).to_contain_text("Check the connection")
    expect(page.get_by_role("button", name="That’s wrong")).to_be_visible()


def test_nothing_is_asked_where_nobody_would_look(desk: Visit) -> None:
    ask(desk.page)
    expect(desk.page.get_by_role("button", name="That’s wrong")).to_have_count(0)
    expect(desk.page.locator("#models")).to_be_hidden()


@SCREENS
def test_versions_are_changed_and_the_page_follows(
    reopen: Reopen, local: RunningApp, exported: Path, data: Path, screen: dict[str, object]
) -> None:
    extra = add_leaning_version(exported, data, 1.0)
    page = reopen(local.read_teacher_url(), screen).page
    ask(page)
    expect(page.locator(".verdict")).to_have_text("Hot dog")
    page.get_by_role("tab", name="Model").click()
    page.get_by_role("button", name=f"Use version {SECOND}").click()
    expect(page.locator(f"[data-number='{SECOND}'] .badge")).to_have_text("in use")
    expect(page.locator("section#model h2")).to_have_text(f"Hotdog, version {SECOND}")
    expect(page.locator(".chip")).to_contain_text(f"version {SECOND}")
    assert_readable(page)
    assert_no_sideways_scrolling(page)
    page.get_by_role("tab", name="Try it").click()
    ask(page)
    expect(page.locator(".verdict")).to_have_text("Not hot dog")
    page.get_by_role("tab", name="Model").click()
    page.get_by_role("button", name=f"Delete version {extra}").click()
    page.get_by_role("button", name="Keep it").click()
    expect(page.get_by_role("button", name=f"Delete version {extra}", exact=True)).to_be_focused()
    page.get_by_role("button", name=f"Delete version {extra}", exact=True).click()
    page.get_by_role("button", name=f"Delete version {extra} for good").click()
    expect(page.locator(f"[data-number='{extra}']")).to_have_count(0)
    page.get_by_role("button", name="Back to the shipped one").click()
    expect(page.locator(f"[data-number='{FIRST - 1}'] .badge")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name=f"Download version {SECOND} as ONNX").click()
    assert download.value.suggested_filename == f"hotdog-{SECOND}.onnx"


def test_page_follows_a_version_that_came_into_use_elsewhere(
    reopen: Reopen, local: RunningApp, exported: Path, data: Path
) -> None:
    page = reopen(local.url, DESK).page
    expect(page.locator(".chip")).to_contain_text(f"version {FIRST}")
    Catalog(exported, data).publish("hotdog", SECOND)
    ask(page)
    expect(page.locator(".verdict")).to_have_text("Not hot dog")
    expect(page.locator(".chip")).to_contain_text(f"version {SECOND}")
    page.get_by_role("tab", name="Model").click()
    expect(page.locator("section#model h2")).to_have_text(f"Hotdog, version {SECOND}")


@SCREENS
def test_another_model_answers_for_the_visit(
    reopen: Reopen, local: RunningApp, screen: dict[str, object]
) -> None:
    page = reopen(local.url, screen).page
    ask(page)
    choose_model(page, "Lunch")
    expect(page.locator(".verdict")).to_have_text("Sausage")
    expect(page.locator("#title h1")).to_have_text("Sausage or bun?")
    expect(page).to_have_title("Sausage or bun?")
    expect(page.locator(".examples")).to_be_hidden()
    assert_no_sideways_scrolling(page)
    page.reload()
    expect(page.locator("#title h1")).to_have_text("Sausage or bun?")
    expect(page.get_by_role("combobox", name="Model")).to_have_value("Lunch")
    ask(page)
    expect(page.locator(".verdict")).to_have_text("Sausage")
    page.get_by_role("tab", name="Model").click()
    expect(page.locator("section#model h2")).to_have_text("Lunch, version 1")
    page.get_by_role("tab", name="Try it").click()
    choose_model(page, "Hotdog")
    expect(page.locator(".examples")).to_be_visible()


@SCREENS
def test_teacher_signs_in_and_out(
    reopen: Reopen, guarded: RunningApp, screen: dict[str, object]
) -> None:
    page = reopen(guarded.url, screen).page
    opener = page.get_by_role("button", name="Sign in to teach")
    expect(opener).to_be_visible()
    expect(page.get_by_role("tab", name="Teach")).to_have_count(0)
    opener.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Password")).to_be_focused()
    page.keyboard.type("guess")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("That is not the password. Try again.")
    assert_readable(page)
    assert_no_sideways_scrolling(page)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("tab", name="Teach")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in to teach")).to_be_visible()
    expect(page.get_by_role("tab", name="Teach")).to_have_count(0)


@SCREENS
def test_token_is_gone_from_the_address_bar_and_can_be_typed(
    reopen: Reopen, local: RunningApp, screen: dict[str, object]
) -> None:
    page = reopen(local.read_teacher_url(), screen).page
    expect(page.get_by_role("tab", name="Teach")).to_be_visible()
    assert page.url == local.url
    assert not page.evaluate("document.cookie")
    page.reload()
    expect(page.get_by_role("tab", name="Teach")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Sign in to teach").click()
    expect(page.locator(".sign-in")).to_contain_text("Open the address that the terminal printed")
    expect(page.get_by_role("tab", name="Teach")).to_have_count(0)
    assert_readable(page)
    assert_no_sideways_scrolling(page)
    field = page.get_by_label("Address or token")
    for typed in ("guess", local.read_teacher_url()):
        field.fill(typed)
        page.keyboard.press("Enter")
        if typed == "guess":
            expect(page.get_by_role("alert")).to_contain_text("That is not the token")
    expect(page.get_by_role("tab", name="Teach")).to_be_visible()


def test_visitor_on_this_machine_sees_no_candidates(reopen: Reopen, local: RunningApp) -> None:
    page = reopen(local.url, DESK).page
    page.get_by_role("tab", name="Model").click()
    expect(page.locator(f"[data-number='{FIRST}']")).to_be_visible()
    expect(page.locator(f"[data-number='{SECOND}']")).to_have_count(0)
    expect(page.get_by_role("tab", name="Teach")).to_have_count(0)


def test_crowd_at_the_sign_in_keeps_a_teacher_waiting_only(
    reopen: Reopen, guarded: RunningApp
) -> None:
    """The page tries again by itself; a browser that signed in before is let in at once."""
    page = reopen(guarded.url, DESK).page
    crowded = {"status": 503, "json": {"error": "Others are trying to sign in too."}}
    page.route("**/sign-in", lambda route: route.fulfill(**crowded), times=2)
    page.get_by_role("button", name="Sign in to teach").click()
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Yours is next in a moment")
    expect(page.get_by_role("tab", name="Teach")).to_be_visible()


def open_framed(browser: Browser, site: str, url: str) -> Page:
    """Open a page of another site that shows ours in a frame."""
    context = browser.new_context(**DESK)  # type: ignore[arg-type]
    context.grant_permissions(["local-network-access"])  # the other site is made up, ours is here
    page = context.new_page()
    html = f'<iframe src="{url}" width="1200" height="700"></iframe>'
    page.route(f"{site}**", lambda route: route.fulfill(body=html, content_type="text/html"))
    page.goto(site)
    return page


def test_page_where_somebody_can_teach_stands_in_no_other_ones_frame(
    browser: Browser, local: RunningApp, guarded: RunningApp, app: RunningApp
) -> None:
    """One click in a hidden frame of another site rolled a version back."""
    for framed in (local, guarded):
        page = open_framed(browser, "http://other.localhost:1/", framed.url)
        with page.expect_event("requestfailed") as failed:
            page.reload()
        assert failed.value.url == framed.url
        assert failed.value.failure == "net::ERR_BLOCKED_BY_RESPONSE"
        page.context.close()
    page = open_framed(browser, "http://other.localhost:1/", app.url)
    expect(page.frame_locator("iframe").get_by_role("tab", name="Model")).to_be_visible()
    page.context.close()


def test_space_in_its_frame_opens_by_itself_to_sign_in(
    browser: Browser, exported: Path, taught: Path
) -> None:
    """No cookie would be kept on huggingface.co, which shows Spaces in a frame."""
    space = {"SYSTEM": "spaces", "CLASSIFIER_TEACH_PASSWORD": PASSWORD}
    for app in start(exported, taught, "--teach", "--host", "127.0.0.1", **space):
        page = open_framed(browser, "https://huggingface.co/", app.url)
        opener = page.frame_locator("iframe").get_by_role("button", name="Sign in to teach")
        with page.context.expect_page() as opened:
            opener.click()
        assert opened.value.url == app.url
        page.context.close()
