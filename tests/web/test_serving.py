import pytest

from inference.classifier import Classifier
from inference.errors import UserInputError
from tests.web.pictures import CAT
from web.serving import DEFECT_SENTENCE, MAX_PICTURES, Service, check_count, explain


def test_only_answers_are_counted(classifier: Classifier) -> None:
    service = Service(classifier)
    image, prediction = service.answer(CAT.read_bytes())
    assert image.ndim == 3
    assert prediction.model == "hotdog"
    with pytest.raises(UserInputError):
        service.answer(b"not a picture")
    assert service.answered == 1


def test_as_many_as_allowed_are_allowed() -> None:
    check_count(MAX_PICTURES)
    with pytest.raises(UserInputError, match="at most 200"):
        check_count(MAX_PICTURES + 1)


def test_people_read_our_sentences_and_no_others(caplog: pytest.LogCaptureFixture) -> None:
    assert explain(UserInputError("Choose a picture.")) == "Choose a picture."
    assert not caplog.records
    assert explain(KeyError("internal")) == DEFECT_SENTENCE
    assert "KeyError: 'internal'" in caplog.text
