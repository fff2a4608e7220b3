from pathlib import Path

from inference.versions.catalog import Catalog
from tests.inference.tiny_versions import write_version
from web.serving import Service
from web.try_it.network_choice import choose_model, draw_networks


def test_choice_is_shown_only_where_there_is_one() -> None:
    assert draw_networks(["hotdog"], "hotdog") == ""
    html = draw_networks(["hotdog", "my_pets"], "my_pets")
    assert '<option value="hotdog">Hotdog</option>' in html
    assert '<option value="my_pets" selected>My pets</option>' in html


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
