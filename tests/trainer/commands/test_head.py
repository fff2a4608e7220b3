import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from PIL import Image, ImageDraw

from inference.classifier import Classifier
from inference.errors import UserInputError
from inference.versions.cards import Parent, parse_card, read_card
from inference.versions.catalog import Catalog
from labelling.store.store import Store
from tests.trainer.drawn import draw
from trainer.commands.head import train_head
from trainer.data.replay_memory import read_memory
from trainer.freezing.head_replacement import read_head
from trainer.freezing.version_folder import Version
from trainer.jobs import CancelledError, run_job
from trainer.options import HeadOptions

ROOT = Path(__file__).resolve().parents[3]


def draw_ring(seed: int) -> Image.Image:
    """A class that the drawn network has never seen: a ring of one bright colour."""
    rng = np.random.default_rng([seed, 9])
    ground = rng.integers(0, 90, (9, 9, 3)).astype(np.uint8)
    image = Image.fromarray(ground).resize((80, 80), Image.Resampling.BICUBIC)
    left, top = (int(v) for v in rng.integers(2, 20, 2))
    ImageDraw.Draw(image).ellipse((left, top, left + 55, top + 55), outline=(255, 60, 60), width=9)
    return image


def encode(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def add(store: Store, label: str, count: int, model: str, first: int = 500) -> list[int]:
    make = draw_ring if label == "rings" else (lambda seed: draw(label, seed))
    return [
        store.add(encode(make(seed)), label, model=model).entry.id
        for seed in range(first, first + count)
    ]


def train(
    catalog: Catalog, store: Store, model: str = "drawn", catch_all: str | None = None
) -> Version:
    with run_job(store.data, "head", model) as job:
        return train_head(catalog, store, HeadOptions(model, None, catch_all), job)


def read_events(data: Path) -> list[dict[str, Any]]:
    lines = (data / "training" / "progress.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_new_class_is_learned_and_nothing_is_forgotten(catalog: Catalog, store: Store) -> None:
    add(store, "rings", 12, "drawn")
    made = train(catalog, store)
    assert made.card.class_names == ("discs", "stripes", "rings")
    assert made.card.version == 2
    assert made.card.parent == Parent(model="drawn", version=1)
    assert made.comparison.new_classes == ("rings",)
    rings = [np.asarray(draw_ring(seed)) for seed in range(20)]
    found = Classifier(made.folder, "cpu").predict(rings)
    assert sum(answer.label == "rings" for answer in found) >= 15


def test_version_is_whole(catalog: Catalog, store: Store, drawn_version: Version) -> None:
    add(store, "rings", 12, "drawn")
    made = train(catalog, store)
    inside = {
        entry.key: entry.value for entry in onnx.load(made.folder / "model.onnx").metadata_props
    }
    assert parse_card(inside["card"]) == read_card(made.folder) == made.card
    assert made.card.backbone_key == drawn_version.card.backbone_key
    assert made.card.graph_sha256 != drawn_version.card.graph_sha256
    assert set(made.card.files) == {
        "README.md",
        "checkpoint.safetensors",
        "comparison.json",
        "memory.npz",
        "report/confusion.png",
        "report/groups.png",
        "report/learning_curves.png",
        "report/mistakes.json",
        "report/reliability.png",
    }
    assert made.card.training.kind == "head"
    assert sum(made.card.data.counts["train"].values()) >= 8
    assert [p.name for p in made.folder.parent.glob(".staging-*")] == []


def test_next_version_starts_from_the_one_in_use(catalog: Catalog, store: Store) -> None:
    add(store, "rings", 12, "drawn")
    first = train(catalog, store)
    catalog.publish("drawn", first.card.version)
    add(store, "discs", 4, "drawn")
    second = train(catalog, store)
    assert second.card.parent == Parent(model="drawn", version=2)
    assert second.card.class_names == first.card.class_names
    memory = read_memory(second.folder, 256)
    files = [name for name in memory.list_files() if name]
    assert len(files) == len(set(files))


def test_new_model_from_the_shipped_backbone(catalog: Catalog, store: Store) -> None:
    add(store, "stripes", 10, "mine")
    add(store, "rings", 10, "mine")
    made = train(catalog, store, "mine", catch_all="stripes")
    assert made.card.class_names == ("rings", "stripes")
    assert made.card.catch_all == "stripes"
    assert made.card.version == 1
    assert made.comparison.outcome == "first"
    assert catalog.read_current("mine") == 1
    assert catalog.read_current("drawn") == 1
    found = Classifier(made.folder, "cpu").predict([np.asarray(draw("stripes", 7))])
    assert found[0].label == "stripes"


def test_two_images_are_enough_for_a_model(catalog: Catalog, store: Store) -> None:
    add(store, "stripes", 1, "mine")
    add(store, "rings", 1, "mine")
    made = train(catalog, store, "mine")
    assert made.card.metrics == {}
    assert "report/report.html" not in made.card.files
    assert Classifier(made.folder, "cpu").predict([np.asarray(draw_ring(3))])


def test_deleted_image_is_forgotten(catalog: Catalog, store: Store) -> None:
    numbers = add(store, "rings", 12, "drawn")
    first = train(catalog, store)
    catalog.publish("drawn", first.card.version)
    gone = store.get(numbers[0]).sha256
    assert gone in read_memory(first.folder, 256).list_files()
    store.delete(numbers[0], "Ann")
    second = train(catalog, store)
    assert gone not in read_memory(second.folder, 256).list_files()


def test_same_images_give_the_same_head(
    catalog: Catalog, store: Store, drawn_version: Version
) -> None:
    add(store, "rings", 8, "drawn")
    heads = []
    for _ in range(2):
        made = train(catalog, store)
        heads.append(read_head(onnx.load(made.folder / "model.onnx")))
        catalog.publish("drawn", 1)
    assert (heads[0].weight == heads[1].weight).all()
    assert (heads[0].bias == heads[1].bias).all()


@pytest.mark.parametrize(
    ("labels", "catch_all", "words"),
    [
        ({}, None, "At least two classes are needed"),
        ({"rings": 2}, None, "only the class rings has"),
        ({"rings": 2, "discs": 2}, "cats", "'cats' is not among the classes"),
    ],
)
def test_too_few_images_are_refused_in_a_sentence(
    catalog: Catalog,
    store: Store,
    labels: dict[str, int],
    catch_all: str | None,
    words: str,
) -> None:
    for label, count in labels.items():
        add(store, label, count, "mine")
    with pytest.raises(UserInputError, match=words):
        train(catalog, store, "mine", catch_all)
    assert read_events(store.data)[-1]["event"] == "failed"
    assert words in read_events(store.data)[-1]["sentence"]
    assert catalog.list_versions("mine") == {}


def test_class_whose_images_are_all_gone_is_named(catalog: Catalog, store: Store) -> None:
    numbers = add(store, "rings", 2, "drawn")
    made = train(catalog, store)
    catalog.publish("drawn", made.card.version)
    for number in numbers:
        store.delete(number, "Ann")
    with pytest.raises(UserInputError, match="The class rings has no picture to learn from"):
        train(catalog, store)
    assert catalog.read_current("drawn") == made.card.version


def test_every_stage_is_logged(catalog: Catalog, store: Store) -> None:
    add(store, "rings", 8, "drawn")
    made = train(catalog, store)
    events = read_events(store.data)
    stages = [event["stage"] for event in events if event["event"] == "stage"]
    order = list(dict.fromkeys(stages))
    assert order == ["reading", "embedding", "fitting", "comparing", "proving", "writing"]
    curve = [event for event in events if event["event"] == "curve"]
    assert curve and all(0 <= point["accuracy"] <= 1 for point in curve)
    assert json.loads((made.folder / "comparison.json").read_text())["locked"] == 12 + len(
        [
            entry
            for entry in store.find("drawn")
            if entry.split == "locked" and entry.label in "discs"
        ]
    )


@pytest.mark.parametrize("stage", ["embedding", "fitting", "proving", "writing"])
def test_cancel_at_any_stage_changes_nothing(
    catalog: Catalog, store: Store, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(store, "rings", 6, "drawn")
    with pytest.raises(CancelledError), run_job(store.data, "head", "drawn") as job:
        tell = job.stage

        def cancel(name: str, done: int = 0, total: int = 1) -> None:
            if name == stage:
                (store.data / "training" / "cancel").touch()
            tell(name, done, total)

        monkeypatch.setattr(job, "stage", cancel)
        train_head(catalog, store, HeadOptions("drawn"), job)
    assert read_events(store.data)[-1]["event"] == "cancelled"
    assert list(catalog.list_versions("drawn")) == [1]
    assert not list((store.data / "models").glob("*/.staging-*"))


def run_head(catalog: Catalog, *options: str) -> list[str]:
    folders = [f"--data={catalog.data}", f"--exported={catalog.exported}"]
    return [sys.executable, "-m", "trainer", "head", "--model=drawn", *folders, *options]


def wait_for_stage(process: subprocess.Popen[bytes], data: Path, stage: str) -> None:
    deadline = time.monotonic() + 120
    path = data / "training" / "progress.jsonl"
    while time.monotonic() < deadline:
        if path.is_file() and f'"{stage}"' in path.read_text(encoding="utf-8"):
            return
        assert process.poll() is None, stage
        time.sleep(0.002)
    raise AssertionError(f"{stage} was not reached")


@pytest.mark.parametrize("stage", ["reading", "fitting", "proving"])
@pytest.mark.slow
def test_kill_in_the_middle_leaves_what_was_live(
    catalog: Catalog, store: Store, stage: str
) -> None:
    add(store, "rings", 8, "drawn")
    process = subprocess.Popen(run_head(catalog), cwd=ROOT)
    wait_for_stage(process, store.data, stage)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert list(catalog.list_versions("drawn")) == [1]
    assert catalog.read_current("drawn") == 1
    assert read_events(store.data)[-1]["event"] in ("stage", "curve")
    made = train(catalog, store)
    assert made.card.version >= 2
    assert not list((store.data / "models").glob("*/.staging-*"))


@pytest.mark.slow
def test_terminated_training_logs_that_it_was_cancelled(catalog: Catalog, store: Store) -> None:
    add(store, "rings", 8, "drawn")
    process = subprocess.Popen(run_head(catalog), cwd=ROOT, stderr=subprocess.PIPE)
    wait_for_stage(process, store.data, "reading")
    process.terminate()
    _, stderr = process.communicate(timeout=120)
    assert process.returncode == 1
    assert stderr.decode().strip() == "Cancelled. Nothing has changed."
    assert read_events(store.data)[-1] == {"event": "cancelled"}


@pytest.mark.slow
def test_command_prints_its_result_and_imports_no_torch(catalog: Catalog, store: Store) -> None:
    """Up to the check of the labels at its very end, not scikit-learn or datasets either."""
    add(store, "rings", 8, "drawn")
    script = (
        "import sys; import trainer.commands.check_labels as last; "
        "before = set(); finish = last.finish_checked; "
        "last.finish_checked = lambda *a: (before.update(sys.modules), finish(*a)); "
        "from trainer.__main__ import app; app(sys.argv[1:], standalone_mode=False); "
        "early = {'torch', 'sklearn', 'datasets', 'gradio'} & before; "
        "print(*early, *{'torch', 'gradio'} & set(sys.modules), 'numpy' in before)"
    )
    command = [sys.executable, "-c", script, *run_head(catalog, "--json")[3:]]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    result, loaded = done.stdout.split("\n")[:2]
    assert json.loads(result)["version"] == 2
    assert loaded == "True"
