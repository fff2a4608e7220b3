import re
from pathlib import Path

import numpy as np
import pytest
from gradio.data_classes import FileData

import web.try_it.tab
from inference.versions.catalog import Catalog
from tests.web.pictures import CAT, EXAMPLES, HOT_DOG, save_heic, save_truncated
from web.serving import DEFECT_SENTENCE, Service
from web.try_it.chooser import Choice, Example, SentImage, list_examples
from web.try_it.tab import answer_choice, find_file


@pytest.fixture
def service(exported: Path) -> Service:
    return Service(Catalog(exported), "hotdog", None, "cpu")


def send(*paths: Path, shown: bool = True) -> Choice:
    pictures = [
        SentImage(
            name=path.name, size=path.stat().st_size, shown=shown, file=FileData(path=str(path))
        )
        for path in paths
    ]
    return Choice(token=7, images=pictures)


def read_answer(service: Service, choice: Choice) -> str:
    return list(answer_choice(service, choice))[-1][0]


@pytest.mark.parametrize("path", list_examples(EXAMPLES), ids=lambda path: path.stem)
def test_every_example_is_answered_rightly(service: Service, path: Path) -> None:
    answer = service.answer(path.read_bytes())
    assert answer.prediction.label == Example(path).label


def test_examples_take_turns_and_there_are_eight() -> None:
    labels = [Example(path).label for path in list_examples(EXAMPLES)]
    assert labels == ["hot_dog", "not_hot_dog"] * 4


def test_one_picture_is_answered_and_counted(service: Service) -> None:
    answers = list(answer_choice(service, send(CAT)))
    assert len(answers) == 1
    html, answer = answers[0]
    assert 'class="answer single" data-token="7"' in html
    assert answer is not None
    assert answer.classifier is service.open()
    assert "That’s wrong" not in html  # nobody would look at it
    assert service.answered == 1


def test_picture_comes_back_only_where_the_browser_cannot_show_it(
    service: Service, tmp_path: Path
) -> None:
    heic = save_heic(HOT_DOG, tmp_path / "IMG_1.HEIC")
    assert 'data-preview="data:image/jpeg' in read_answer(service, send(heic, shown=False))
    assert "data-preview" not in read_answer(service, send(HOT_DOG))


def test_broken_picture_is_one_sentence(service: Service, tmp_path: Path) -> None:
    broken = save_truncated(HOT_DOG, tmp_path / "broken.jpg")
    html = read_answer(service, send(broken))
    assert 'class="answer error" data-token="7"' in html
    assert "Try to save it again." in html
    assert service.answered == 0


def test_several_pictures_end_in_a_table_whatever_is_among_them(
    service: Service, tmp_path: Path
) -> None:
    broken = save_truncated(HOT_DOG, tmp_path / "broken.jpg")
    answers = [html for html, _ in answer_choice(service, send(HOT_DOG, broken, CAT))]
    assert "<progress" in answers[0]
    names = re.findall(r'data-name="([^"]*)"', answers[-1])
    assert names == [HOT_DOG.name, "broken.jpg", CAT.name]
    assert service.answered == 2


def test_too_many_pictures_are_one_sentence(service: Service) -> None:
    picture = SentImage(name="a.jpg", size=1, shown=True)
    html = read_answer(service, Choice(token=1, images=[picture] * 201))
    assert "You chose 201 pictures; at most 200 are taken at a time." in html


def test_picture_that_was_not_sent_says_why() -> None:
    with pytest.raises(ValueError, match="31 MB; at most 20 MB"):
        find_file(SentImage(name="a.jpg", size=31_000_000, shown=True))
    with pytest.raises(ValueError, match="did not arrive"):
        find_file(SentImage(name="a.jpg", size=31, shown=True))


def test_defect_is_a_plain_sentence_with_its_traceback_in_the_log(
    service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(web.try_it.tab, "make_overlay", fail)
    html = read_answer(service, send(CAT))
    assert DEFECT_SENTENCE in html
    assert "secret detail" not in html
    assert "ZeroDivisionError: secret detail" in caplog.text


def test_thumbnail_is_small(service: Service) -> None:
    row, answer = web.try_it.tab.make_row(service, service.open(), send(CAT).images[0])
    assert answer is not None
    assert len(row.thumbnail) < 10_000
    assert np.isclose(sum(row.prediction.probabilities.values()), 1, atol=1e-4)  # type: ignore[union-attr]
