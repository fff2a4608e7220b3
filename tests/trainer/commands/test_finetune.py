"""Deep training on stored images, from a tiny version."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from inference.classifier import Classifier
from inference.versions.cards import Parent, read_card
from inference.versions.catalog import Catalog
from inference.versions.comparison import read_comparison
from labelling.planned_classes import PlannedClasses, write_planned
from labelling.store.store import Store
from tests.labelling.sample_files import encode
from tests.trainer.drawn import CLASSES, draw
from trainer.__main__ import app
from trainer.freezing.version_folder import Version

pytestmark = pytest.mark.slow

_COUNT = 60  # a class, of which a fifth is locked


@pytest.fixture(scope="module")
def finetuned(drawn_version: Version, tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """A data folder with drawn images, after one Deep training of the drawn model."""
    data = tmp_path_factory.mktemp("data")
    with Store(data) as store:
        for label in CLASSES:
            for seed in range(_COUNT):
                store.add(encode(draw(label, 5000 + seed), "PNG"), label, model="drawn")
    exported = drawn_version.folder.parents[1]
    options = ["--data", str(data), "--exported", str(exported), "--epochs", "1", "--json"]
    found = CliRunner().invoke(app, ["finetune", "--model", "drawn", *options])
    assert found.exit_code == 0, found.output
    assert json.loads(found.stdout.splitlines()[-1])["version"] == 2
    return Catalog(exported, data)


def test_version_is_compared_on_the_locked_images(finetuned: Catalog) -> None:
    folder = finetuned.list_versions("drawn")[2]
    compared = read_comparison(folder)
    assert compared is not None
    with Store(finetuned.data) as store:
        locked = {entry.sha256 for entry in store.find("drawn") if entry.split == "locked"}
    assert {image.sha256 for image in compared.images} == locked
    assert compared.against == Parent(model="drawn", version=1)
    assert (finetuned.read_current("drawn") == 2) == (compared.outcome == "published")


def test_card_says_where_it_comes_from(finetuned: Catalog) -> None:
    card = Classifier(finetuned.list_versions("drawn")[2]).card
    assert card.parent == Parent(model="drawn", version=1)
    assert card.training.kind == "finetune"
    assert card.licence == "CC0 drawings."
    assert card.class_names == CLASSES


def test_page_can_follow_it(finetuned: Catalog) -> None:
    log = finetuned.data / "training" / "progress.jsonl"
    lines = log.read_text(encoding="utf-8").splitlines()
    events = [json.loads(line) for line in lines]
    assert events[0]["kind"] == "finetune"
    assert [event["step"] for event in events if event["event"] == "curve"] == [1]
    epoch = next(event for event in events if event.get("stage") == "epoch")
    assert (epoch["epoch"], epoch["epochs"]) == (1, 1)
    assert events[-1]["event"] == "done"


def test_too_few_images_change_nothing(finetuned: Catalog, tmp_path: Path) -> None:
    options = ["--data", str(tmp_path), "--exported", str(finetuned.exported)]
    found = CliRunner().invoke(app, ["finetune", "--model", "drawn", *options])
    assert found.exit_code != 0
    assert "discs has 0" in str(found.exception)
    assert not (tmp_path / "models").exists()


def test_unfinished_run_of_other_images_is_started_afresh(finetuned: Catalog) -> None:
    shutil.rmtree(finetuned.data / "training" / "finetune" / "drawn")
    folder = finetuned.data / "training" / "deep" / "drawn"  # where earlier releases kept it
    (folder / "checkpoints" / "3").mkdir(parents=True)
    (folder / "run.json").write_text('{"options": {}, "data_sha256": "other"}')
    options = [
        "--data",
        str(finetuned.data),
        "--exported",
        str(finetuned.exported),
        "--epochs",
        "1",
    ]
    found = CliRunner().invoke(app, ["finetune", "--model", "drawn", *options, "--json"])
    assert found.exit_code == 0, found.output
    assert json.loads(found.stdout.splitlines()[-1])["version"] == 3
    assert not folder.exists()


def test_new_model_gets_its_planned_catch_all(finetuned: Catalog, tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        for label in CLASSES:
            for seed in range(24):
                store.add(encode(draw(label, 9000 + seed), "PNG"), label, model="new")
    write_planned(tmp_path, "new", PlannedClasses(CLASSES, CLASSES[1]))
    options = ["--data", str(tmp_path), "--exported", str(finetuned.exported), "--from", "drawn"]
    found = CliRunner().invoke(app, ["finetune", "--model", "new", *options, "--epochs", "1"])
    assert found.exit_code == 0, found.output
    catalog = Catalog(finetuned.exported, tmp_path)
    assert read_card(catalog.find("new")).catch_all == CLASSES[1]
    assert read_comparison(catalog.find("new")).outcome == "first"


def test_class_of_look_alikes_is_one_sentence(finetuned: Catalog, tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        for seed in range(24):
            store.add(encode(draw(CLASSES[0], 7000 + seed), "PNG"), CLASSES[0], model="drawn")
            burst = draw(CLASSES[1], 1).resize((200 + seed, 200 + seed))
            store.add(encode(burst, "PNG"), CLASSES[1], model="drawn")
    options = ["--data", str(tmp_path), "--exported", str(finetuned.exported)]
    found = CliRunner().invoke(app, ["finetune", "--model", "drawn", *options])
    assert "look alike" in str(found.exception)
