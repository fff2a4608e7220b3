import json
from pathlib import Path
from typing import Any

import pytest

from inference.classifier import Classifier
from inference.versions.cards import InputGeometry
from inference.versions.catalog import Catalog
from tests.inference.tiny_versions import make_card, write_version
from tests.web.pictures import CAT
from trainer.cards.model_card import write_model_card
from trainer.evaluation.out_of_distribution import NEVER_UNFAMILIAR
from web.frame import draw_chip
from web.model.tab import (
    FILL_ADDRESS,
    NO_CARD,
    SNIPPETS,
    describe_use,
    describe_weakness,
    draw_accuracy,
    draw_contract,
    draw_model,
    draw_plots,
    draw_speed,
    draw_summary,
    read_card_text,
)
from web.serving import Service

EVIL = '"><script>'


def make_share(correct: int, n: int) -> dict[str, Any]:
    return {"correct": correct, "n": n, "value": correct / n, "low": 0.9, "high": 0.975}


SHARE = make_share(45, 50)
WORDS = "90.0% (n = 50, 95% interval 90.0–97.5%)"
MEASURED = {
    "top1": make_share(1900, 2000),
    "ece": 0.021,
    "per_class": {"red": make_share(95, 100), "green": SHARE},
    "per_group": {"food101 / blue_berry": make_share(19, 20)},
    "confusion": [[1000, 10, 0], [5, 2000, 0], [1, 2, 3]],
}
TRUST: dict[str, Any] = {
    "certainty": {
        "test": {
            "coverage": {"red": {"rate": SHARE, "low": 0.91, "high": 0.99}},
            "unsure": SHARE,
            "unfamiliar": SHARE,
            "sure_right": SHARE,
        }
    },
    "outsiders": {"n": 50, "auroc": 0.971, "found": SHARE, "kinds": {"X-ray": SHARE}},
    "corruptions": {"none": SHARE, "jpeg 20": SHARE},
}


def open_version(tmp_path: Path, *, with_card: bool = True, **changes: Any) -> Service:
    """Open a tiny version whose README.md was written as the trainer writes it."""
    folder = write_version(tmp_path / "colours" / "1", **changes)
    if with_card:
        write_model_card(folder, make_card(**changes))
    return Service(Catalog(tmp_path), "colours", None, "cpu")


def draw(service: Service, may_teach: bool = False) -> str:
    """Return all that is drawn for one visitor."""
    return str(draw_model(service, service.open(), may_teach))


# What stands first


def test_three_sentences_come_first(classifier: Classifier) -> None:
    html = draw_summary(classifier.card)
    assert f"Hotdog, version {classifier.card.version}" in html
    top1 = classifier.card.metrics["test"].top1
    assert f"{top1.correct} of {top1.n} test pictures, which it never learned from" in html
    assert html.count("<p>") == 3
    assert "It is weakest at" in html
    assert "whatever is none of the others counts as Not hot dog" in html


def test_accuracy_comes_with_n_and_interval() -> None:
    html = draw_accuracy(make_card(metrics={"test": MEASURED, "validation": MEASURED}))
    assert "<b>95.0%</b> right:" in html
    assert "1,900 of 2,000 test pictures" in html
    assert "95% interval 90.0–97.5%" in html


@pytest.mark.parametrize(
    ("split", "words"),
    [
        ("locked", "held-out pictures, which it never learned from"),
        ("validation", "validation pictures, which also chose its settings"),
    ],
)
def test_accuracy_says_which_pictures_it_was_measured_on(split: str, words: str) -> None:
    assert words in draw_accuracy(make_card(metrics={split: MEASURED}))


def test_what_was_not_measured_is_not_spoken_of() -> None:
    assert draw_accuracy(make_card()) == "How often it is right has not been measured."
    assert describe_weakness(make_card()) == ""
    one = {"test": {"top1": SHARE, "per_class": {"red": SHARE}}}
    assert describe_weakness(make_card(metrics=one)) == ""


def test_weakness_is_the_class_that_is_missed_most() -> None:
    words = describe_weakness(make_card(metrics={"test": MEASURED}))
    assert words == "It is weakest at Green, of which it missed 5 of 50 (10.0%)."


def test_weakness_tells_what_is_shown_and_how_often_it_is_right() -> None:
    kinds = {"taco / green": make_share(46, 50), "sub-roll / green": make_share(24, 25)}
    split = {"top1": SHARE, "per_class": MEASURED["per_class"], "per_kind": kinds}
    sentence = describe_weakness(make_card(metrics={"test": MEASURED, "validation": split}))
    assert sentence.endswith(
        "Of what validation pictures show, it is weakest on taco (right 92 times in 100, n = 50, "
        "95% interval 90–98), sub roll (right 96 times in 100, n = 25, 95% interval 90–98)."
    )


def test_use_says_what_becomes_of_everything_else() -> None:
    assert "telling Red, Green and Blue berry apart" in describe_use(make_card())
    assert "no class for anything else" in describe_use(make_card())
    assert "counts as Red" in describe_use(make_card(catch_all="red"))


def test_download_names_the_version_that_is_shown(tmp_path: Path) -> None:
    service = open_version(tmp_path)
    download = draw_model(service, service.open(), False)[1]
    assert download.link == "model.onnx?model=colours&version=1"
    assert download.value.startswith("Download model.onnx (")


# The card


def test_shipped_card_is_shown_without_its_front_matter(classifier: Classifier) -> None:
    text = read_card_text(classifier)
    assert text.strip().startswith("# Hotdog")
    assert "base_model:" not in text
    top1 = classifier.card.metrics["test"].top1
    assert f"{top1.value:.1%} (n = {top1.n}, 95% interval" in text
    for heading in ("Uses", "Training data", "Training procedure", "Evaluation", "Limits"):
        assert f"\n## {heading}\n" in text
    assert "![" not in text


def test_card_holds_every_figure_with_n_and_interval(tmp_path: Path) -> None:
    metrics = {"test": MEASURED, "validation": MEASURED}
    text = read_card_text(open_version(tmp_path, metrics=metrics, trust=TRUST).open())
    assert "95.0% (n = 2,000, 95% interval 90.0–97.5%)" in text
    assert "calibration error 0.021" in text
    assert "food101 / blue berry" in text
    assert "| Green | 5 | 2,000 | 0 |" in text
    assert text.index("### Test") < text.index("### Validation")
    assert text.count(WORDS) == 2 * 1 + 4 + 2 + 2  # by class, certainty, outsiders, corruptions
    assert "91.0–99.0%" in text
    assert "0.971" in text
    for name in ("nothing", "jpeg 20", "X-ray"):
        assert f"| {name} | {WORDS} |" in text


def test_card_says_what_it_is_for_and_where_it_falls_short(tmp_path: Path) -> None:
    trust = {"corruptions": {"blur": SHARE}}
    text = read_card_text(open_version(tmp_path, metrics={"test": MEASURED}, trust=trust).open())
    places = [text.index(f"## {name}") for name in ("Uses", "Trust", "Limits")]
    assert places == sorted(places)
    assert "Telling Red, Green and Blue berry apart" in text
    assert "blur made it wrong most often: 5 of 50" in text


def test_card_of_what_was_never_measured_has_no_figures(tmp_path: Path) -> None:
    text = read_card_text(open_version(tmp_path).open())
    assert "has not been measured" in text
    assert "calibration error" not in text
    assert "AUROC" not in text
    assert "### Spoilt" not in text


def test_card_without_measured_breakdowns_has_no_empty_tables(tmp_path: Path) -> None:
    bare = {"top1": SHARE, "per_class": {}, "per_source": {}, "per_group": {}}
    text = read_card_text(open_version(tmp_path, metrics={"locked": bare}).open())
    assert "| class |" not in text
    assert "(rows)" not in text


def test_card_of_what_was_taught_says_which_pictures_it_never_learned_from(tmp_path: Path) -> None:
    metrics = {"validation": MEASURED, "locked": MEASURED}
    quick = open_version(tmp_path / "q", metrics=metrics, training={"kind": "quick"}).open()
    text = read_card_text(quick)
    assert text.index("### Held-out") < text.index("### Validation")
    assert "The last fit then learned" in text
    metrics = {"validation": MEASURED, "test": MEASURED}
    deep = open_version(tmp_path / "d", metrics=metrics, training={"kind": "deep"}).open()
    assert "kept for comparing" in read_card_text(deep)


def test_where_nothing_is_ever_unfamiliar_the_card_says_so(tmp_path: Path) -> None:
    trust = {"outsiders": {"n": 50, "others": 40, "auroc": 0.971}}
    text = read_card_text(open_version(tmp_path, trust=trust).open())
    assert NEVER_UNFAMILIAR in text
    assert "0.971" in text


def test_version_without_a_card_is_one_sentence(tmp_path: Path) -> None:
    service = open_version(tmp_path, with_card=False)
    assert read_card_text(service.open()) == NO_CARD
    assert "README.md" not in draw(service)  # nor is it offered to download
    (service.open().folder / "README.md").write_text("# Colours")
    assert 'href="README.md?model=colours&amp;version=1"' in draw(service)
    assert 'aria-label="Download the card of version 1"' in draw(service)


def test_card_from_elsewhere_brings_no_html_and_no_image(tmp_path: Path) -> None:
    service = open_version(tmp_path)
    evil = (
        "---\nname: x\n---\n# Hi\n\n![a](http://evil.example/a.png)\n\n<img src=x onerror=y>\n"
        "text ![b](http://evil.example/b.png) ![c][d]\n\n[d]: http://evil.example/c.png\n\n"
        "\\<b>\n\n~~~\n```\n~~~\n<img src=x>\n```\n"
    )
    (service.open().folder / "README.md").write_text(evil)
    text = read_card_text(service.open())
    assert text.lstrip().startswith("# Hi")
    assert "<" not in text
    assert "![" not in text
    assert "\\&lt;" not in text


def test_what_a_card_from_elsewhere_says_is_escaped(tmp_path: Path) -> None:
    service = open_version(
        tmp_path,
        model=EVIL,
        backbone=EVIL,
        class_names=(EVIL, "a", "b"),
        trust={"corruptions": {EVIL: SHARE}},
        metrics={"test": {**MEASURED, "per_class": {EVIL: SHARE, "a": make_share(50, 50)}}},
    )
    classifier = service.open()
    drawn = draw(service, True) + draw_chip(classifier)
    assert "<script" not in drawn
    assert "&lt;script" in read_card_text(classifier)
    assert 'data-version="colours/1"' in drawn


# Plots, contract, speed and code


def test_only_plots_that_exist_are_shown_each_with_words(tmp_path: Path) -> None:
    classifier = open_version(tmp_path).open()
    assert draw_plots(classifier) == "<p>This version has no plots.</p>"
    (classifier.folder / "report").mkdir()
    (classifier.folder / "report" / "confusion.png").touch()
    html = draw_plots(classifier)
    assert html.count("<img") == html.count('alt="Confusion matrix') == 1
    assert 'src="report/colours/1/confusion.png"' in html


@pytest.mark.parametrize(
    ("geometry", "words"), [("crop", "middle square"), ("squash", "squashed"), ("pad", "grey bars")]
)
def test_contract_says_what_goes_in(geometry: str, words: str) -> None:
    html = draw_contract(make_card(input=InputGeometry(geometry=geometry)))
    assert words in html
    assert "uint8 (N, H, W, 3)" in html


def test_contract_names_the_outputs_of_the_file_and_the_order_of_classes(
    classifier: Classifier,
) -> None:
    html = draw_contract(classifier.card)
    session = classifier.session
    for value in (*session.get_inputs(), *session.get_outputs()):
        assert f"<code>{value.name}</code>" in html
    first, second = classifier.card.class_names
    assert html.index(f"<code>{first}</code>") < html.index(f"<code>{second}</code>")


def test_speed_is_what_was_measured_while_answering(tmp_path: Path) -> None:
    service = open_version(tmp_path)
    assert "the CPU" in draw_speed(service, service.open())
    assert "No answer has been timed yet." in draw_speed(service, service.open())
    for _ in range(3):
        service.answer(CAT.read_bytes())
    assert "the last 3 answers" in draw_speed(service, service.open())


def test_every_snippet_calls_this_page() -> None:
    filled = json.loads(FILL_ADDRESS.partition("return ")[2].partition(".replaceAll")[0])
    for code in SNIPPETS.values():
        assert f"\n{code}\n```" in filled
    for title in ("Python", "JavaScript", "curl"):
        assert "ADDRESS/" in SNIPPETS[title]


def test_version_that_cannot_be_opened_is_said_above_the_list(tmp_path: Path) -> None:
    write_version(tmp_path / "colours" / "2", version=2)
    service = open_version(tmp_path)
    assert "fault" not in draw(service)
    (tmp_path / "colours" / "2" / "model.json").write_bytes(b'{"model": "<script>"}')
    page = draw(Service(service.catalog, "colours", None, "cpu"))
    assert "Version 2 of colours, which is in use, cannot be opened." in page
    assert "Version 1 answers instead." in page
    assert "<script" not in page
