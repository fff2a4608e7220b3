import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.errors import UserInputError
from labelling.store.labels import MAX_LENGTH, check_label, check_model, clean_file_name, clean_name


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("cat", "cat"),
        ("  hot dog ", "hot dog"),
        ("cafe\u0301", "café"),
        ("猫", "猫"),
        ("👩\u200d🍳", "👩\u200d🍳"),
        ("a" * 40, "a" * 40),
        ("...", "..."),
        ("<b>", "<b>"),
    ],
)
def test_names_of_classes_are_kept_in_one_form(text: str, label: str) -> None:
    assert check_label(text) == label
    assert check_label(label) == label


@pytest.mark.parametrize(
    "text",
    [
        *("", " \n", "a" * 41, "a\nb", "a\0b", "a/b", "a\\b", ".", ".."),
        *("\u200b", "\u202ecat", "\u200d", "\ud800"),
    ],
)
def test_what_cannot_name_a_class_is_refused(text: str) -> None:
    with pytest.raises(UserInputError, match="class"):
        check_label(text)


@given(st.text(max_size=60))
def test_a_label_is_one_line_of_its_own_form(text: str) -> None:
    try:
        label = check_label(text)
    except UserInputError:
        return
    assert label == check_label(label) == unicodedata.normalize("NFC", label).strip()
    assert 0 < len(label) <= MAX_LENGTH
    assert len(label.splitlines()) == 1
    label.encode()


def test_a_model_may_be_every_one() -> None:
    assert check_model("") == ""
    assert check_model("pets") == "pets"
    with pytest.raises(UserInputError):
        check_model("../pets")


@pytest.mark.parametrize(
    ("given_name", "kept"),
    [
        ("cat.jpg", "cat.jpg"),
        ("C:\\Users\\Ann\\cat.jpg", "cat.jpg"),
        ("/home/ann/cat.jpg", "cat.jpg"),
        ("../../cat.jpg", "cat.jpg"),
        ("a\nb.jpg", "a b.jpg"),
        ("\ud800.jpg", "?.jpg"),
        ("", ""),
    ],
)
def test_of_a_file_only_its_own_name_is_kept(given_name: str, kept: str) -> None:
    assert clean_file_name(given_name) == kept


@given(st.text())
def test_names_can_be_stored(text: str) -> None:
    assert len(clean_name(text)) <= 200
    clean_name(text).encode()
