"""The Try it tab in a real browser, on a phone and on a desk."""

import base64
import csv
import io
import re
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import DESK, Visit
from tests.running import RunningApp
from tests.web.pictures import CAT, HOT_DOG, save_heic, save_truncated, save_turned

pytestmark = pytest.mark.browser


def choose(page: Page, *paths: Path) -> None:
    page.set_input_files("[data-input=choose]", [str(path) for path in paths])


def wait_for_answer(page: Page, kind: str) -> None:
    page.wait_for_selector(f"#answer-side[data-state=answered] .answer.{kind}")


def test_answer_comes_on_choosing_and_the_picture_stays(visit: Visit) -> None:
    page = visit.page
    place = page.locator("#answer-side").bounding_box()
    choose(page, CAT)
    wait_for_answer(page, "single")
    expect(page.locator(".verdict")).to_have_text("Not hot dog")
    expect(page.locator(".verdict svg")).to_be_visible()
    expect(page.locator(".sentence")).to_have_text(re.compile(r"% sure · \d+ ms on the CPU"))
    expect(page.locator(".bars tr")).to_have_count(2)
    expect(page.locator(".picture")).to_be_visible()
    assert page.locator("#answer-side").bounding_box() == place


def test_verdict_is_right_of_the_picture_or_under_it(visit: Visit) -> None:
    page = visit.page
    choose(page, CAT)
    wait_for_answer(page, "single")
    picture, verdict = (page.locator(s).bounding_box() for s in (".picture", ".verdict"))
    assert picture is not None
    assert verdict is not None
    if page.viewport_size == DESK["viewport"]:
        assert verdict["x"] > picture["x"] + picture["width"]
    else:
        assert verdict["y"] > picture["y"] + picture["height"]
        assert verdict["y"] + verdict["height"] < 664  # what a phone shows without scrolling
    assert page.evaluate("document.documentElement.scrollWidth") == page.viewport_size["width"]  # type: ignore[index]


def test_example_is_answered_and_counted(desk: Visit) -> None:
    page = desk.page
    answered = page.locator('.strip a[href="#try"] b')
    page.get_by_role("button", name="Try the example 2 of 8").click()
    wait_for_answer(page, "single")
    expect(page.locator(".verdict")).to_have_text("Not hot dog")
    expect(answered).not_to_have_text("0")
    before = int(answered.inner_text())
    page.get_by_role("button", name="Try the example 4 of 8").click()
    expect(answered).to_have_text(str(before + 1))


def test_heatmap_is_laid_over_the_picture_without_asking_again(visit: Visit) -> None:
    page = visit.page
    choose(page, CAT)
    wait_for_answer(page, "single")
    heat = page.locator(".heat")
    expect(heat).to_have_css("opacity", "0")
    asked = len(visit.requests)
    page.get_by_text("Why?").click()
    expect(heat).to_have_css("opacity", "0.75")
    page.get_by_label("Strength of the heatmap").fill("20")
    expect(heat).to_have_css("opacity", "0.2")
    page.get_by_text("Why?").click()
    expect(heat).to_have_css("opacity", "0")
    assert [url for url in visit.requests[asked:] if not url.startswith("data:")] == []


def test_picture_lying_on_its_side_is_shown_and_seen_upright(desk: Visit, tmp_path: Path) -> None:
    page = desk.page
    choose(page, save_turned(CAT, tmp_path / "turned.jpg"))
    wait_for_answer(page, "single")
    box = page.locator(".picture").bounding_box()
    assert box is not None
    assert box["width"] > box["height"]


def test_heic_is_answered_and_shown(desk: Visit, tmp_path: Path) -> None:
    page = desk.page
    choose(page, save_heic(CAT, tmp_path / "IMG_0001.HEIC"))
    wait_for_answer(page, "single")
    expect(page.locator(".verdict")).to_have_text("Not hot dog")
    page.wait_for_function("document.querySelector('.picture').naturalWidth > 100")
    expect(page.locator(".picture")).to_be_visible()


def test_error_stands_where_the_verdict_would(visit: Visit, tmp_path: Path) -> None:
    page = visit.page
    choose(page, save_truncated(HOT_DOG, tmp_path / "broken.jpg"))
    wait_for_answer(page, "error")
    expect(page.locator(".answer.error")).to_contain_text("Try to save it again.")
    expect(page.locator(".toast-body")).to_have_count(0)
    choose(page, CAT)
    wait_for_answer(page, "single")


@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        ("drawing.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "looks like an SVG drawing"),
        ("letter.pdf", b"%PDF-1.7", "looks like a PDF"),
        ("empty.jpg", b"", "This file is empty"),
        ("huge.jpg", bytes(20_500_001), "at most 20 MB are taken"),
    ],
)
def test_what_is_no_picture_gets_a_sentence(
    desk: Visit, tmp_path: Path, name: str, data: bytes, sentence: str
) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    choose(desk.page, path)
    wait_for_answer(desk.page, "error")
    expect(desk.page.locator(".answer.error")).to_contain_text(sentence)


def test_several_pictures_become_a_table_and_a_csv(visit: Visit, tmp_path: Path) -> None:
    page = visit.page
    broken = save_truncated(HOT_DOG, tmp_path / "=broken.jpg")
    choose(page, HOT_DOG, broken, CAT)
    wait_for_answer(page, "many")
    names = page.locator(".answers tbody tr")
    expect(names).to_have_count(3)
    expect(page.locator(".answers img")).to_have_count(2)
    expect(page.locator(".failed")).to_contain_text("Try to save it again.")
    href = page.get_by_role("link", name="Download CSV").get_attribute("href") or ""
    text = base64.b64decode(unquote_to_bytes(href.partition("base64,")[2])).decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["name"] for row in rows] == [HOT_DOG.name, "'=broken.jpg", CAT.name]
    with page.expect_download() as download:
        page.get_by_role("link", name="Download CSV").click()
    assert download.value.suggested_filename == "answers.csv"
    assert page.evaluate("document.documentElement.scrollWidth") == page.viewport_size["width"]  # type: ignore[index]


def test_table_is_sorted(desk: Visit, tmp_path: Path) -> None:
    page = desk.page
    broken = save_truncated(HOT_DOG, tmp_path / "broken.jpg")
    choose(page, HOT_DOG, broken, CAT)
    wait_for_answer(page, "many")

    def read(key: str) -> list[str]:
        rows = page.locator(".answers tbody tr").all()
        return [row.get_attribute(f"data-{key}") or "" for row in rows]

    page.get_by_role("button", name="Least sure first").click()
    assert read("probability") == sorted(read("probability"))
    page.get_by_role("button", name="Least sure first").click()
    assert read("order") == ["0", "1", "2"]
    page.get_by_role("button", name="Name").click()
    expect(page.locator("th[data-key=name]")).to_have_attribute("aria-sort", "ascending")
    page.get_by_role("button", name="Name").click()
    assert read("name") == [CAT.name, HOT_DOG.name, "broken.jpg"]


def test_pasted_and_dropped_pictures_are_answered(desk: Visit) -> None:
    page = desk.page
    data = base64.b64encode(CAT.read_bytes()).decode()
    for kind, init in (("paste", "clipboardData"), ("drop", "dataTransfer")):
        page.evaluate(
            """([data, kind, init]) => {
                const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
                const transfer = new DataTransfer();
                transfer.items.add(new File([bytes], 'cat.webp', { type: 'image/webp' }));
                const Kind = kind === 'paste' ? ClipboardEvent : DragEvent;
                document.body.dispatchEvent(
                    new Kind(kind, { [init]: transfer, bubbles: true, cancelable: true }));
            }""",
            [data, kind, init],
        )
        page.wait_for_selector("#answer-side[data-state=busy]", state="attached")
        wait_for_answer(page, "single")
        expect(page.locator(".verdict")).to_have_text("Not hot dog")


def test_camera_takes_a_photo(desk: Visit) -> None:
    page = desk.page
    page.get_by_role("button", name="Take a photo").click()
    page.wait_for_function("document.querySelector('video').videoWidth > 0")
    page.get_by_role("button", name="Take this one").click()
    wait_for_answer(page, "single")
    expect(page.locator("video")).to_be_hidden()
    expect(page.get_by_role("button", name="Choose pictures")).to_be_visible()


def test_phone_opens_its_own_camera(visit: Visit) -> None:
    page = visit.page
    if page.viewport_size == DESK["viewport"]:
        pytest.skip("a desk has no camera app")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Take a photo").tap()
    assert chooser.value.element.get_attribute("capture") == "environment"
    chooser.value.set_files(str(CAT))
    wait_for_answer(page, "single")


def test_keyboard_alone_is_enough(desk: Visit) -> None:
    page = desk.page
    page.get_by_role("button", name="Try the example 1 of 8").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    wait_for_answer(page, "single")
    page.locator(".why summary").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".heat")).to_have_css("opacity", "0.75")


def test_nothing_is_asked_of_anyone_else(desk: Visit, app: RunningApp) -> None:
    choose(desk.page, CAT)
    wait_for_answer(desk.page, "single")
    desk.page.get_by_role("tab", name="Model").click()
    for fold in desk.page.locator("#model-tab .label-wrap").all():
        fold.click()
    expect(desk.page.locator("#code")).to_contain_text("gradio_client")
    expect(desk.page.locator(".plot img").first).to_be_visible()
    ours = (app.url, "data:", "blob:")
    assert [url for url in desk.requests if not url.startswith(ours)] == []


def test_connection_that_is_lost_is_told_in_a_sentence(desk: Visit) -> None:
    page = desk.page
    page.route("**/gradio_api/upload**", lambda route: route.abort())
    choose(page, CAT)
    page.wait_for_selector("#answer-side[data-state=failed]")
    expect(page.locator("#waiting")).to_contain_text("Check the connection")
    page.unroute_all()
    choose(page, CAT)
    wait_for_answer(page, "single")


def test_full_queue_is_told_in_a_sentence(desk: Visit) -> None:
    page = desk.page
    full = {"status": 503, "json": {"detail": "Queue is full."}}
    page.route("**/gradio_api/queue/join**", lambda route: route.fulfill(**full))
    choose(page, CAT)
    page.wait_for_selector("#answer-side[data-state=failed]")
    expect(page.locator("#waiting")).to_contain_text("No answer came.")
