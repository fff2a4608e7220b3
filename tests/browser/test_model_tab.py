"""The Model tab, the strip that leads to it and the page's manners, in a real browser."""

import pytest
from playwright.sync_api import Browser, Page, expect

from inference.classifier import Classifier
from tests.browser.conftest import DESK, PHONE, Visit, open_visit
from tests.running import RunningApp

pytestmark = pytest.mark.browser

# WCAG's contrast of the text of each visible element against what lies behind it.
# Source: https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio
_CONTRASTS = """() => {
  const parse = (text) => (text.match(/[\\d.]+/g) || [0, 0, 0, 0]).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const colour = parse(getComputedStyle(e).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  return [...document.querySelectorAll('#title *, #strip *, #tabs *, #chip *')]
    .filter((e) => e.checkVisibility() && e.offsetWidth)
    .filter((e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()))
    .map((e) => {
      const [a, b] = [light(parse(getComputedStyle(e).color)), light(behind(e))];
      return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), e.textContent.trim().slice(0, 40)];
    }).filter(([ratio]) => ratio < 4.5);
}"""
FOLDED = ("Model card", "Plots", "Input, output and speed", "Call it from code")
_UNNAMED = """() => [...document.querySelectorAll('button, a, input, summary, [role=tab]')]
  .filter((e) => e.checkVisibility() && !e.closest('[aria-hidden=true]'))
  .filter((e) => !(e.getAttribute('aria-label') || e.title || e.textContent.trim()
    || e.labels?.length || e.querySelector('img[alt]:not([alt=""])')))
  .map((e) => e.outerHTML.slice(0, 120))"""


def test_every_step_of_the_strip_leads_to_where_it_happens(visit: Visit) -> None:
    page = visit.page
    places = {
        "pictures": page.locator("#card h2", has_text="Training data"),
        "training": page.locator("#card h2", has_text="Training procedure"),
        "download": page.locator("#download"),
    }
    for place, target in places.items():
        page.locator(f'.strip a[href="#{place}"]').click()
        expect(target).to_be_focused()
        expect(target).to_be_in_viewport()
    page.evaluate("scrollTo(0, 0)")
    page.locator('.strip a[href="#try"]').click()
    expect(page.locator("#chooser .stage")).to_be_visible()
    assert_no_wider_than_the_screen(page)


def test_chip_leads_to_the_tab_of_two_readers(visit: Visit, classifier: Classifier) -> None:
    """Two screens at most before anything is unfolded; then the whole card."""
    page = visit.page
    page.locator(".chip").click()
    expect(page.locator("section#model")).to_contain_text("right:")
    expect(page.locator("section#versions")).to_contain_text("in use")
    screens = page.evaluate("document.documentElement.scrollHeight / innerHeight")
    assert screens <= 2
    for name in FOLDED:
        unfold(page, name)
    expect(page.locator("#card")).to_contain_text(classifier.card.backbone)
    expect(page.locator("#contract")).to_contain_text("runs here on the CPU")
    assert_no_wider_than_the_screen(page)


def test_plots_are_shown(desk: Visit, classifier: Classifier) -> None:
    page = desk.page
    page.get_by_role("tab", name="Model").click()
    unfold(page, "Plots")
    found = [p.name for p in (classifier.folder / "report").glob("*.png")]
    expect(page.locator(".plot img")).to_have_count(len(found))
    for plot in page.locator(".plot img").all():
        plot.scroll_into_view_if_needed()
        page.wait_for_function("(image) => image.naturalWidth > 0", arg=plot.element_handle())


def test_network_is_downloaded(desk: Visit, classifier: Classifier) -> None:
    page = desk.page
    page.get_by_role("tab", name="Model").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download model.onnx").click()
    assert download.value.path().read_bytes() == (classifier.folder / "model.onnx").read_bytes()


def test_code_holds_this_address_and_is_copied(browser: Browser, app: RunningApp) -> None:
    visits = open_visit(
        browser, app.url, {**DESK, "permissions": ["clipboard-read", "clipboard-write"]}
    )
    page = next(visits).page
    page.get_by_role("tab", name="Model").click()
    unfold(page, "Call it from code")
    curl = page.locator("#code .code_wrap", has_text="curl --data-binary")
    curl.get_by_role("button", name="Copy").click()
    page.wait_for_function("navigator.clipboard.readText().then((text) => text !== '')")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == f"curl --data-binary @photo.jpg {app.url}api/classify"
    visits.close()


def test_address_with_a_place_opens_there(browser: Browser, app: RunningApp) -> None:
    visits = open_visit_at_model(browser, app.url)
    expect(next(visits).page.locator("section#model")).to_be_visible()
    visits.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", [PHONE, DESK], ids=["phone", "desk"])
def test_every_word_can_be_read_and_every_control_has_a_name(
    browser: Browser, app: RunningApp, screen: dict[str, object], scheme: str
) -> None:
    visits = open_visit(browser, app.url, {**screen, "color_scheme": scheme})
    page = next(visits).page
    for label in ("2", "1"):
        page.get_by_role("button", name=f"Try the example {label} of 8").click()
        page.wait_for_selector("#answer-side[data-state=answered] .verdict")
        assert_readable(page)
    page.get_by_role("tab", name="Model").click()
    for name in FOLDED:
        unfold(page, name)
    assert_readable(page)
    visits.close()


def unfold(page: Page, name: str) -> None:
    """Open a part of the Model tab and wait until its content is there."""
    fold = page.locator(".gr-accordion").get_by_role("button", name=name)
    if fold.get_attribute("aria-expanded") != "true":
        fold.click()
    expect(fold).to_have_attribute("aria-expanded", "true")
    content = fold.locator("xpath=following-sibling::*")
    expect(content).not_to_be_empty()
    expect(content).to_be_visible()


def assert_no_wider_than_the_screen(page: Page) -> None:
    assert page.viewport_size is not None
    assert page.evaluate("document.documentElement.scrollWidth") == page.viewport_size["width"]


def assert_readable(page: Page) -> None:
    assert page.evaluate(_CONTRASTS) == []
    assert page.evaluate(_UNNAMED) == []


def open_visit_at_model(browser: Browser, url: str):  # type: ignore[no-untyped-def]  # noqa: ANN201
    context = browser.new_context()
    visit = Visit(context.new_page())
    visit.page.goto(f"{url}#model")
    visit.page.wait_for_selector("section#model", timeout=60_000)
    yield visit
    context.close()
