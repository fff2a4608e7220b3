import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.errors import UserInputError
from labelling.exchange.metadata import read_annotation, read_lines, read_sha256, write_line
from labelling.store.adding import Annotation
from labelling.store.entries import Entry, RecordedPrediction
from labelling.store.placement import Assignment
from tests.labelling.stored import make_sha256

ENTRY = Entry(
    id=7,
    sha256=make_sha256(1),
    model="pets",
    label="cat",
    state="pending",
    split="locked",
    group=make_sha256(2),
    who="Ann",
    created="2026-01-02T03:04:05.000006+00:00",
    prediction=RecordedPrediction("dog", 0.25, "pets", 3, "unsure"),
    width=640,
    height=480,
    name="My cat.jpg",
    origin_sha256=make_sha256(3),
)


def test_a_line_says_what_the_store_knows() -> None:
    values = json.loads(write_line(ENTRY, "cat/1.jpg"))
    assert values["file_name"] == "cat/1.jpg"
    assert "id" not in values
    assert read_sha256(values, "sha256") == ENTRY.sha256
    assert read_annotation(values, Annotation("other", who="Bob")) == Annotation(
        "cat",
        model="pets",
        state="pending",
        who="Ann",
        prediction=ENTRY.prediction,
        name="My cat.jpg",
        created=ENTRY.created,
        assignment=Assignment(ENTRY.group, "locked"),
    )


def test_a_split_of_an_earlier_release_has_its_name_of_today() -> None:
    annotation = read_annotation(
        {"label": "cat", "group": make_sha256(2), "split": "aside"}, Annotation("")
    )
    assert annotation.assignment == Assignment(make_sha256(2), "excluded")


def test_columns_have_one_type() -> None:
    from dataclasses import replace

    one = json.loads(write_line(ENTRY, "1.jpg"))
    other = json.loads(write_line(replace(ENTRY, prediction=None), "1.jpg"))
    assert [(k, type(v)) for k, v in one.items()] == [(k, type(v)) for k, v in other.items()]
    assert read_annotation(other, Annotation("")).prediction is None


@pytest.mark.parametrize(
    "values",
    [
        {"label": 3},
        {"label": None},
        {"label": "a/b"},
        {"label": ["cat"]},
        {"label": "cat", "model": "../x"},
        {"label": "cat", "state": "good"},
        {"label": "cat", "who": {}},
    ],
    ids=str,
)
def test_lines_of_strangers_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(UserInputError):
        read_annotation(values, Annotation("other"))


@pytest.mark.parametrize(
    "values",
    [
        {"split": "locked", "group": "x"},
        {"split": ["locked"], "group": make_sha256(1)},
        {"split": "best", "group": make_sha256(1)},
        {"created": "yesterday"},
        {"answer_label": "dog", "answer_probability": "1"},
        {"answer_label": "dog", "answer_probability": float("nan")},
        {"answer_label": "dog", "answer_probability": 10**400},
        {"answer_label": "dog", "answer_probability": 1.5},
    ],
    ids=str,
)
def test_what_is_not_understood_is_left_to_the_store(values: dict[str, Any]) -> None:
    assert read_annotation(values, Annotation("cat")) == Annotation("cat")


def test_huge_numbers_are_not_kept() -> None:
    values = {"answer_label": "dog", "answer_probability": 1, "answer_version": 10**30}
    found = read_annotation(values, Annotation("cat")).prediction
    assert found == RecordedPrediction("dog", 1.0, "", 0, "")


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"[]\n",
        b"1\n",
        b"\xff\xfe\n",
        b'{"a": ' + b"[" * 99_000 + b"\n",
        b'"' + b"a" * 200_000,
        b'{"a": ' + b"9" * 5000 + b"}\n",
    ],
    ids=["cut", "list", "number", "bytes", "deep", "long", "endless"],
)
def test_files_that_are_no_lines_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "metadata.jsonl"
    path.write_bytes(content)
    with pytest.raises(UserInputError, match=r"metadata\.jsonl is not"):
        list(read_lines(path))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
names = st.sampled_from(list(json.loads(write_line(ENTRY, "x"))))


@given(st.dictionaries(names, json_values))
def test_any_line_is_a_note_or_a_sentence(values: dict[str, Any]) -> None:
    try:
        annotation = read_annotation(values, Annotation("cat"))
    except UserInputError:
        return
    assert annotation == annotation.check()


def test_endless_lines_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "metadata.jsonl"
    path.write_bytes(b"{}\n" * 500_001)
    with pytest.raises(UserInputError, match="more than 500,000 lines"):
        list(read_lines(path))
    with path.open("wb") as file:
        file.truncate(300_000_001)
    with pytest.raises(UserInputError, match="at most 300 are read"):
        list(read_lines(path))
