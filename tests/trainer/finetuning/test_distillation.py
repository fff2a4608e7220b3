from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional

from inference.errors import UserInputError
from tests.trainer.conftest import OPTIONS
from tests.trainer.drawn import CLASSES
from trainer.data.dataset import Dataset
from trainer.finetuning import run_folder as runs
from trainer.finetuning.devices import make_accelerator
from trainer.finetuning.distillation import Teachers
from trainer.finetuning.loop import load_chosen, train
from trainer.finetuning.weights import CHOSEN
from trainer.freezing.version_folder import Version
from trainer.progress import Progress

CPU = torch.device("cpu")


def test_without_teachers_the_loss_is_the_labels() -> None:
    teachers = Teachers(OPTIONS, CLASSES, CPU)
    loss = torch.tensor(0.7)
    assert teachers.add_to(loss, torch.zeros(2, 2), torch.zeros(2, 3, 64, 64)) is loss


def test_loss_is_least_where_the_model_predicts_what_its_teacher_does(
    finished_run: Path, drawn_dataset: Dataset
) -> None:
    options = replace(OPTIONS, teachers=(str(finished_run),), distil=1.0)
    teachers = Teachers(options, CLASSES, CPU)
    batch = torch.rand(4, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        said = load_chosen(finished_run, drawn_dataset)(batch)
    labels = functional.cross_entropy(said, torch.zeros(4, dtype=torch.long))
    agreed = teachers.add_to(labels, said, batch)
    differed = teachers.add_to(labels, -3 * said + 1, batch)
    assert agreed.item() == pytest.approx(0.0, abs=1e-5)
    assert differed.item() > 0.001


def test_teachers_count_for_their_share_only(finished_run: Path) -> None:
    options = replace(OPTIONS, teachers=(str(finished_run),), distil=0.0)
    teachers = Teachers(options, CLASSES, CPU)
    loss = teachers.add_to(torch.tensor(0.5), torch.ones(1, 2), torch.rand(1, 3, 64, 64))
    assert loss.item() == pytest.approx(0.5)


def test_teacher_is_not_trained(finished_run: Path) -> None:
    options = replace(OPTIONS, teachers=(str(finished_run),))
    [network] = Teachers(options, CLASSES, CPU).models
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_version_can_teach(drawn_version: Version, finished_run: Path) -> None:
    options = replace(OPTIONS, teachers=(str(drawn_version.folder), str(finished_run)))
    one, other = Teachers(options, CLASSES, CPU).models
    assert all(torch.equal(v, other.state_dict()[k]) for k, v in one.state_dict().items())


def test_folder_without_a_finished_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserInputError, match="neither a finished run nor a version"):
        Teachers(replace(OPTIONS, teachers=(str(tmp_path),)), CLASSES, CPU)


def test_teacher_of_other_classes_is_refused(finished_run: Path) -> None:
    with pytest.raises(UserInputError, match="has the classes discs, stripes, not a, b"):
        Teachers(replace(OPTIONS, teachers=(str(finished_run),)), ("a", "b"), CPU)


def test_model_learns_from_a_teacher_with_its_first_stages_frozen(
    drawn_dataset: Dataset, finished_run: Path, tmp_path: Path
) -> None:
    options = replace(OPTIONS, epochs=1, frozen=2, hard=3.0, average=0.5, weights=None)
    taught = replace(options, teachers=(str(finished_run),), distil=1.0)
    for name, wanted in (("alone", options), ("taught", taught)):
        train(
            drawn_dataset, wanted, tmp_path / name, make_accelerator("cpu"), Progress(shown=False)
        )
        assert runs.read_options(tmp_path / name) == wanted
    alone, other = (load_file(tmp_path / name / CHOSEN) for name in ("alone", "taught"))
    differing = {name for name, value in alone.items() if not torch.equal(value, other[name])}
    assert not any(name.startswith(("conv_stem", "blocks.0.")) for name in differing)
    assert any(name.startswith("blocks.") for name in differing)


def test_teacher_of_another_normalisation_is_refused(finished_run: Path) -> None:
    options = replace(OPTIONS, backbone="tf_efficientnet_lite0", teachers=(str(finished_run),))
    with pytest.raises(UserInputError, match="another mean and std"):
        Teachers(options, CLASSES, CPU)
