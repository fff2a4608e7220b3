"""Fixtures shared by all tests."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from inference.classifier import Classifier
from inference.versions.catalog import Catalog
from tests.running import ROOT, RunningApp, find_free_port, start_app

# A busy machine is no reason for a test to fail.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")


@pytest.fixture(scope="session")
def exported() -> Path:
    """The shipped folder of frozen models, or the one that `CLASSIFIER_EXPORTED` names."""
    return Path(os.environ.get("CLASSIFIER_EXPORTED", ROOT / "exported"))


@pytest.fixture(scope="session")
def classifier(exported: Path) -> Classifier:
    return Classifier(Catalog(exported).find("hotdog"), "cpu")


@pytest.fixture(scope="session")
def app(exported: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    """One page for all tests that only look at it and ask it."""
    port = find_free_port()
    env = {
        "CLASSIFIER_EXPORTED": str(exported),
        "CLASSIFIER_DATA": str(tmp_path_factory.mktemp("data")),
        "CLASSIFIER_PROVIDERS": "cpu",
    }
    with start_app("--port", str(port), port=port, env=env) as running:
        yield running
