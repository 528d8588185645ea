"""What lies around diffusion models: sizes, ways to fit into memory, names of models, and records of outcomes."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from skimage import data

from indexer.collection import Collection
from indexer.config import Settings
from indexer.errors import NotFoundError, QualityError, StoppedError, UsageError
from tuner.again import again
from tuner.diffusion.complete import numbers
from tuner.diffusion.memory import Fit, fits
from tuner.diffusion.schedulers import SCHEDULERS
from tuner.diffusion.sizes import around, back, suited, towards
from tuner.edits import edit_of
from tuner.jobs.task import Outcome, Task
from tuner.lineage.opening import open_raster
from tuner.lineage.watermark import detect
from tuner.lineage.xmp import read_packet, source_type
from tuner.operations import get_operation
from tuner.references import settled
from tuner.tune import Tuner

SIDES = st.integers(1, 3000)


@given(SIDES, SIDES, st.sampled_from([512, 768, 1024]), st.sampled_from([8, 16, 32]), st.sampled_from([1.0, 0.75, 0.5]))
def test_a_model_works_near_its_own_size(width: int, height: int, side: int, multiple: int, share: float) -> None:
    sizes = suited((width, height), side, multiple, share)
    assert all(one % multiple == 0 for one in sizes.padded)
    assert all(0 <= pad - one < multiple for pad, one in zip(sizes.padded, sizes.worked, strict=True))
    area, wanted = sizes.worked[0] * sizes.worked[1], width * height
    if wanted > (side * share) ** 2:
        assert sizes.reduced or sizes.worked[0] == width == 1
        assert area <= 1.05 * (side * share) ** 2 or 1 in sizes.worked
    elif wanted >= (side / 2) ** 2:
        assert sizes.worked == (width, height)


@pytest.mark.parametrize("size", [(33, 47), (64, 64), (200, 90), (5, 9)])
def test_pictures_come_back_in_the_size_they_had(size: tuple[int, int]) -> None:
    sizes = suited(size, 64, 16)
    y, x = np.mgrid[: size[1], : size[0]].astype(np.float32)
    rgb = np.dstack([x / size[0], y / size[1], np.full_like(x, 0.3)])
    there = towards(rgb, sizes)
    assert there.shape == (sizes.padded[1], sizes.padded[0], 3)
    again = back(there, sizes)
    assert again.shape == rgb.shape and np.abs(again - rgb).max() < 0.15
    if sizes.worked == size:
        assert np.array_equal(again, rgb)


@given(st.integers(0, 90), st.integers(0, 60), st.integers(1, 40), st.integers(1, 40), st.integers(8, 64))
def test_what_is_around_a_hole_holds_all_of_it(left: int, top: int, width: int, height: int, side: int) -> None:
    mask = np.zeros((70, 100), np.float32)
    mask[top : top + height, left : left + width] = 1
    rows, columns = around(mask, side)
    part = mask[rows, columns]
    assert part.sum() == mask.sum()
    assert part.shape[0] >= min(side, 70) and part.shape[1] >= min(side, 100)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_less_memory_never_means_a_more_spacious_way(device: str) -> None:
    everything = fits(device, None, 10**9)
    assert everything[0] == Fit(device, half=device == "cuda") and everything[-1].share == 0.5
    ladders = [fits(device, int(free), 10**9) for free in np.linspace(10e9, 0, 60)]
    assert ladders[0] == everything
    assert all(len(less) <= len(more) and more[-len(less) :] == less for more, less in pairwise(ladders))
    starts = [ladder[0] for ladder in ladders]
    assert any(one.tiling and not one.offload for one in starts)
    if device == "cuda":
        assert {one.offload for one in starts} == {"", "model", "sequential"} and all(one.half for one in starts)
        assert [one.device for one in everything].count("cpu") == 4
    else:
        assert starts[-1].half and not any(one.offload for one in everything)
    assert all(fit.told(everything[0]).endswith(".") for fit in everything[1:])


def test_names_of_schedulers_are_classes_of_diffusers() -> None:
    import diffusers

    from tuner.diffusion.pipelines import quiet

    with quiet():
        for name, scheduler in SCHEDULERS.items():
            kind = getattr(diffusers, scheduler.kind)
            made = kind.from_config({}, **scheduler.changes)
            assert all(made.config[key] == value for key, value in scheduler.changes.items()), name


def test_paths_of_models_are_never_taken_over_the_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, diffusion_model: str
) -> None:
    generate, settings = get_operation("generate"), Settings(home=tmp_path)
    monkeypatch.chdir(Path(diffusion_model).parent)
    assert settled(generate, {"model": "tiny"}, settings, files=True) == {"model": diffusion_model}
    for name in ("sd15", "auto", "somebody/some-model", "tiny"):
        assert settled(generate, {"model": name}, settings, files=False) == {"model": name}
    for path in (diffusion_model, "./tiny", "~/model", "../up/there", "a/b/c"):
        with pytest.raises(UsageError, match="model names a path of this machine"):
            settled(generate, {"model": path}, settings, files=False)
    with pytest.raises(NotFoundError, match="model: there is no folder or file"):
        settled(generate, {"model": "./nowhere"}, settings, files=True)
    with pytest.raises(UsageError, match="can't be asked for over the network"):
        settled(generate, {"lora": ["x.safetensors"]}, settings, files=False)


def test_the_numbers_of_a_model_are_counted_without_loading_it(diffusion_model: str) -> None:
    from diffusers import DiffusionPipeline

    from tuner.diffusion.pipelines import quiet

    with quiet():
        pipe = DiffusionPipeline.from_pretrained(diffusion_model)  # type: ignore[no-untyped-call]
    parts = (pipe.unet, pipe.vae, pipe.text_encoder)
    assert numbers(Path(diffusion_model)) == sum(one.numel() for part in parts for one in part.parameters())


class Report:
    def __init__(self, stop_at: int = 10**9) -> None:
        self.left = stop_at

    def step(self, done: int, total: int, what: str = "") -> None:
        self.left -= what == "painting"

    def stopped(self) -> bool:
        return self.left < 0


@pytest.fixture
def photographs(collection: Collection, tmp_path: Path) -> Collection:
    """A home with an astronaut (1)."""
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.fromarray(data.astronaut()[::2, ::2]).save(folder / "astronaut.png")
    collection.index([folder])
    return collection


def made(collection: Collection, operation: str, report: Report | None = None, **given: object) -> Outcome:
    tuner = Tuner(collection)
    parameters = settled(get_operation(operation), given, collection.settings, files=True)
    return tuner.run(Task(5, 0, (1,), operation, parameters, 7, owner="ann"), report or Report())


def test_a_restyled_picture_has_its_record_its_mark_and_its_parent(
    photographs: Collection, diffusion_model: str
) -> None:
    outcome = made(photographs, "restyle", prompt="a painting", model=diffusion_model, steps="4")
    assert outcome.path is not None and outcome.picture is not None
    assert any("works at about 32 x 32" in note for note in outcome.notes)
    assert source_type(read_packet(outcome.path)) == "trainedAlgorithmicMedia"
    assert detect(open_raster(outcome.path).rgb) is not None
    with photographs.catalog.database.read() as connection:
        edit = edit_of(connection, outcome.picture)
    assert edit is not None and edit.parent == 1 and edit.seed == 7 and edit.owner == "ann"
    assert edit.parameters["prompt"] == "a painting" and edit.parameters["model"] == diffusion_model
    assert again(Tuner(photographs), outcome.picture).same


def test_what_changes_nothing_or_was_stopped_leaves_nothing(photographs: Collection, diffusion_model: str) -> None:
    with pytest.raises(QualityError, match="changed nothing"):
        made(photographs, "restyle", prompt="a painting", model=diffusion_model, strength="0")
    with pytest.raises(StoppedError):
        made(photographs, "restyle", Report(2), prompt="a painting", model=diffusion_model, steps="20")
    assert photographs.status()["pictures"] == 1
