"""What a ControlNet is shown of a picture."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from indexer.config import Settings
from indexer.errors import TuneError, UsageError
from indexer.types import Floats
from tests.depth import write_depth_network
from tuner.diffusion.control import control_map, edges, nearness
from tuner.work import Work


@pytest.fixture(scope="module")
def photograph() -> Floats:
    from skimage.data import astronaut

    return astronaut()[:240, 100:300].astype(np.float32) / 255


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_depth_network(tmp_path_factory.mktemp("depth") / "relative")


def disc(low: float, high: float) -> Floats:
    y, x = np.mgrid[:120, :160]
    inside = np.hypot(x - 80, y - 60) < 40
    return np.repeat(np.where(inside, high, low).astype(np.float32)[..., None], 3, axis=2)


def test_edges_lie_where_the_picture_changes_and_nowhere_else() -> None:
    found = edges(disc(0.2, 0.8))
    y, x = np.nonzero(found)
    distance = np.abs(np.hypot(x - 80, y - 60) - 40)
    assert set(np.unique(found)) == {0, 1} and distance.max() < 2.5
    assert 2 * np.pi * 40 * 0.8 < len(x) < 2 * np.pi * 40 * 1.5, "one pixel wide, all the way round"


def test_a_dim_picture_has_the_edges_of_a_bright_one(photograph: Floats) -> None:
    bright, dim = edges(photograph), edges(photograph * np.float32(0.4))
    near = cv2.dilate(bright, np.ones((3, 3)))
    assert 0.03 < bright.mean() < 0.3
    assert abs(dim.mean() / bright.mean() - 1) < 0.2 and (dim * near).sum() > 0.9 * dim.sum()
    assert (edges(disc(0.4, 0.5)) > 0).sum() > 150


def test_noise_and_flat_pictures_have_none() -> None:
    assert edges(np.full((50, 60, 3), 0.5, np.float32)).max() == 0
    noisy = np.random.default_rng(0).normal(0.5, 0.02, (90, 90, 3)).clip(0, 1).astype(np.float32)
    assert edges(noisy).max() == 0
    assert edges(np.full((1, 1, 3), 0.5, np.float32)).shape == (1, 1)


def test_the_map_of_edges_is_a_picture_of_its_size(photograph: Floats) -> None:
    made = control_map("edges", photograph, Work(Settings()))
    assert made.shape == photograph.shape and made.dtype == np.float32
    assert np.array_equal(made[..., 0], edges(photograph)) and np.array_equal(made[..., 0], made[..., 2])


def test_depth_needs_a_network(photograph: Floats, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="pixloom models pull depth-anything-v2-small"):
        control_map("depth", photograph, Work(Settings()))
    with pytest.raises(TuneError, match="no depth network in"):
        control_map("depth", photograph, Work(Settings()), tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(TuneError, match="holds no depth network that can be loaded"):
        nearness(photograph, tmp_path)


def test_depth_is_that_of_the_network_stretched(photograph: Floats, network: Path) -> None:
    import torch
    from transformers import AutoImageProcessor, DepthAnythingForDepthEstimation

    made = control_map("depth", photograph, Work(Settings()), network)
    assert made.shape == photograph.shape and made.dtype == np.float32
    assert made.min() == 0 and made.max() == 1
    processor = AutoImageProcessor.from_pretrained(network)
    model = DepthAnythingForDepthEstimation.from_pretrained(network).eval()
    with torch.no_grad():
        raw = model(**processor(images=np.rint(photograph * 255).astype(np.uint8), return_tensors="pt"))
    small = cv2.resize(made[..., 0], raw.predicted_depth.shape[:0:-1], interpolation=cv2.INTER_AREA)
    assert np.corrcoef(small.ravel(), raw.predicted_depth[0].numpy().ravel())[0, 1] > 0.95
    assert np.array_equal(made, control_map("depth", photograph, Work(Settings()), network))


def test_distances_are_turned_round(photograph: Floats, network: Path, tmp_path: Path) -> None:
    told = write_depth_network(tmp_path / "metric", "metric")
    near, far = nearness(photograph, network), nearness(photograph, told)
    assert np.corrcoef(near.ravel(), far.ravel())[0, 1] < -0.5, "the same weights, of which one is said to tell metres"
