"""The table of operations: what holds for all of them."""

import numpy as np
import pytest
from skimage import data

from indexer.config import Settings
from indexer.errors import PixloomError, StoppedError, UsageError
from indexer.types import Floats
from tests.shelf import Shelf, plain
from tuner.operation import Operation
from tuner.operations import MODULES, get_operation, read_parameters
from tuner.raster import Raster, from_bytes, reduced
from tuner.work import Work

NEEDS: dict[str, dict[str, object]] = {
    "tone": {"exposure": 0.5},
    "guided": {"prompt": "warm, bright"},
    "inpaint": {"box": "20,20,12,10"},
    "style": {"preset": "sepia"},
    "palette": {"colours": "#1b3a4b, #f2e8cf, #a44a3f"},
    "blend": {"into": "2", "box": "10,10,76,76"},
    "cut": {"box": "10,10,76,76"},
    "dejpeg": {"quality": 30},
    "deblur": {"kernel": "gaussian", "radius": 1.0},
    "double-exposure": {"reference": "2"},
    "collage": {"pictures": ["2", "3"], "width": 200},
    "photomosaic": {"columns": 8, "tile": 8},
    "restore": {"colour": False},
    "generate": {"prompt": "a dog", "steps": 2},
    "restyle": {"prompt": "a dog", "steps": 4},
    "variations": {"steps": 4},
    "replace": {"prompt": "a dog", "steps": 2, "box": "20,20,12,10"},
    "erase": {"steps": 3, "box": "20,20,12,10"},
}
"""What an operation can't do without, or does more quickly with, on the picture below."""


@pytest.fixture(scope="module", autouse=True)
def _model(diffusion_model: str) -> None:
    for name, module in MODULES.items():
        if module.startswith("tuner.diffusion."):
            NEEDS[name]["model"] = diffusion_model


@pytest.fixture(scope="module")
def photograph() -> Raster:
    """A colour photograph of 96 pixels, somewhat dark, with some noise and 16 bits."""
    rgb = reduced(from_bytes(np.ascontiguousarray(data.astronaut()[60:380, 100:420])), 96).rgb
    noisy = 0.7 * rgb + np.random.default_rng(0).normal(0, 0.03, rgb.shape)
    return Raster(np.clip(noisy, 0, 1).astype(np.float32), None, 16)


@pytest.fixture(scope="module")
def shelf(photograph: Raster) -> Shelf:
    """Colour pictures of a collection."""
    rng = np.random.default_rng(1)
    others = {id: plain(rng.random(3)) for id in range(3, 14)}
    return Shelf({2: Raster(photograph.rgb[::-1].copy()), **others})


def operations() -> list[Operation]:
    return [get_operation(name) for name in MODULES]


def applied(operation: Operation, picture: Raster, shelf: Shelf, **changes: object) -> Raster:
    work = Work(Settings(), seed=3, pictures=shelf, **changes)  # type: ignore[arg-type]
    return operation.apply(picture, read_parameters(operation, NEEDS.get(operation.name, {})), work)


def suited(operation: Operation, picture: Raster) -> Raster:
    """What the operation is for: colourising wants a grey picture, cutting a subject."""
    if operation.name in ("cut", "blend"):
        rgb = picture.rgb * np.float32(0.3) + np.array([0.1, 0.3, 0.1], np.float32)
        y, x = np.mgrid[: rgb.shape[0], : rgb.shape[1]] - np.array(rgb.shape[:2]).reshape(2, 1, 1) / 2
        rgb[np.hypot(x, y) < 25] += np.array([0.5, -0.1, 0], np.float32)
        return Raster(np.clip(rgb, 0, 1), picture.alpha, picture.depth)
    if operation.name != "colorize":
        return picture
    return Raster(np.repeat(picture.rgb.mean(2, keepdims=True), 3, axis=2), picture.alpha, picture.depth)


@pytest.mark.parametrize("name", MODULES)
def test_an_operation_says_all_that_a_form_needs(name: str) -> None:
    operation = get_operation(name)
    assert operation.name == name and operation.summary and operation.methods
    assert any(method.model is None for method in operation.methods), "it can be done without any model"
    for method in operation.methods:
        assert method.seconds > 0 and method.memory > 0 and method.summary
    fields = operation.parameters.model_fields
    for field in fields.values():
        assert field.description and not field.is_required()
    assert set(operation.references) | ({operation.gathers} if operation.gathers else set()) <= set(fields)
    assert ("method" in fields) or len(operation.methods) == 1 or operation.name == "upscale"


@pytest.mark.parametrize("name", MODULES)
def test_it_keeps_size_depth_and_transparency_and_leaves_its_input_alone(
    name: str, photograph: Raster, shelf: Shelf
) -> None:
    operation = get_operation(name)
    alpha = np.linspace(0.2, 1, photograph.pixels, dtype=np.float32).reshape(photograph.rgb.shape[:2])
    picture = suited(operation, Raster(photograph.rgb.copy(), alpha.copy(), 16))
    before = picture.rgb.copy()
    outcome = applied(operation, picture, shelf)
    assert np.array_equal(picture.rgb, before) and np.array_equal(picture.alpha, alpha)  # type: ignore[arg-type]
    assert outcome.rgb.dtype == np.float32 and outcome.rgb.shape[2] == 3
    assert np.isfinite(outcome.rgb).all() and outcome.rgb.min() >= 0 and outcome.rgb.max() <= 1
    depth = {"blend": 8, "generate": 8}.get(name, 16)  # a blend is of the other picture's depth
    assert outcome.depth == depth
    if not operation.resizes:
        assert outcome.size == picture.size
        if name != "cut":
            assert outcome.alpha is not None and np.array_equal(outcome.alpha, alpha)
    assert not np.array_equal(outcome.rgb, before) or name in ("cut", "scratches", "dehaze"), "they have their reasons"


@pytest.mark.parametrize("name", MODULES)
def test_the_same_seed_gives_the_same_pixels(name: str, photograph: Raster, shelf: Shelf) -> None:
    operation = get_operation(name)
    picture = suited(operation, photograph)
    first, again = (applied(operation, picture, shelf) for _ in range(2))
    assert np.array_equal(first.rgb, again.rgb)


@pytest.mark.parametrize("name", [one for one in MODULES if one not in ("collage", "photomosaic")])
def test_sixteen_bits_are_not_lost(name: str, photograph: Raster, shelf: Shelf) -> None:
    outcome = applied(get_operation(name), suited(get_operation(name), photograph), shelf)
    assert len(np.unique(np.rint(outcome.rgb * 65535))) > 1000


@pytest.mark.parametrize("name", MODULES)
def test_a_picture_of_one_pixel_is_no_surprise(name: str, shelf: Shelf) -> None:
    operation = get_operation(name)
    needs = {key: value for key, value in NEEDS.get(name, {}).items() if key != "box"}
    if name in ("inpaint", "replace", "erase"):
        needs["box"] = "0,0,1,1"
    picture = plain((0.4, 0.4, 0.4), (1, 1))
    try:
        outcome = operation.apply(picture, read_parameters(operation, needs), Work(Settings(), pictures=shelf))
    except PixloomError as error:
        assert str(error).endswith(".")
    else:
        assert np.isfinite(outcome.rgb).all()


@pytest.mark.parametrize("name", MODULES)
def test_it_stops_when_it_is_told_to(name: str, photograph: Raster, shelf: Shelf) -> None:
    operation = get_operation(name)
    if name == "dehaze":  # there is none to thin
        photograph = Raster(0.4 * photograph.rgb + np.float32(0.6))
    with pytest.raises(StoppedError):
        applied(operation, suited(operation, photograph), shelf, should_stop=lambda: True)


def test_unknown_names_are_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"Did you mean denoise\?.*Valid: tone"):
        get_operation("denois")
    denoise = get_operation("denoise")
    with pytest.raises(UsageError, match=r"Did you mean strength\?"):
        read_parameters(denoise, {"strenght": 1})
    with pytest.raises(UsageError, match="strength can't be '7'"):
        read_parameters(denoise, {"strength": "7"})
    with pytest.raises(UsageError, match=r"width can't be 33\.5"):
        read_parameters(get_operation("generate"), {"width": "33.5"})
    with pytest.raises(UsageError) as refused:
        read_parameters(denoise, {"strength": "7" * 10_000})
    assert len(str(refused.value)) < 300
    with pytest.raises(UsageError, match="method"):
        read_parameters(denoise, {"method": "magic"})


def test_values_are_read_as_people_write_them() -> None:
    parameters = read_parameters(get_operation("collage"), {"width": "300", "pictures": ["1", "2"]})
    assert parameters.model_dump()["width"] == 300


def _difference(first: Floats, second: Floats) -> float:
    return float(np.abs(first - second).max())


@pytest.mark.parametrize("name", ["tone", "denoise", "dejpeg", "sharpen", "dehaze", "lowlight", "palette", "upscale"])
def test_parts_show_no_seam(name: str, shelf: Shelf) -> None:
    """Where a method is local, a picture done in parts equals the whole within one step of 8 bits."""
    rgb = reduced(from_bytes(np.ascontiguousarray(data.astronaut())), 300).rgb
    noisy = np.clip(0.8 * rgb + np.random.default_rng(0).normal(0, 0.02, rgb.shape), 0, 1)
    picture, operation = Raster(noisy.astype(np.float32)), get_operation(name)
    whole, parts = (applied(operation, picture, shelf, tile=tile) for tile in (1024, 128))
    assert _difference(whole.rgb, parts.rgb) <= 1 / 255 + 1e-6
