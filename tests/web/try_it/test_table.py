import csv
import io

import pytest

from tests.web.pictures import make_card, make_prediction
from web.try_it.table import Row, draw_progress, draw_table, guard_cell, write_csv

CARD = make_card()
SURE = Row("a.jpg", make_prediction({"hot_dog": 0.98, "not_hot_dog": 0.02}), "data:,")
UNSURE = Row("b.jpg", make_prediction({"not_hot_dog": 0.55, "hot_dog": 0.45}), "data:,")
BROKEN = Row("=cmd|' /C calc'!A0.jpg", error="This file is empty. Choose a picture.")


def test_csv_has_a_row_a_file_and_a_column_a_class() -> None:
    rows = list(csv.DictReader(io.StringIO(write_csv([SURE, UNSURE, BROKEN], CARD))))
    assert [row["label"] for row in rows] == ["hot_dog", "not_hot_dog", ""]
    assert rows[1]["hot_dog"] == "0.450000"
    assert rows[1]["not_hot_dog"] == "0.550000"
    assert rows[2]["error"] == "This file is empty. Choose a picture."


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_no_cell_is_a_formula(start: str) -> None:
    assert guard_cell(f"{start}1+1") == f"'{start}1+1"
    assert guard_cell("plain.jpg") == "plain.jpg"


def test_file_names_in_csv_are_guarded() -> None:
    assert "\n'=cmd|" in write_csv([BROKEN], CARD).replace("\r", "")


def test_class_names_in_csv_are_guarded() -> None:
    """A version from elsewhere names its classes."""
    card = make_card(("=cmd|x", "b"))
    row = Row("a.jpg", make_prediction({"=cmd|x": 0.9, "b": 0.1}), "data:,")
    heads, cells = csv.reader(io.StringIO(write_csv([row], card)))
    assert heads == ["name", "label", "certainty", "'=cmd|x", "b", "error"]
    assert cells[:2] == ["a.jpg", "'=cmd|x"]


def test_bad_file_is_a_row_that_says_why() -> None:
    html = draw_table([SURE, BROKEN], CARD, 1)
    assert html.count("<tr ") + html.count('<tr class="failed"') >= 2
    assert "This file is empty. Choose a picture." in html
    assert "1 answered, 1 not read" in html


def test_rows_carry_what_they_are_sorted_by() -> None:
    assert UNSURE.probability < SURE.probability < BROKEN.probability
    assert 'data-probability="0.550000"' in draw_table([UNSURE], CARD, 1)


def test_names_are_escaped() -> None:
    row = Row('"><script>alert(1)</script>', error="<b>")
    html = draw_table([row], CARD, 1)
    assert "<script" not in html
    assert "<b></td>" not in html


def test_progress_says_how_far() -> None:
    assert "Looked at 3 of 8" in draw_progress(3, 8, 1)
    assert 'value="3" max="8"' in draw_progress(3, 8, 1)


def test_file_names_break_between_their_words_only() -> None:
    html = draw_table([Row("my_dog-1's.jpg", error="No.")], CARD, 1)
    assert "<b>my_<wbr>dog-<wbr>1&#x27;s.<wbr>jpg</b>" in html
    assert 'data-name="my_dog-1&#x27;s.jpg"' in html
