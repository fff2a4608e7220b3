"""Review's list of labels that look wrong, in a real browser: large, by keyboard, undoable."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from labelling.store.label_issues import LabelCheck, LabelIssue
from labelling.store.store import Store
from tests.browser.conftest import DESK, PHONE, Reopen, Visit
from tests.browser.test_teach import assert_nothing_hangs_over, close_dialog, open_teach
from tests.running import RunningApp, find_free_port, start_app
from tests.trainer.commands.test_head import encode
from tests.trainer.drawn import draw

pytestmark = pytest.mark.browser

MODEL = "hotdog"
LABELS = ("discs", "stripes")


@dataclass(frozen=True)
class Issues:
    """A running page, its store, and the labels that are to look wrong, the worst first."""

    app: RunningApp
    store: Store
    ids: list[int]

    def report(self) -> None:
        """Leave what a check after a training leaves; the first three are disputed."""
        probabilities = (0.99, 0.85, 0.6)
        found = tuple(
            LabelIssue(number, "discs", "stripes", probability, 1 - probability)
            for number, probability in zip(self.ids, probabilities, strict=True)
        )
        self.store.put_label_check(MODEL, LabelCheck(6, ("hot_dog",), found))

    def open_again(self) -> None:
        """Make kept labels questionable again: change each and change it back."""
        for number in self.ids:
            for label in ("stripes", "discs"):
                self.store.relabel(number, label, "Ann")


@pytest.fixture(scope="module")
def issues(exported: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Issues]:
    data = tmp_path_factory.mktemp("issues")
    port = find_free_port()
    env = {
        "CLASSIFIER_EXPORTED": str(exported),
        "CLASSIFIER_DATA": str(data),
        "CLASSIFIER_PROVIDERS": "cpu",
    }
    with Store(data) as store:
        ids = [
            store.add(encode(draw(label, seed, 240)), label, model=MODEL).entry.id
            for label in LABELS
            for seed in range(3)
        ]
        with start_app("--teach", "--port", str(port), port=port, env=env) as running:
            yield Issues(running, store, ids[:3])


@pytest.fixture(params=[PHONE, DESK], ids=["phone", "desk"])
def visit(request: pytest.FixtureRequest, reopen: Reopen, issues: Issues) -> Visit:
    visit = reopen(issues.app.read_teacher_url(), request.param)
    open_teach(visit.page)
    return visit


def open_issues(page: Page) -> None:
    page.get_by_role("button", name="Review").click()
    page.locator(".kinds").get_by_role("button", name="Looks mislabelled").click()


def expect_left(page: Page, number: int) -> None:
    expect(page.locator(".review-dialog .above .note")).to_have_text(f"{number} to look at")


# In this order: nothing was checked at first


def test_never_checked_says_when_it_will_be(visit: Visit) -> None:
    page = visit.page
    open_issues(page)
    expect(page.locator(".review-dialog .empty")).to_contain_text("not checked yet")
    expect(page.locator(".reviewed")).to_be_hidden()
    assert_nothing_hangs_over(page)


def test_label_is_shown_large_with_what_it_looks_like(visit: Visit, issues: Issues) -> None:
    issues.report()
    page = visit.page
    page.reload()
    open_teach(page)
    name = "Review, 3 pictures that look mislabelled"
    page.get_by_role("button", name=name, exact=True).click()
    expect(page.locator(".kinds [aria-pressed=true]")).to_have_text("Looks mislabelled3")
    expect(page.locator(".about-image .class-name")).to_have_text("Discs")
    expect(page.locator(".suspected")).to_have_text("It looks like Stripes, almost certainly.")
    expect(page.locator(".labels .likely")).to_have_text("Stripes")
    expect(page.get_by_role("button", name="Keep it")).to_be_focused()
    expect_left(page, 3)
    page.wait_for_function("document.querySelector('.viewer img').naturalWidth === 240")
    box = page.locator(".viewer").bounding_box()
    assert box is not None
    assert min(box["width"], box["height"]) > 300
    assert_nothing_hangs_over(page)
    for act in page.locator(".side button").all():
        place = act.bounding_box()
        assert place is not None
        assert place["y"] + place["height"] <= page.viewport_size["height"]  # type: ignore[index]


def test_all_is_decided_and_undone_by_keyboard_alone(visit: Visit, issues: Issues) -> None:
    page, ids = visit.page, issues.ids
    page.get_by_role("button", name="Review").focus()
    page.keyboard.press("Enter")
    expect_left(page, 3)
    page.keyboard.press("a")
    expect(page.locator(".suspected")).to_have_text("It looks like Stripes, probably.")
    page.keyboard.press(str(find_key(page, "Stripes")))
    expect(page.locator(".suspected")).to_have_text("It looks like Stripes, perhaps.")
    assert [issues.store.get(number).label for number in ids] == ["discs", "stripes", "discs"]
    page.keyboard.press("r")
    expect(page.locator(".review-dialog .empty")).to_contain_text("All looked at.")
    expect(page.locator(".review-dialog .empty")).to_contain_text("Train again")
    assert issues.store.count_label_issues(MODEL) == 0
    page.keyboard.press("z")
    expect_left(page, 1)
    for number in (2, 3):
        page.keyboard.press("z")
        expect_left(page, number)
    assert [issues.store.get(number).label for number in ids] == ["discs"] * 3
    page.keyboard.press("Escape")
    name = "Review, 3 pictures that look mislabelled"
    expect(page.get_by_role("button", name=name, exact=True)).to_be_visible()


def find_key(page: Page, name: str) -> int:
    return page.locator(".labels button span").all_inner_texts().index(name) + 1


def test_undo_goes_back_to_the_list_that_it_was_done_in(visit: Visit) -> None:
    page = visit.page
    page.get_by_role("button", name="Review").click()
    expect_left(page, 3)
    page.get_by_role("button", name="Keep it").click()
    expect_left(page, 2)
    page.locator(".kinds").get_by_role("button", name="Least sure first").click()
    expect_left(page, 6)
    page.locator(".decisions").get_by_role("button", name="Undo").click()
    expect_left(page, 3)
    expect(page.locator(".kinds [aria-pressed=true]")).to_have_text("Looks mislabelled3")
    expect(page.locator(".suspected")).to_have_text("It looks like Stripes, almost certainly.")
    close_dialog(page)


def test_kept_labels_leave_an_empty_list_that_says_so(visit: Visit, issues: Issues) -> None:
    page = visit.page
    page.get_by_role("button", name="Review").click()
    for left in (3, 2, 1):
        expect_left(page, left)
        page.get_by_role("button", name="Keep it").click()
    empty = page.locator(".review-dialog .empty")
    expect(empty).to_contain_text("Every label was right. They are not asked about again.")
    close_dialog(page)
    issues.report()  # the next training finds them again
    expect(page.get_by_role("button", name="Review", exact=True)).to_be_visible()
    open_issues(page)
    expect(empty).to_contain_text("No label looks wrong.The last check looked at 6 pictures.")
    expect(empty).to_contain_text("Nothing can be said yet of Hot dog: at least 5 different")
    close_dialog(page)
    issues.open_again()
