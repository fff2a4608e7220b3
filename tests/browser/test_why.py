"""Why: the heatmap over the picture as it is shown, and pictures like it, in a real browser."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from inference.classifier import Classifier
from inference.geometry import find_region
from inference.images import decode
from labelling.store.store import Store
from tests.browser.conftest import DESK, PHONE, Visit, open_visit
from tests.browser.test_model_tab import assert_readable
from tests.browser.test_teachers import start
from tests.browser.test_try_it import choose, wait_for_answer
from tests.running import RunningApp
from tests.web.pictures import CAT, EXAMPLES, save_heic

pytestmark = pytest.mark.browser

SCREENS = pytest.mark.parametrize("screen", [PHONE, DESK], ids=["phone", "desk"])
_BOXES = """() => ['.picture', '.heat', '.frame', '.stage'].map((name) => {
  const box = document.querySelector(`#chooser ${name}`).getBoundingClientRect();
  return [box.x, box.y, box.width, box.height];
})"""


def save(path: Path, size: tuple[int, int], orientation: int) -> Path:
    """Save a photo of a width and height, as stored; `orientation` is what EXIF says of it."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    photo = Image.open(CAT).convert("RGB").resize(size)
    photo.save(path, exif=exif)
    return path


def show_heat(page: Page) -> list[list[float]]:
    """Open Why; returns x, y, width and height of picture, heatmap, frame and stage."""
    wait_for_answer(page, "single")
    if page.locator("details.why").get_attribute("open") is None:
        page.get_by_text("Why?").click()
    page.wait_for_function("document.querySelector('.heat').naturalWidth > 0")
    expect(page.locator(".heat")).to_have_css("opacity", "0.75")
    return list(page.evaluate(_BOXES))


def find_seen(picture: list[float], classifier: Classifier) -> list[float]:
    """Return the part of a shown picture that the network looks at: x, y, width, height."""
    x, y, width, height = picture
    region = find_region(round(height), round(width), classifier.card.input)
    top, left = max(region.top, 0), max(region.left, 0)
    return [x + left, y + top, min(region.width, width), min(region.height, height)]


@pytest.mark.parametrize(
    ("size", "orientation"),
    [
        ((900, 180), 1),
        ((180, 900), 1),
        ((640, 480), 1),
        ((2, 3), 1),
        ((3000, 2000), 1),
        ((640, 360), 6),
        ((640, 360), 3),
    ],
    ids=["5:1", "1:5", "4:3", "tiny", "large", "turned", "upside down"],
)
def test_heatmap_covers_exactly_the_picture_whatever_its_shape(
    visit: Visit,
    tmp_path: Path,
    classifier: Classifier,
    size: tuple[int, int],
    orientation: int,
) -> None:
    choose(visit.page, save(tmp_path / "a.jpg", size, orientation))
    picture, heat, frame, stage = show_heat(visit.page)
    assert heat == pytest.approx(find_seen(picture, classifier), abs=1)
    assert frame == pytest.approx(picture, abs=0.5)
    width, height = size[::-1] if orientation == 6 else size
    assert picture[2] / picture[3] == pytest.approx(width / height, rel=0.02)
    assert picture[0] >= stage[0]
    assert picture[1] >= stage[1]
    assert picture[0] + picture[2] <= stage[0] + stage[2] + 0.5
    assert picture[1] + picture[3] <= stage[1] + stage[3] + 0.5


def test_heatmap_covers_a_picture_that_the_browser_cannot_show(
    desk: Visit, tmp_path: Path, classifier: Classifier
) -> None:
    choose(desk.page, save_heic(CAT, tmp_path / "IMG_0001.HEIC"))
    wait_for_answer(desk.page, "single")
    desk.page.wait_for_function("document.querySelector('.picture').naturalWidth > 100")
    picture, heat, *_ = show_heat(desk.page)
    assert heat == pytest.approx(find_seen(picture, classifier), abs=1)


def test_legend_names_both_classes(desk: Visit) -> None:
    choose(desk.page, CAT)
    wait_for_answer(desk.page, "single")
    desk.page.get_by_text("Why?").click()
    why = desk.page.locator("details.why")
    expect(why).to_contain_text("spoke for Not hot dog rather than for Hot dog, the runner-up")
    expect(why.locator(".legend")).to_have_text("not at allmost")


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory, classifier: Classifier) -> Path:
    """A data folder with the examples as labelled pictures."""
    data = tmp_path_factory.mktemp("labelled")
    with Store(data) as store:
        for path in sorted(EXAMPLES.glob("*.webp")):
            content = path.read_bytes()
            label = path.name.partition("-")[0]
            entry = store.add(content, label, model="hotdog", name=path.name).entry
            embedding = classifier.predict([decode(content, classifier.min_side)])[0].embedding
            vectors = {entry.sha256: embedding.astype(np.float16)}
            store.put_embeddings(classifier.card.backbone_key, vectors)
    return data


@pytest.fixture(scope="module")
def local(exported: Path, taught: Path) -> Iterator[RunningApp]:
    """A page on which whoever has the token teaches."""
    yield from start(exported, taught, "--teach")


def open_similar(page: Page) -> None:
    choose(page, CAT)
    wait_for_answer(page, "single")
    page.get_by_text("Pictures like this one").click()


@SCREENS
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_teacher_sees_pictures_like_this_one(
    browser: Browser, local: RunningApp, screen: dict[str, object], scheme: str
) -> None:
    visits = open_visit(browser, local.read_teacher_url(), {**screen, "color_scheme": scheme})
    visit = next(visits)
    page = visit.page
    choose(page, CAT)
    wait_for_answer(page, "single")
    assert not [url for url in visit.requests if "teach/similar" in url]
    page.get_by_text("Pictures like this one").click()
    found = page.locator(".similar .found li")
    expect(found).to_have_count(5)
    expect(found.first).to_contain_text("Not hot dog")
    expect(found.first).to_contain_text("the same picture")
    for image in page.locator(".similar img").all():
        page.wait_for_function("(image) => image.naturalWidth > 0", arg=image.element_handle())
    expect(page.locator(".similar .said")).to_have_text(
        "As this model sees it, among 8 labelled pictures."
    )
    assert_readable(page)
    assert page.evaluate("document.documentElement.scrollWidth") == page.viewport_size["width"]  # type: ignore[index]
    for _ in range(2):
        page.get_by_text("Pictures like this one").click()
    assert len([url for url in visit.requests if "teach/similar" in url]) == 1
    visits.close()


def test_picture_that_was_deleted_meanwhile_is_named_so(
    browser: Browser, local: RunningApp
) -> None:
    visits = open_visit(browser, local.read_teacher_url(), DESK)
    page = next(visits).page
    page.route("**/teach/images/**", lambda route: route.fulfill(status=404))
    open_similar(page)
    expect(page.locator(".similar .gone")).to_have_count(5)
    expect(page.locator(".similar .gone").first).to_contain_text("Deleted meanwhile")
    visits.close()


def test_connection_that_is_lost_is_told_and_tried_again(
    browser: Browser, local: RunningApp
) -> None:
    visits = open_visit(browser, local.read_teacher_url(), DESK)
    page = next(visits).page
    page.route("**/teach/similar", lambda route: route.abort())
    open_similar(page)
    expect(page.locator(".similar .said")).to_contain_text("This did not arrive.")
    page.unroute_all()
    for _ in range(2):
        page.get_by_text("Pictures like this one").click()
    expect(page.locator(".similar .found li")).to_have_count(5)
    visits.close()


def test_visitors_have_no_such_section(
    browser: Browser, exported: Path, taught: Path, tmp_path: Path
) -> None:
    shutil.copytree(taught, tmp_path / "data")
    pages = start(exported, tmp_path / "data", "--teach", CLASSIFIER_TEACH_PASSWORD="correct horse")
    visits = open_visit(browser, next(pages).url, DESK)
    page = next(visits).page
    choose(page, CAT)
    wait_for_answer(page, "single")
    expect(page.get_by_text("That’s wrong")).to_be_visible()
    expect(page.locator(".similar")).to_have_count(0)
    visits.close()
    pages.close()
