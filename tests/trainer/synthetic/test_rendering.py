"""Rendered images: the same every time, in the right folders, held-out ones of other artwork."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inference.errors import UserInputError
from trainer.synthetic import artwork, drawings, rendering
from trainer.synthetic.compositing import LEAST_CONTRAST, measure_contrast, place, solve_perspective
from trainer.synthetic.palettes import HELDOUT, TRAIN
from trainer.synthetic.scenes import HOT_DOG_SCENES, OTHER_SCENES, list_scenes

FIXTURES = Path(__file__).parents[2] / "fixtures" / "rendered"
needs_artwork = pytest.mark.skipif(
    not (artwork.EMOJI_FONT.is_file() and artwork.CLIPART_FOLDER.is_dir()),
    reason="needs the Debian packages fonts-noto-color-emoji and openclipart-png",
)


def digest_files(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*.*")
    }


@needs_artwork
def test_same_seed_gives_same_files_and_another_seed_others(tmp_path: Path) -> None:
    for name, seed in (("first", 0), ("again", 0), ("other", 1)):
        rendering.render_demo_data(tmp_path / name, count_per_class=3, heldout_count=4, seed=seed)
    first, again, other = (digest_files(tmp_path / name) for name in ("first", "again", "other"))
    assert first == again
    assert not set(first.values()) & set(other.values())


@needs_artwork
def test_more_images_leave_the_first_ones_as_they_were(tmp_path: Path) -> None:
    rendering.render_demo_data(tmp_path / "few", count_per_class=2, heldout_count=4)
    rendering.render_demo_data(tmp_path / "more", count_per_class=4, heldout_count=4)
    few, more = digest_files(tmp_path / "few"), digest_files(tmp_path / "more")
    assert few.items() < more.items()


@needs_artwork
def test_writes_label_folders_with_images_of_the_stated_sizes(tmp_path: Path) -> None:
    counts = rendering.render_demo_data(tmp_path, count_per_class=5, heldout_count=4)
    assert counts == {
        "train/hot_dog": 5,
        "train/not_hot_dog": 5,
        "heldout/hot_dog": 4,
        "heldout/not_hot_dog": 4,
    }
    for folder, count in counts.items():
        assert len(list((tmp_path / folder).iterdir())) == count
    for path in tmp_path.glob("*/*/*"):
        assert_stated_size(path, heldout=path.parts[-3] == "heldout")


def test_fixtures_are_forty_small_images_a_class() -> None:
    for label in rendering.LABELS:
        paths = list((FIXTURES / label).iterdir())
        assert len(paths) == 40
        for path in paths:
            assert_stated_size(path, heldout=True)


def assert_stated_size(path: Path, *, heldout: bool) -> None:
    assert path.name.startswith("rendered_")
    assert path.suffix == (".webp" if heldout else ".jpg")
    assert not heldout or path.stat().st_size <= rendering.HELDOUT_BYTES
    with Image.open(path) as image:
        assert image.mode == "RGB"
        assert min(image.size) >= 200
        assert max(image.size) <= (288 if heldout else 400)


@pytest.mark.parametrize(
    "field",
    ["grounds", "hot_dog_cliparts", "food_cliparts", "meals", "food_emoji", "thing_emoji", "words"],
)
def test_heldout_artwork_is_not_in_training(field: str) -> None:
    train, heldout = set(getattr(TRAIN, field)), set(getattr(HELDOUT, field))
    assert train
    assert heldout
    assert not train & heldout


def test_heldout_drawings_are_not_in_training() -> None:
    assert not set(TRAIN.dishes) & set(HELDOUT.dishes)
    assert not set(TRAIN.dishes.values()) & set(HELDOUT.dishes.values())
    assert not set(drawings.TRAIN_PATTERNS) & set(drawings.HELDOUT_PATTERNS)
    assert not set(drawings.TRAIN_BUNS) & set(drawings.HELDOUT_BUNS)
    assert "meal" not in list_scenes(HELDOUT, "hot_dog")


def test_no_hot_dog_among_what_is_not_one() -> None:
    for palette in (TRAIN, HELDOUT):
        assert artwork.HOT_DOG_EMOJI not in palette.food_emoji + palette.thing_emoji
        others = palette.food_cliparts + palette.meals
        assert not set(others) & {artwork.HOT_DOG_MEAL, *palette.hot_dog_cliparts}
        assert not [name for name in others if "hot_dog" in name or "corn_dog" in name]


def test_shares_of_scenes_add_up_to_one() -> None:
    for scenes in (HOT_DOG_SCENES, OTHER_SCENES):
        assert sum(share for _, share in scenes.values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("constant", "package"),
    [("EMOJI_FONT", "fonts-noto-color-emoji"), ("CLIPART_FOLDER", "openclipart-png")],
)
def test_missing_package_gives_one_sentence_and_no_file(
    constant: str, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    font = tmp_path / "font.ttf"
    font.touch()
    monkeypatch.setattr(artwork, "EMOJI_FONT", font)
    monkeypatch.setattr(artwork, constant, tmp_path / "nowhere")
    with pytest.raises(UserInputError, match=rf"install the Debian package {package}\.$"):
        rendering.render_demo_data(tmp_path / "demo")
    assert not (tmp_path / "demo").exists()


@pytest.mark.parametrize("ground", [(250, 250, 250), (10, 10, 10), (226, 160, 84)])
def test_drawn_hot_dog_stands_out_and_is_whole(ground: tuple[int, int, int]) -> None:
    generator = np.random.default_rng(3)
    paper = Image.new("RGB", (240, 200), ground)
    hot_dog = drawings.draw_hot_dog(generator)
    image = np.asarray(place(generator, paper, hot_dog, 0.9)).astype(int)
    changed = np.abs(image - np.array(ground)).sum(-1) > 60
    assert 0.05 < changed.mean() < 0.9
    assert not changed[[0, -1]].any()
    assert not changed[:, [0, -1]].any()


def test_contrast_is_the_distance_of_mean_colours() -> None:
    piece = Image.new("RGBA", (20, 10), (100, 0, 0, 255))
    paper = Image.new("RGB", (50, 50), (0, 0, 0))
    assert measure_contrast(paper, piece, (5, 5)) == pytest.approx(100)
    assert LEAST_CONTRAST < 100


def test_perspective_takes_each_corner_to_its_own() -> None:
    source = np.array([(0, 0), (10, 0), (10, 8), (0, 8)], dtype=float)
    target = source + np.array([(1, 1), (-1, 0), (-2, -1), (0, -1)])
    a, b, c, d, e, f, g, h = solve_perspective(target, source)
    x, y = target.T
    below = g * x + h * y + 1
    found = np.stack([(a * x + b * y + c) / below, (d * x + e * y + f) / below], axis=1)
    np.testing.assert_allclose(found, source, atol=1e-9)


@needs_artwork
def test_emoji_edges_keep_their_colour() -> None:
    pixels = np.asarray(artwork.draw_emoji("🟥")).astype(int)
    edge = pixels[(pixels[..., 3] > 30) & (pixels[..., 3] < 220)]
    inside = pixels[(pixels[..., 3] == 255)].mean(0)
    assert len(edge)
    assert np.abs(edge[:, 0] - inside[0]).max() < 40
