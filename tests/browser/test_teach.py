"""The walk through the Teach tab in a real browser: a person who never wrote code teaches."""

import os
import re
import signal
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, Route, expect

from inference.versions.catalog import Catalog
from labelling.training_log import Stage, Step
from tests.browser.conftest import DESK, PHONE, Reopen, Visit, open_visit
from tests.browser.test_model_tab import assert_readable
from tests.browser.test_try_it import choose, wait_for_answer
from tests.running import ROOT, RunningApp, find_free_port, start_app
from tests.trainer.drawn import draw
from tests.web.pictures import CAT, HOT_DOG, save_truncated

pytestmark = pytest.mark.browser

SHIP = [*Catalog(ROOT / "exported").list_versions("hotdog")]
SHIPPED, TAUGHT = SHIP[-1], SHIP[-1] + 1
_TRAINED = 240_000  # milliseconds; a quiet machine needs ten seconds
VISITOR = {"extra_http_headers": {"X-Forwarded-For": "8.8.8.8"}}


@pytest.fixture(scope="module")
def classroom(exported: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    """A page on which whoever has the token teaches; the walk changes it, step by step."""
    port = find_free_port()
    env = {
        "CLASSIFIER_EXPORTED": str(exported),
        "CLASSIFIER_DATA": str(tmp_path_factory.mktemp("classroom")),
        "CLASSIFIER_PROVIDERS": "cpu",
    }
    with start_app("--teach", "--port", str(port), port=port, env=env) as running:
        yield running


@pytest.fixture(scope="module")
def drawings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    """Pictures of two classes that no model knows, large enough to be looked at."""
    folder = tmp_path_factory.mktemp("drawings")
    found: dict[str, list[Path]] = {}
    for label in ("discs", "stripes"):
        found[label] = [folder / f"{label}-{seed}.jpg" for seed in range(30)]
        for seed, path in enumerate(found[label]):
            draw(label, seed, 240).save(path, quality=92)
    return found


@pytest.fixture
def desk(reopen: Reopen, classroom: RunningApp) -> Visit:
    visit = reopen(classroom.read_teacher_url(), DESK)
    open_teach(visit.page)
    return visit


@pytest.fixture(params=[PHONE, DESK], ids=["phone", "desk"])
def visit(request: pytest.FixtureRequest, reopen: Reopen, classroom: RunningApp) -> Visit:
    visit = reopen(classroom.read_teacher_url(), request.param)
    open_teach(visit.page)
    return visit


def open_teach(page: Page) -> None:
    page.get_by_role("tab", name="Teach").click()
    page.wait_for_selector(".teach[data-state=ready]")


def add_class(page: Page, name: str) -> None:
    page.get_by_label("Name of a new class").fill(name)
    page.keyboard.press("Enter")
    expect(page.locator(".card", has_text=name)).to_be_visible()


def add_pictures(page: Page, name: str, paths: list[Path]) -> None:
    card = page.locator(".card", has_text=name)
    card.locator("input[multiple]").set_input_files([str(path) for path in paths])
    expect(page.locator(".snackbar")).to_contain_text(f"to {name}")


def close_dialog(page: Page) -> None:
    page.get_by_role("button", name="Close").click()
    expect(page.locator(".teach dialog")).to_have_count(0)


def assert_nothing_hangs_over(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") == page.viewport_size["width"]  # type: ignore[index]


# The walk, in this order


def test_empty_tab_says_what_to_do_next(visit: Visit) -> None:
    page = visit.page
    expect(page.locator(".step h3")).to_have_text(
        [re.compile("Collect"), re.compile("Train"), re.compile("Compare and publish")]
    )
    expect(page.locator(".card")).to_have_count(2)
    expect(page.get_by_role("button", name="Train", exact=True)).to_be_disabled()
    expect(page.locator(".train .note")).to_have_text("Add pictures to a class first.")
    expect(page.locator(".compare .empty")).to_contain_text("Nothing to compare yet.")
    assert_nothing_hangs_over(page)


def test_steps_stand_side_by_side_or_one_after_the_other(visit: Visit) -> None:
    boxes = [step.bounding_box() for step in visit.page.locator(".step").all()]
    tops, lefts = ([box[key] for box in boxes if box] for key in ("y", "x"))
    if visit.page.viewport_size == DESK["viewport"]:
        assert len(set(tops)) == 1
        assert lefts == sorted(set(lefts))
    else:
        assert tops == sorted(set(tops))


def test_pictures_are_added_and_bad_ones_are_lines(
    desk: Visit, drawings: dict[str, list[Path]], tmp_path: Path
) -> None:
    page = desk.page
    add_class(page, "Discs")
    broken = save_truncated(HOT_DOG, tmp_path / "broken.jpg")
    before = page.locator(".card", has_text="Discs").bounding_box()
    add_pictures(page, "Discs", [*drawings["discs"][:24], broken])
    expect(page.locator(".snackbar")).to_contain_text("Added 24 pictures to Discs.")
    expect(page.locator(".snackbar")).to_contain_text("1 could not be taken.")
    card = page.locator(".card", has_text="Discs")
    expect(card.locator(".total")).to_have_text("24 pictures")
    expect(card.locator(".shots img")).to_have_count(4)
    expect(card.locator(".rejected li")).to_contain_text("broken.jpg This file says it is a JPEG")
    assert before is not None
    after = card.bounding_box()
    assert after is not None
    assert (after["x"], after["y"]) == (before["x"], before["y"])
    card.get_by_role("button", name="Dismiss").click()
    expect(card.locator(".rejected")).to_have_count(0)
    expect(page.get_by_role("button", name="Train", exact=True)).to_be_enabled()


def test_same_pictures_again_are_not_added(desk: Visit, drawings: dict[str, list[Path]]) -> None:
    add_pictures(desk.page, "Discs", drawings["discs"][:3])
    expect(desk.page.locator(".snackbar")).to_contain_text("3 were here already.")
    card = desk.page.locator(".card", has_text="Discs")
    expect(card.locator(".total")).to_have_text("24 pictures")


def test_dropped_pictures_go_to_the_card_they_fall_on(desk: Visit) -> None:
    page = desk.page
    page.evaluate(
        """async () => {
            const blob = await (await fetch('examples/not_hot_dog-cat.webp')).blob();
            const dataTransfer = new DataTransfer();
            dataTransfer.items.add(new File([blob], 'cat.webp', { type: 'image/webp' }));
            const card = [...document.querySelectorAll('.card')][1];
            const kind = { dataTransfer, bubbles: true, cancelable: true };
            card.dispatchEvent(new DragEvent('drop', kind));
        }"""
    )
    expect(page.locator(".snackbar")).to_contain_text("Added 1 picture to Not hot dog.")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".card").nth(1).locator(".total")).to_have_text("0 pictures")


def test_gallery_deletes_undoes_and_relabels(visit: Visit) -> None:
    page = visit.page
    page.get_by_role("button", name="Discs, 24 pictures: look at them").click()
    expect(page.locator(".tile")).to_have_count(24)
    expect(page.locator(".tile .locked").first).to_be_visible()
    for i in (0, 1, 2):
        page.locator(".tile input").nth(i).check(force=True)
    page.get_by_role("button", name="Delete").click()
    expect(page.locator(".tile")).to_have_count(21)
    expect(page.locator(".snackbar")).to_contain_text("Deleted 3.")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".tile")).to_have_count(24)
    page.locator(".tile input").first.check(force=True)
    page.get_by_label("Relabel the chosen pictures").select_option("not_hot_dog")
    expect(page.locator(".tile")).to_have_count(23)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".tile")).to_have_count(24)
    assert_nothing_hangs_over(page)
    close_dialog(page)


def test_camera_takes_many_while_held(desk: Visit) -> None:
    page = desk.page
    page.get_by_role("button", name="Take pictures of Hot dog with the camera").click()
    page.wait_for_function("document.querySelector('.teach video')?.videoWidth > 0")
    shutter = page.get_by_role("button", name="Hold to take many")
    shutter.hover()
    page.mouse.down()
    expect(page.locator(".strip-taken img").nth(2)).to_be_visible()
    page.mouse.up()
    close_dialog(page)
    expect(page.locator(".snackbar")).to_have_text(
        re.compile(r"^Added ([3-9]|\d\d+) pictures to Hot dog\..*look-alikes count once\.Undo$")
    )
    opener = page.get_by_role("button", name=re.compile("^Hot dog, .* look at them"))
    opener.click()
    page.get_by_role("button", name="Choose all").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.locator(".tile")).to_have_count(0)
    close_dialog(page)


def test_suggestions_are_reviewed_by_keyboard_alone(
    desk: Visit, classroom: RunningApp, drawings: dict[str, list[Path]]
) -> None:
    page = desk.page
    suggest(page, drawings["discs"][25], drawings["stripes"][0])
    page.reload()
    open_teach(page)
    expect(page.get_by_role("button", name="Review, 2 suggestions waiting")).to_be_visible()
    page.get_by_role("button", name="Review").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".about-image .class-name")).to_have_text("Hot dog")
    expect(page.locator(".about-image")).to_contain_text("The model said")
    page.keyboard.press("r")
    expect(page.locator(".review-dialog .above .note")).to_have_text("1 to look at")
    page.keyboard.press("z")
    expect(page.locator(".review-dialog .above .note")).to_have_text("2 to look at")
    page.keyboard.press("r")
    expect(page.locator(".review-dialog .above .note")).to_have_text("1 to look at")
    page.keyboard.press("3")  # Discs
    expect(page.locator(".review-dialog .above .note")).to_have_text("All looked at.")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Review", exact=True)).to_be_visible()
    expect(page.locator(".card", has_text="Discs").locator(".total")).to_have_text("25 pictures")


def test_suggested_new_class_is_counted_and_pointed_out(
    desk: Visit, drawings: dict[str, list[Path]]
) -> None:
    page = desk.page
    page.get_by_role("tab", name="Try it").click()
    ask_on_try_it(page, drawings["stripes"][1])
    page.get_by_role("button", name="That’s wrong").click()
    page.get_by_role("button", name="Something else").click()
    page.get_by_label("Its name").fill("zebra")
    page.keyboard.press("Enter")
    page.locator(".wrong").get_by_role("button", name="Send").click()
    expect(page.get_by_text("Thank you. A teacher will look at it.")).to_be_visible()
    page.reload()
    open_teach(page)
    page.get_by_role("button", name="Review, 1 suggestion waiting").click()
    expect(page.locator(".about-image")).to_contain_text("This makes a new class, Zebra.")
    expect(page.get_by_role("button", name="Approve as a new class")).to_be_focused()
    labels = page.locator(".labels").get_by_role("button")
    expect(labels).to_have_text(["Hot dog", "Not hot dog", "Discs", "Zebra"])
    page.keyboard.press("r")
    expect(page.locator(".review-dialog .above .note")).to_have_text("All looked at.")


def suggest(page: Page, *paths: Path) -> None:
    """Say of pictures on Try it that they are hot dogs, as visitors may."""
    page.get_by_role("tab", name="Try it").click()
    for path in paths:
        ask_on_try_it(page, path)
        page.get_by_role("button", name="That’s wrong").click()
        page.locator(".wrong").get_by_role("button", name="Hot dog", exact=True).click()
        page.locator(".wrong").get_by_role("button", name="Send").click()
        expect(page.get_by_text("Thank you. A teacher will look at it.")).to_be_visible()


def ask_on_try_it(page: Page, path: Path) -> str:
    """Return the verdict."""
    token = page.evaluate("document.querySelector('#answer .answer')?.dataset.token ?? ''")
    choose(page, path)
    page.wait_for_selector(
        f"#answer-side[data-state=answered] .answer.single:not([data-token='{token}'])"
    )
    return page.locator(".verdict").inner_text()


def test_quick_training_is_watched_and_survives_a_closed_tab(
    desk: Visit, browser: Browser, classroom: RunningApp
) -> None:
    for other in open_visit(browser, classroom.read_teacher_url(), DESK):
        open_teach(other.page)
        other.page.get_by_role("button", name="Train", exact=True).click()
        expect(other.page.get_by_role("button", name="Training…")).to_be_disabled()
        expect(other.page.locator(".running")).to_be_visible()
        other.page.close()
    page = desk.page
    page.reload()
    open_teach(page)
    finished = page.locator(".outcome[data-state=done]")
    expect(finished).to_contain_text(f"made version {TAUGHT}", timeout=_TRAINED)
    expect(page.locator(".curve")).to_have_count(2)
    expect(page.locator(".curve").first).to_have_attribute(
        "aria-label", re.compile("Right on held-out pictures, by step, now")
    )


_STAGES = """async (events) => {
  const place = new URL('teach/client/training_progress.js', document.baseURI);
  const { TrainingProgress, nameStage } = await import(place);
  const progress = new TrainingProgress();
  return events.map((event) => [progress.follow({ pid: 1, ...event }), nameStage(event)]);
}"""


@pytest.mark.parametrize(
    ("kind", "stages"),
    [
        (
            "head",
            [
                (s, None)
                for s in ("reading", "embedding", "fitting", "comparing", "proving", "writing")
            ],
        ),
        (
            "finetune",
            [
                *(("probe", 0), ("validation", 0), ("epoch", 1), ("validation", 1), ("epoch", 2)),
                *(("validation", 2), ("predicting", None), ("predicting", None)),
            ],
        ),
    ],
)
def test_bar_of_a_training_never_goes_back(
    desk: Visit, kind: str, stages: list[tuple[str, int | None]]
) -> None:
    events = [
        Step(stage=Stage(stage), done=done, total=4, epoch=epoch, epochs=2).model_dump(mode="json")
        | {"kind": kind}
        for stage, epoch in stages
        for done in range(5)
    ]
    found = desk.page.evaluate(_STAGES, events)
    shares = [share for share, _ in found]
    assert shares == sorted(shares)
    assert shares[0] < 0.1
    assert shares[-1] > 0.95
    words = {name for _, name in found}
    assert not any(re.search("probe|train$|layere|epoch|squash", name) for name in words), words
    assert kind != "finetune" or "Learning, round 2 of 2" in words


def test_comparison_shows_numbers_classes_and_pictures(visit: Visit) -> None:
    page = visit.page
    expect(page.locator(".number-block b")).to_have_count(2)
    for number in page.locator(".number-block b").all():
        expect(number).to_have_text(re.compile(r"^\d+(\.\d)?%$"))
    words = page.locator(".headline-numbers > p")
    expect(words.first).to_have_text(re.compile(r"on [\d,]+ held-out"))
    expect(words.nth(1)).to_have_text(
        re.compile(r"^Better on \d+, worse on \d+ \(exact McNemar test, two-sided p .+\)\.$")
    )
    expect(page.locator(".gate .sentence")).to_have_text(re.compile(r"^(Published|Held back|Not)"))
    row = page.locator(".compare .figures tbody tr", has_text="Discs")
    expect(row).to_contain_text("new")
    expect(page.locator(".shots-compared figure").first).to_contain_text("now Discs")
    page.locator(".matrix[open] td.hit button").last.click()
    expect(page.locator("dialog h2")).to_have_text("Discs answered Discs")
    expect(page.locator("dialog figure img").first).to_be_visible()
    page.wait_for_function("document.querySelector('dialog figure img').naturalWidth > 0")
    close_dialog(page)
    known = page.locator(".matrix[open] tbody tr", has_text="Hot dog").first.locator("td.hit")
    expect(known).to_have_text(re.compile(r"^\d+$"))
    expect(known.get_by_role("button")).to_have_count(0)
    expect(page.locator(".matrix[open]")).to_contain_text("kept as numbers only")
    assert_nothing_hangs_over(page)


def test_published_version_answers_and_is_rolled_back(
    desk: Visit, drawings: dict[str, list[Path]]
) -> None:
    page = desk.page
    publish = page.locator(".gate").get_by_role("button", name=re.compile("^Publish"))
    if publish.count():
        publish.click()
    expect(page.locator(".versions")).to_have_attribute("data-current", str(TAUGHT))
    expect(page.locator(".gate[data-tone=good]")).to_contain_text("It answers on Try it now.")
    assert answer(page, drawings["discs"][28]) == "Discs"
    page.get_by_role("button", name=f"Roll back to version {SHIPPED}").click()
    expect(page.locator(".snackbar")).to_contain_text(f"Version {SHIPPED} answers from now on.")
    assert answer(page, drawings["discs"][28]) == "Not hot dog"
    page.get_by_role("button", name=f"Use version {TAUGHT}").click()
    expect(page.locator(".versions")).to_have_attribute("data-current", str(TAUGHT))
    assert answer(page, drawings["discs"][29]) == "Discs"
    page.get_by_role("button", name="Back to the shipped one").click()
    expect(page.locator(".versions")).to_have_attribute("data-current", str(SHIPPED))
    expect(page.locator(".gate").get_by_role("button", name="Publish")).to_be_visible()
    expect(page.locator(".gate[data-tone=good]")).to_have_count(0)
    page.get_by_role("button", name=f"Delete version {TAUGHT}").click()
    page.get_by_role("button", name="Keep it").click()
    expect(page.locator(".versions li")).to_have_count(len(SHIP) + 1)


def test_snackbar_covers_nothing_that_was_just_pressed(visit: Visit) -> None:
    page = visit.page
    use = page.get_by_role("button", name=f"Use version {TAUGHT}")
    use.evaluate("(e) => scrollBy(0, e.getBoundingClientRect().bottom - innerHeight + 24)")
    pressed = use.bounding_box()
    use.click()
    expect(page.locator(".snackbar")).to_have_text(f"Version {TAUGHT} answers from now on.")
    shown = page.locator(".snackbar").bounding_box()
    assert pressed is not None
    assert shown is not None
    assert any(
        one[at] + one[size] <= other[at]
        for at, size in (("x", "width"), ("y", "height"))
        for one, other in ((pressed, shown), (shown, pressed))
    )
    page.get_by_role("button", name=f"Roll back to version {SHIPPED}").click()
    expect(page.locator(".versions")).to_have_attribute("data-current", str(SHIPPED))


def answer(page: Page, path: Path) -> str:
    """Ask on Try it, and come back."""
    page.get_by_role("tab", name="Try it").click()
    verdict = ask_on_try_it(page, path)
    page.get_by_role("tab", name="Teach").click()
    return verdict


def test_training_is_cancelled(desk: Visit) -> None:
    page = desk.page
    page.get_by_role("button", name="Train", exact=True).click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".outcome")).to_contain_text("Cancelled.", timeout=_TRAINED)
    expect(page.locator(".outcome")).to_contain_text("What was live stays live.")
    held: list[Route] = []
    page.route("**/teach/training", lambda r: _hold(r, held))
    page.get_by_role("button", name="Train", exact=True).click()
    expect(page.locator(".running")).to_contain_text("Training Hotdog")
    expect(page.locator(".outcome")).to_be_hidden()  # before the server has said anything
    held[0].continue_()
    page.unroute_all()
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".outcome")).to_contain_text("Cancelled.", timeout=_TRAINED)
    expect(page.get_by_role("button", name="Train", exact=True)).to_be_enabled()


def _hold(route: Route, held: list[Route]) -> None:
    """Keep back what starts a training."""
    if route.request.method == "POST":
        held.append(route)
    else:
        route.continue_()


def test_killed_training_is_reported_and_the_page_still_answers(
    desk: Visit, classroom: RunningApp, drawings: dict[str, list[Path]]
) -> None:
    page = desk.page
    with page.expect_response("**/teach/training") as started:
        page.get_by_role("button", name="Train", exact=True).click()
    seen = started.value.json()
    assert seen["state"] == "running"
    os.kill(seen["pid"], signal.SIGKILL)
    outcome = page.locator(".outcome[data-state=died]")
    expect(outcome).to_contain_text("The training ended without a result.")
    expect(outcome).to_contain_text("What was live stays live. Train again.")
    expect(page.get_by_role("button", name="Train", exact=True)).to_be_enabled()
    assert answer(page, drawings["discs"][27]) == "Not hot dog"
    asked = httpx.get(f"{classroom.url}teach/training", cookies=classroom.sign_in())
    assert asked.json()["state"] == "died"


def test_deep_stays_chosen(desk: Visit) -> None:
    page = desk.page
    page.get_by_label("Deep").check(force=True)
    page.reload()
    open_teach(page)
    expect(page.get_by_label("Deep")).to_be_checked()


def test_zip_of_class_folders_is_added_and_undone(
    desk: Visit, drawings: dict[str, list[Path]], tmp_path: Path
) -> None:
    page = desk.page
    path = tmp_path / "more.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for picture in drawings["discs"][26:29]:
            archive.write(picture, f"more/Discs/{picture.name}")
    total = page.locator(".card", has_text="Discs").locator(".total")
    before = total.inner_text()
    place = page.locator(".take-zip")
    place.locator("input").set_input_files(str(path))
    expect(place.locator(".note")).to_contain_text("Added 3 pictures.")
    expect(total).not_to_have_text(before)
    page.locator(".snackbar").get_by_role("button", name="Undo").click()
    expect(total).to_have_text(before)
    expect(place.locator(".note")).to_be_hidden()


def test_new_model_is_made(visit: Visit) -> None:
    page = visit.page
    name = "pets" if page.viewport_size == DESK["viewport"] else "toys"
    page.get_by_role("button", name="New model").click()
    page.get_by_label("Name", exact=False).first.fill(name)
    page.get_by_label("Class 1").fill("cat")
    page.get_by_label("Class 2").fill("cat")
    page.get_by_role("button", name="Make it").click()
    expect(page.locator(".problem:visible")).to_contain_text("There is a class Cat already.")
    page.get_by_label("Class 2").fill("<b>dog</b>")
    page.get_by_label("Add a class “None of these”").check()
    page.get_by_role("button", name="Make it").click()
    expect(page.locator(".problem:visible")).to_contain_text("cannot name a class")
    page.get_by_label("Class 2").fill("<b>dog<i>")
    page.get_by_role("button", name="Make it").click()
    expect(page.locator(".card .name")).to_have_text(["Cat", "<b>dog<i>", "None of these"])
    page.locator(".teach-head select").select_option("hotdog")
    expect(page.locator(".card .name")).to_have_text(["Hot dog", "Not hot dog", "Discs"])


def test_name_as_people_write_it_is_taken(desk: Visit) -> None:
    page = desk.page
    page.get_by_role("button", name="New model").click()
    page.get_by_label("Name", exact=False).first.fill("My clàss-room!")
    expect(page.locator("dialog .field").first).to_contain_text("It will be called My_class-room.")
    page.get_by_label("Class 1").fill("left")
    page.get_by_label("Class 2").fill("right")
    page.get_by_role("button", name="Make it").click()
    expect(page.locator(".teach-head select")).to_have_value("My_class-room")


def test_link_of_a_version_in_use_opens_try_it_with_its_model(
    desk: Visit, drawings: dict[str, list[Path]]
) -> None:
    page = desk.page
    page.locator(".teach-head select").select_option("pets")
    add_pictures(page, "Cat", drawings["discs"][:12])
    add_pictures(page, "<b>dog<i>", drawings["stripes"][:12])
    expect(page.locator(".warnings")).to_have_text(
        "None of these has no pictures yet: it will be left out."
    )
    page.get_by_role("button", name="Train", exact=True).click()
    finished = page.locator(".outcome[data-state=done]")
    expect(finished).to_contain_text("Pets made version 1", timeout=_TRAINED)
    expect(page.locator(".card .name")).to_have_text(["Cat", "<b>dog<i>", "None of these"])
    page.locator(".gate").get_by_role("link", name="Try it").click()
    expect(page.locator("#models input")).to_have_value("Pets")
    expect(page.locator("#title h1")).to_contain_text("cat?")
    assert ask_on_try_it(page, drawings["discs"][20]) == "Cat"


def test_model_is_saved_and_opened_under_a_free_name(desk: Visit, tmp_path: Path) -> None:
    page = desk.page
    with page.expect_download() as download:
        page.get_by_role("link", name="Save this model as a file").click()
    assert download.value.suggested_filename == "hotdog.zip"
    path = tmp_path / "hotdog.zip"
    download.value.save_as(path)
    total = page.locator(".card", has_text="Discs").locator(".total")
    before = total.inner_text()
    page.locator(".projects input").set_input_files(str(path))
    page.get_by_role("button", name="Open it").click()
    expect(page.locator(".problem:visible")).to_contain_text("The name hotdog is taken here")
    dialog = page.locator("dialog")
    dialog.get_by_label("Name").fill("hotdog from home")
    expect(dialog).to_contain_text("It will be called hotdog_from_home.")
    page.get_by_role("button", name="Open it").click()
    expect(page.locator(".teach-head select")).to_have_value("hotdog_from_home", timeout=_TRAINED)
    expect(page.locator(".snackbar")).to_contain_text("Hotdog from home is here, with")
    expect(total).to_have_text(before)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", [PHONE, DESK], ids=["phone", "desk"])
def test_every_word_can_be_read_and_every_control_has_a_name(
    reopen: Reopen, classroom: RunningApp, screen: dict[str, object], scheme: str
) -> None:
    page = reopen(classroom.read_teacher_url(), {**screen, "color_scheme": scheme}).page
    open_teach(page)
    expect(page.locator(".gate")).to_be_visible()
    assert_readable(page)
    page.get_by_role("button", name=re.compile("^Discs, .* look at them")).click()
    expect(page.locator(".tile").first).to_be_visible()
    assert_readable(page)
    close_dialog(page)
    page.get_by_role("button", name="Review").click()
    expect(page.locator(".about-image")).to_be_visible()
    assert_readable(page)


def test_lost_connection_is_reported_and_nothing_is_lost(
    desk: Visit, drawings: dict[str, list[Path]]
) -> None:
    page = desk.page
    page.route("**/teach/images?**", lambda route: route.abort())
    card = page.locator(".card").first
    card.locator("input[multiple]").set_input_files([str(p) for p in drawings["stripes"][:9]])
    expect(card.locator(".rejected")).to_contain_text("No answer came. Check the connection")
    expect(card.locator(".rejected")).to_contain_text("Add all of them again")
    page.unroute_all()


def test_visitor_sees_no_tab_and_is_refused_everywhere(
    browser: Browser, classroom: RunningApp, desk: Visit
) -> None:
    asked = {url for url in desk.requests if "/teach/" in url}
    assert len(asked) > 10
    for other in open_visit(browser, classroom.url, {**DESK, **VISITOR}):
        expect(other.page.get_by_role("tab", name="Model")).to_be_visible()
        expect(other.page.get_by_role("tab", name="Teach")).to_have_count(0)
        choose(other.page, CAT)
        wait_for_answer(other.page, "single")
    headers, cookies = VISITOR["extra_http_headers"], classroom.sign_in()
    for url in sorted(asked):
        assert httpx.get(url, cookies=cookies).is_success, url
        assert httpx.get(url, cookies=cookies, headers=headers).status_code == 403, url
        assert httpx.get(url).status_code == 403, url
