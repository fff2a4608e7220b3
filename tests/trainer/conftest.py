"""A tiny run and versions made of it, shared by the tests that need them."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from inference.versions.cards import read_card
from inference.versions.catalog import Catalog
from labelling.store.store import Store
from tests.trainer.drawn import BACKBONE, write_splits
from trainer.data.dataset import Dataset, read_dataset
from trainer.finetuning.devices import make_accelerator
from trainer.finetuning.loop import train
from trainer.freezing.export import export_run
from trainer.freezing.version_folder import Version
from trainer.options import TrainOptions
from trainer.progress import Progress

FIXTURE = Path(__file__).resolve().parents[1] / "fixtures" / "drawn" / "1"
OPTIONS = TrainOptions(
    model="drawn", backbone=BACKBONE, epochs=2, batch_size=8, size=64, train_size=64, workers=0
)


@pytest.fixture(scope="session")
def drawn_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_splits(tmp_path_factory.mktemp("drawn"))


@pytest.fixture(scope="session")
def drawn_dataset(drawn_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return read_dataset([str(drawn_data)], folder=tmp_path_factory.mktemp("reading"))


@pytest.fixture(scope="session")
def finished_run(drawn_dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "drawn"
    train(drawn_dataset, OPTIONS, folder, make_accelerator("cpu"), Progress(shown=False))
    return folder


@pytest.fixture(scope="session")
def exported_version(finished_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Version:
    """The finished run as a version: takes seconds."""
    exported = tmp_path_factory.mktemp("exported")
    return export_run(finished_run, exported, Progress(shown=False), licence="CC0 drawings.")


@pytest.fixture(scope="session")
def drawn_version(tmp_path_factory: pytest.TempPathFactory) -> Version:
    """Such a version, exported once: `tests/fixtures/drawn`, a copy of `exported_version`."""
    folder = tmp_path_factory.mktemp("exported") / "drawn" / "1"
    shutil.copytree(FIXTURE, folder)
    return Version(folder, read_card(folder))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "data") as opened:
        yield opened


@pytest.fixture
def catalog(store: Store, drawn_version: Version) -> Catalog:
    return Catalog(drawn_version.folder.parents[1], store.data)
