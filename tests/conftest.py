"""Fixtures that every test may ask for."""

import os
from pathlib import Path

import pytest

os.environ["HF_HUB_OFFLINE"] = "1"

pytest_plugins = ["tests.homes"]


@pytest.fixture(scope="session")
def embedded_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder `models` with the embedded encoder's towers, exported once per session; its parent can be a
    home folder, or link to it: `(home / "models").symlink_to(embedded_models)`."""
    from indexer.encoders.export import exported_towers

    models = tmp_path_factory.mktemp("home") / "models"
    exported_towers(models)
    return models
