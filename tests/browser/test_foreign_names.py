"""A version from elsewhere and a visitor's files, whose names and words would be scripts."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from labelling.store.store import Store
from tests.browser.conftest import DESK, Visit, open_visit
from tests.inference.tiny_versions import write_version
from tests.running import RunningApp, find_free_port, start_app
from tests.web.pictures import CAT

pytestmark = pytest.mark.browser

SCRIPT = "<img src=x onerror=window.ran=1>"
NAMES = (SCRIPT, "</script><script>window.ran=1</script>", '"onfocus="window.ran=1" x="')
README = f"""# {SCRIPT}

{SCRIPT} <svg onload=window.ran=1> \\<script>window.ran=1</script>
[a](javascript:window.ran=1) [b](JaVaScRiPt&colon;window.ran=1)
[c](data:text/html,<script>1</script>)
<javascript:window.ran=1> ![d](javascript:window.ran=1) ![e][f]

[f]: javascript:window.ran=1
[g]: javascript:window.ran=1

[h][g] `{SCRIPT}`

    {SCRIPT}
"""


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    folder = tmp_path_factory.mktemp("foreign")
    version = write_version(
        folder / "exported/pets/1", model="pets", class_names=NAMES, backbone=SCRIPT
    )
    (version / "README.md").write_text(README, encoding="utf-8")
    port = find_free_port()
    env = {"CLASSIFIER_EXPORTED": str(folder / "exported"), "CLASSIFIER_DATA": str(folder / "data")}
    with Store(folder / "data") as store:
        for label in (NAMES[0], NAMES[2]):
            store.add(CAT.read_bytes(), label, model="pets", name=SCRIPT, who=SCRIPT, relabel=True)
    options = ("--teach", "--model", "pets", "--port", str(port))
    with start_app(*options, port=port, env=env) as running:
        yield running


@pytest.fixture
def foreign_visit(browser: Browser, foreign: RunningApp) -> Iterator[Visit]:
    yield from open_visit(browser, foreign.read_teacher_url(), DESK)


def test_nothing_that_a_name_says_is_run(foreign_visit: Visit) -> None:
    page = foreign_visit.page
    expect(page.locator("#title")).to_contain_text("window.ran")
    files = [
        {"name": f"{SCRIPT}.webp", "mimeType": "image/webp", "buffer": CAT.read_bytes()}
        for _ in range(2)
    ]
    page.set_input_files("[data-input=choose]", files[:1])  # type: ignore[arg-type]
    expect(page.locator("#answer .answer.single")).to_be_visible()
    page.set_input_files("[data-input=choose]", files)  # type: ignore[arg-type]
    expect(page.locator("#answer .answer.many")).to_contain_text("onerror")
    page.get_by_role("tab", name="Model").click()
    expect(page.locator("#model-tab")).to_contain_text("window.ran")
    page.get_by_role("button", name="Model card").click()
    expect(page.locator("#model-tab .prose h1")).to_contain_text("onerror")
    for link in page.locator("#model-tab a").all():
        assert not (link.get_attribute("href") or "").lower().startswith(("javascript", "data"))
    page.get_by_role("tab", name="Teach").click()
    expect(page.locator("#teach-tab")).to_contain_text("onerror")
    page.wait_for_load_state("networkidle")
    assert page.evaluate("window.ran === undefined")
    assert page.locator("[onerror], [onload], [onfocus]").count() == 0
