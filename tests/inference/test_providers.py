"""The provider that was asked for, or a sentence; what is said is what the session uses."""

from pathlib import Path
from typing import Any

import onnxruntime as ort
import pytest

from inference import providers
from inference.classifier import Classifier
from inference.errors import UserInputError
from inference.providers import (
    CPU,
    CUDA,
    list_providers,
    make_session,
    name_provider,
    open_session,
)
from tests.inference.tiny_versions import make_network, write_version


@pytest.fixture
def network(tmp_path: Path) -> Path:
    path = tmp_path / "model.onnx"
    path.write_bytes(make_network())
    return path


class FakeSession:
    """Says that it uses what it was told, as a session on a machine with that provider would."""

    def __init__(self, used: list[str]) -> None:
        self.used = used

    def get_providers(self) -> list[str]:
        return self.used


def accept(_: Any) -> None:
    return None


def test_cpu(network: Path) -> None:
    session = make_session(network, "cpu", accept)
    assert session.get_providers() == [CPU]
    assert name_provider(session) == "cpu"


def test_session_from_bytes() -> None:
    assert name_provider(open_session(make_network())) == "cpu"


def test_auto_takes_the_cpu_without_a_cuda_driver(
    network: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(providers, "_has_cuda_driver", lambda: False)
    assert name_provider(make_session(network, "auto", accept)) == "cpu"


def test_cuda_by_name_without_a_driver(network: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(providers, "_has_cuda_driver", lambda: False)
    with pytest.raises(UserInputError, match=r"^cuda cannot be had: .*\. Use auto or cpu\.$"):
        make_session(network, "cuda", accept)


def test_provider_that_was_not_built_in_names_those_that_were(
    network: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ort, "get_available_providers", lambda: [CPU])
    with pytest.raises(UserInputError, match=r"coreml cannot be had: .* built with cpu only"):
        make_session(network, "coreml", accept)


@pytest.mark.parametrize("name", ["gpu", "CUDA", "", "CPUExecutionProvider", "abacus"])
def test_unknown_name_lists_the_known(network: Path, name: str) -> None:
    with pytest.raises(UserInputError, match=f"no provider {name!r}.* among auto, cpu") as caught:
        make_session(network, name, accept)
    for known in list_providers():
        assert known in str(caught.value)


def pretend_cuda(monkeypatch: pytest.MonkeyPatch, used: list[str]) -> list[str]:
    """Let CUDA look as if it could be had; its sessions use `used`. Returns what was opened."""
    opened: list[str] = []

    def open_fake(model: Path, provider: str = CPU) -> Any:
        opened.append(provider)
        return FakeSession(used) if provider == CUDA else open_session(model, provider)

    monkeypatch.setattr(ort, "get_available_providers", lambda: [CUDA, CPU])
    monkeypatch.setattr(providers, "_has_cuda_driver", lambda: True)
    monkeypatch.setattr(providers, "open_session", open_fake)
    return opened


def test_auto_prefers_cuda_where_it_works(network: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = pretend_cuda(monkeypatch, [CUDA, CPU])
    assert name_provider(make_session(network, "auto", accept)) == "cuda"
    assert opened == [CUDA]


@pytest.mark.parametrize("wanted", ["auto", "cuda"])
def test_silent_fallback_is_not_believed(
    network: Path, monkeypatch: pytest.MonkeyPatch, wanted: str
) -> None:
    pretend_cuda(monkeypatch, [CPU])
    if wanted == "auto":
        assert name_provider(make_session(network, wanted, accept)) == "cpu"
    else:
        with pytest.raises(UserInputError, match="could not start it"):
            make_session(network, wanted, accept)


@pytest.mark.parametrize("wanted", ["auto", "cuda"])
def test_provider_that_answers_wrongly_is_refused(
    network: Path, monkeypatch: pytest.MonkeyPatch, wanted: str
) -> None:
    pretend_cuda(monkeypatch, [CUDA, CPU])
    asked: list[Any] = []

    def refuse(session: Any) -> str:
        asked.append(session)
        return "its answers differ by 0.060 from those of the CPU."

    if wanted == "auto":
        assert name_provider(make_session(network, wanted, refuse)) == "cpu"
    else:
        with pytest.raises(
            UserInputError, match=r"cuda cannot be had: its answers differ by 0\.06"
        ):
            make_session(network, wanted, refuse)
    assert [type(session) for session in asked] == [FakeSession]


def test_classifier_refuses_a_provider_by_its_probes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session that is not the CPU's must give the card's answers to within 0.02."""

    def open_fake(model: Path, provider: str = CPU) -> Any:
        session = open_session(model)
        monkeypatch.setattr(session, "get_providers", lambda: [provider, CPU])
        return session

    monkeypatch.setattr(ort, "get_available_providers", lambda: [CUDA, CPU])
    monkeypatch.setattr(providers, "_has_cuda_driver", lambda: True)
    monkeypatch.setattr(providers, "open_session", open_fake)
    good = write_version(tmp_path / "1")
    assert Classifier(good, "cuda").provider == "cuda"
    probes = [{"height": 4, "width": 4, "seed": 0, "probabilities": [0.0, 0.0, 1.0]}]
    bad = write_version(tmp_path / "2", probes=probes)
    assert Classifier(bad, "auto").provider == "cpu"
    with pytest.raises(UserInputError, match="cuda cannot be had: its answers differ"):
        Classifier(bad, "cuda")


def test_unknown_provider_of_a_session_keeps_its_name() -> None:
    assert name_provider(FakeSession(["QnnExecutionProvider"])) == "QnnExecutionProvider"  # type: ignore[arg-type]


def test_threads_are_those_that_may_be_used(network: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(providers, "count_usable_cores", lambda: 1)
    options = open_session(network).get_session_options()
    assert options.intra_op_num_threads == 1
    assert options.inter_op_num_threads == 1
    assert not options.enable_cpu_mem_arena
