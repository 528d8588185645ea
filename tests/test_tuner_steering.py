"""ControlNets and IP-Adapters over tiny real pipelines: what they change, what they leave, what doesn't fit."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from indexer.config import Settings
from indexer.errors import TuneError, UsageError
from indexer.types import Floats
from tests import pipelines, steering
from tests.depth import write_depth_network
from tests.shelf import Shelf
from tuner.diffusion.ask import Ask
from tuner.diffusion.companions import family_of, has_image_conditioning
from tuner.diffusion.control import control_map
from tuner.diffusion.paint import paint
from tuner.diffusion.sources import Source
from tuner.operations import get_operation, read_parameters
from tuner.raster import Raster, from_bytes, reduced
from tuner.work import Work

SIZE = pipelines.SIDE


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders sd, sdxl and sd3; beside the first two what goes with them: sd-control, sd-reference and so on."""
    root = tmp_path_factory.mktemp("models")
    for kind, make in (("sd", pipelines.sd), ("sdxl", pipelines.sdxl)):
        model = make(root / kind)
        steering.controlnet(root / f"{kind}-control", model)
        steering.ip_adapter(root / f"{kind}-reference", model)
    pipelines.sd3(root / "sd3")
    return root


@pytest.fixture
def work(tmp_path: Path) -> Work:
    return Work(Settings(home=tmp_path), seed=5)


@pytest.fixture(scope="module")
def photograph() -> Raster:
    from skimage.data import astronaut

    return reduced(from_bytes(np.ascontiguousarray(astronaut()[:256, 100:356])), SIZE)


def controlled(ask: Ask, models: Path, kind: str, shapes: Floats, scale: float = 1.0) -> Ask:
    network = str(models / f"{kind}-control")
    return replace(ask, control="edges", control_map=shapes, control_model=network, control_scale=scale)


def likened(ask: Ask, models: Path, kind: str, *references: Raster, scale: float = 0.6) -> Ask:
    network = str(models / f"{kind}-reference")
    return replace(ask, references=references, reference_model=network, reference_scale=scale)


def asks(photograph: Raster) -> dict[str, Ask]:
    mask = np.zeros((SIZE, SIZE), np.float32)
    mask[8:24, 8:24] = 1
    words = Ask("a dog", steps=2, width=SIZE, height=SIZE)
    return {
        "text": words,
        "picture": Ask("a dog", steps=2, picture=photograph),
        "mask": Ask("a dog", steps=2, picture=photograph, mask=mask, strength=1.0),
    }


@pytest.mark.parametrize("mode", ["text", "picture", "mask"])
@pytest.mark.parametrize("kind", ["sd", "sdxl"])
def test_control_changes_the_outcome_and_scale_0_does_not(
    kind: str, mode: str, models: Path, photograph: Raster, work: Work
) -> None:
    ask, model = asks(photograph)[mode], str(models / kind)
    shapes = control_map("edges", photograph.rgb, work)
    plain = paint(model, ask, work).rgb
    steered = paint(model, controlled(ask, models, kind, shapes), work).rgb
    assert np.abs(steered - plain).max() > 0.02
    assert np.array_equal(steered, paint(model, controlled(ask, models, kind, shapes), work).rgb)
    other = paint(model, controlled(ask, models, kind, shapes[::-1].copy()), work).rgb
    assert not np.array_equal(steered, other), "another map, another outcome"
    assert np.array_equal(plain, paint(model, controlled(ask, models, kind, shapes, 0.0), work).rgb)
    assert np.array_equal(plain, paint(model, ask, work).rgb), "nothing of it stays"


@pytest.mark.parametrize("mode", ["text", "picture", "mask"])
@pytest.mark.parametrize("kind", ["sd", "sdxl"])
def test_references_change_the_outcome_and_scale_0_does_not(
    kind: str, mode: str, models: Path, photograph: Raster, work: Work
) -> None:
    ask, model = asks(photograph)[mode], str(models / kind)
    first, second = photograph, Raster(np.ascontiguousarray(1 - photograph.rgb))
    plain = paint(model, ask, work).rgb
    like = paint(model, likened(ask, models, kind, first), work).rgb
    assert np.abs(like - plain).max() > 0.02
    assert np.array_equal(like, paint(model, likened(ask, models, kind, first), work).rgb)
    both = paint(model, likened(ask, models, kind, first, second), work).rgb
    assert not np.array_equal(like, both) and not np.array_equal(both, plain)
    assert np.array_equal(plain, paint(model, likened(ask, models, kind, first, scale=0.0), work).rgb)
    assert np.array_equal(plain, paint(model, ask, work).rgb), "nothing of it stays"


def test_both_at_once_at_a_size_that_fits_neither(models: Path, photograph: Raster, work: Work) -> None:
    ask = Ask("a dog", steps=2, width=37, height=29)
    shapes = control_map("edges", photograph.rgb, work)
    steered = controlled(ask, models, "sd", shapes)
    outcome = paint(str(models / "sd"), likened(steered, models, "sd", photograph), work)
    assert outcome.size == (37, 29)
    assert not np.array_equal(outcome.rgb, paint(str(models / "sd"), steered, work).rgb)


def test_a_model_of_another_kind_is_refused_and_others_are_named(models: Path, photograph: Raster, work: Work) -> None:
    ask, shapes = Ask("a dog", steps=1), control_map("edges", photograph.rgb, work)
    with pytest.raises(UsageError, match=r"sd3 takes no control by edges: models that do are .*sd15"):
        paint(str(models / "sd3"), controlled(ask, models, "sd", shapes), work)
    with pytest.raises(UsageError, match=r"sd3 takes no pictures as reference: models that do are .*sd15"):
        paint(str(models / "sd3"), likened(ask, models, "sd", photograph), work)


def test_networks_of_another_model_are_refused(models: Path, photograph: Raster, work: Work) -> None:
    ask, shapes = Ask("a dog", steps=1), control_map("edges", photograph.rgb, work)
    with pytest.raises(TuneError, match="isn't for sdxl: its cross_attention_dim is 16, that of the model 32"):
        paint(str(models / "sdxl"), controlled(ask, models, "sd", shapes), work)
    plain = paint(str(models / "sdxl"), ask, work).rgb
    with pytest.raises(TuneError, match="isn't an IP-Adapter for sdxl"):
        paint(str(models / "sdxl"), likened(ask, models, "sd", photograph), work)
    assert np.array_equal(plain, paint(str(models / "sdxl"), ask, work).rgb), "a failure leaves nothing behind"


def test_folders_that_hold_something_else_are_refused(
    models: Path, photograph: Raster, work: Work, tmp_path: Path
) -> None:
    ask, model = Ask("a dog", steps=1), str(models / "sd")
    shapes = control_map("edges", photograph.rgb, work)
    for network, said in ((tmp_path, "There is no ControlNet in"), (models / "sd" / "vae", "no ControlNet that")):
        wrong = replace(controlled(ask, models, "sd", shapes), control_model=str(network))
        with pytest.raises(TuneError, match=said):
            paint(model, wrong, work)
    lonely = tmp_path / "lonely.safetensors"
    lonely.write_bytes((models / "sd-reference" / "ip-adapter.safetensors").read_bytes())
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(lonely.read_bytes()[:100])
    for network, said in (
        (lonely, "no picture encoder for lonely"),
        (cut, "can't be read as safetensors"),
        (tmp_path, "There are several files"),
        (models / "sd" / "unet" / "diffusion_pytorch_model.safetensors", "is no IP-Adapter"),
        (tmp_path / "missing", "There is no IP-Adapter in"),
    ):
        wrong = replace(likened(ask, models, "sd", photograph), reference_model=str(network))
        with pytest.raises(TuneError, match=said):
            paint(model, wrong, work)


def test_the_family_tells_what_goes_with_a_model(models: Path, work: Work, tmp_path: Path) -> None:
    def source(name: str, path: Path = tmp_path) -> Source:
        return Source(name, path, "")

    assert family_of(source("sd15")) == "sd15" and family_of(source("sdxl-base")) == "sdxl"
    assert family_of(source("toy", models / "sd")) == ""
    (tmp_path / "unet").mkdir()
    (tmp_path / "unet" / "config.json").write_text('{"cross_attention_dim": 768}')
    assert family_of(source("mine")) == "sd15", "Stable Diffusion 1.x, whoever trained it"
    assert not has_image_conditioning(str(models / "sd"), work.settings)
    with pytest.raises(UsageError, match=r"sd takes no pictures as reference: .*where you name a network"):
        paint(str(models / "sd"), Ask("a dog", references=(Raster(np.zeros((8, 8, 3), np.float32)),)), work)


@pytest.mark.parametrize("name", ["restyle", "generate"])
def test_operations_are_steered_by_the_picture_or_another(
    name: str, models: Path, photograph: Raster, work: Work
) -> None:
    work.pictures = Shelf({3: Raster(photograph.rgb[:, ::-1].copy())})
    given = {"prompt": "a dog", "model": str(models / "sd"), "steps": 2, "control_model": str(models / "sd-control")}

    def made(**more: object) -> Floats:
        operation = get_operation(name)
        return operation.apply(photograph, read_parameters(operation, given | more), work).rgb

    plain, other = made(), made(control="edges", control_from="#3")
    assert not np.array_equal(plain, other)
    if name == "restyle":
        assert not np.array_equal(made(control="edges"), other) and not np.array_equal(made(control="edges"), plain)
    else:
        with pytest.raises(UsageError, match="name it as control_from"):
            made(control="edges")
    with pytest.raises(UsageError, match="pixloom models pull depth-anything-v2-small"):
        made(control="depth", control_from="#3")
    depth = write_depth_network(models / "depth")
    assert not np.array_equal(made(control="depth", control_from="#3", depth_model=str(depth)), other)
    like = made(like="3", reference_model=str(models / "sd-reference"))
    assert not np.array_equal(like, plain)
    assert not any("put together" in note for note in work.notes)
