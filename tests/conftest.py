"""Fixtures that every test may ask for."""

import os
from pathlib import Path

import pytest

os.environ["HF_HUB_OFFLINE"] = "1"

pytest_plugins = ["tests.homes", "tests.jobs"]


@pytest.fixture(scope="session")
def embedded_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder `models` with the embedded encoder's towers, exported once per session; its parent can be a
    home folder, or link to it: `(home / "models").symlink_to(embedded_models)`."""
    from indexer.config import Settings
    from indexer.encoders import load_encoder

    home = tmp_path_factory.mktemp("home")
    load_encoder("embedded", Settings(home=home))
    return home / "models"


@pytest.fixture(scope="session")
def diffusion_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder of a tiny Stable Diffusion with random weights: a value for the parameter `model`."""
    from tests.pipelines import sd
    from tuner.diffusion.pipelines import quiet

    with quiet():
        return str(sd(tmp_path_factory.mktemp("diffusion") / "tiny"))
