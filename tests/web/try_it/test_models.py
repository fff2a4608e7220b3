from pathlib import Path

from inference.versions.catalog import Catalog
from tests.inference.tiny_versions import write_version
from web.serving import Service
from web.try_it.models import choose_model, describe_choice


def test_choice_is_shown_only_where_there_is_one() -> None:
    assert describe_choice(["hotdog"], "hotdog")["visible"] is False
    assert describe_choice(["hotdog", "my_pets"], "my_pets") == {
        "choices": [("Hotdog", "hotdog"), ("My pets", "my_pets")],
        "value": "my_pets",
        "visible": True,
    }


def test_what_cannot_be_had_any_more_is_the_usual_one(tmp_path: Path) -> None:
    for model in ("colours", "shades"):
        write_version(tmp_path / model / "1", model=model)
    service = Service(Catalog(tmp_path), "colours", None, "cpu")
    for wanted, model in (
        ("", "colours"),
        ("shades", "shades"),
        ("gone", "colours"),
        ("../a", "colours"),
    ):
        assert choose_model(service, wanted) == model
