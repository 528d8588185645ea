"""Pictures by diffusion models: tiny real ones, through the path of a model from a hub."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from indexer.config import Settings
from indexer.errors import (
    CapacityError,
    ForbiddenError,
    NotFoundError,
    QualityError,
    StoppedError,
    TuneError,
    UsageError,
)
from tests import pipelines
from tests.single_file import single_file
from tuner.diffusion import paint as module
from tuner.diffusion.ask import Ask, Lora
from tuner.diffusion.paint import enough, paint
from tuner.diffusion.pipelines import holder, quiet
from tuner.operations import get_operation, read_parameters
from tuner.raster import Raster
from tuner.work import Work

FAMILIES = ("sd", "sdxl", "sd3", "lcm")
Models = Callable[[str], str]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Models]:
    """The folder of a tiny model by the name of what makes it; each is made once."""
    home, made = tmp_path_factory.mktemp("models"), {}

    def folder(name: str) -> str:
        if name not in made:
            with quiet():
                made[name] = str(getattr(pipelines, name)(home / name))
        return made[name]

    yield folder


@pytest.fixture(scope="module")
def picture() -> Raster:
    """Of odd sizes, 16 bits, with transparency."""
    y, x = np.mgrid[:29, :35].astype(np.float32)
    rgb = np.dstack([x / 35, y / 29, np.float32(0.5) + 0 * x])
    return Raster(rgb, np.linspace(0.5, 1, 29 * 35, dtype=np.float32).reshape(29, 35), 16)


def hole(picture: Raster) -> np.ndarray:
    mask = np.zeros(picture.rgb.shape[:2], np.float32)
    mask[8:20, 10:22] = 1
    mask[7, 10:22] = 0.5
    return mask


def ask(mode: str, picture: Raster, **changes: Any) -> Ask:
    asks = {
        "text": Ask("a dog", width=35, height=29, steps=3),
        "picture": Ask("a dog", picture=picture, strength=0.7, steps=4),
        "mask": Ask("a dog", picture=picture, mask=hole(picture), strength=1.0, steps=3),
    }
    return replace(asks[mode], **changes)


def work(**changes: Any) -> Work:
    return Work(Settings(), **{"seed": 3, **changes})


@pytest.mark.parametrize("mode", ["text", "picture", "mask"])
@pytest.mark.parametrize("family", FAMILIES)
def test_every_mode_of_every_family(family: str, mode: str, models: Models, picture: Raster) -> None:
    told: list[tuple[int, int, str]] = []
    before = picture.rgb.copy()
    run = work(on_step=lambda *step: told.append(step))
    first = paint(models(family), ask(mode, picture), run)
    assert first.size == (35, 29) and first.rgb.dtype == np.float32
    assert np.isfinite(first.rgb).all() and first.rgb.min() >= 0 and first.rgb.max() <= 1 and first.rgb.std() > 0
    assert np.array_equal(picture.rgb, before)
    painting = [step for step in told if step[2] == "painting"]
    total = painting[-1][1]
    assert painting[1:] == [(number + 1, total, "painting") for number in range(total)]
    assert any(what.startswith("loading") for _, _, what in told)
    same, other = (
        paint(models(family), ask(mode, picture), work()),
        paint(models(family), ask(mode, picture), work(seed=4)),
    )
    assert np.array_equal(first.rgb, same.rgb) and not np.array_equal(first.rgb, other.rgb)
    if mode != "text":
        assert first.alpha is picture.alpha and first.depth == 16
    if mode == "mask":
        outside = hole(picture) == 0
        assert np.array_equal(first.rgb[outside], picture.rgb[outside])
        assert not np.array_equal(first.rgb[~outside], picture.rgb[~outside])


@pytest.mark.parametrize("mode", ["picture", "mask"])
def test_strength_nought_is_the_picture_itself_and_one_works(mode: str, models: Models, picture: Raster) -> None:
    steps: list[object] = []
    run = work(on_step=lambda *step: steps.append(step))
    assert paint("nowhere/at-all", ask(mode, picture, strength=0.0), run) is picture and not steps
    assert paint(models("sd"), ask(mode, picture, strength=1.0), work()).size == picture.size
    far, near = (
        paint(models("sd"), ask("picture", picture, strength=strength), work()).rgb for strength in (1.0, 0.05)
    )
    assert np.abs(near - picture.rgb).mean() < np.abs(far - picture.rgb).mean()


@pytest.mark.parametrize(
    ("steps", "strength"), [(1, 0.6), (4, 0.1), (30, 0.7), (1, 1.0), (50, 0.001), (7, 1 / 7), (3, 0.29)]
)
def test_a_small_strength_still_takes_a_step(steps: int, strength: float) -> None:
    taken = enough(steps, strength)
    assert taken >= steps and int(taken * strength) >= 1
    assert taken == steps or int((taken - 1) * strength) < 1 or taken - 1 < steps


@pytest.mark.parametrize("after", [0, 1, 3])
def test_it_stops_at_the_step_where_it_is_told_to_and_works_again(after: int, models: Models) -> None:
    told: list[int] = []
    run = work(on_step=lambda done, total, what: told.append(done))
    run.should_stop = lambda: len(told) > after
    with pytest.raises(StoppedError):
        paint(models("sd"), Ask("a dog", steps=8), run)
    assert len(told) == after + 1
    assert np.array_equal(*(paint(models("sd"), Ask("a dog", steps=2), work()).rgb for _ in range(2)))


def test_a_model_is_loaded_once_and_its_parts_are_shared(models: Models, picture: Raster) -> None:
    paint(models("sd"), ask("text", picture), work())
    source = module.find_source(models("sd"), Settings())
    with holder().using(source) as loaded:
        unet = loaded.base.unet
    paint(models("sd"), ask("mask", picture), work())
    with holder().using(source) as again:
        assert again is loaded and again.mode("mask").unet is unet and again.mode("picture").vae is loaded.base.vae
    paint(models("sdxl"), ask("text", picture), work())
    assert not holder().has(source)


def test_large_pictures_are_worked_on_at_the_models_size(models: Models) -> None:
    rgb = np.random.default_rng(0).random((90, 150, 3)).astype(np.float32)
    run = work()
    made = paint(models("sd"), Ask("a dog", picture=Raster(rgb), steps=2), run)
    assert made.size == (150, 90)
    assert any("at about 32 x 32 pixels: it was worked out at 41 x 25" in note for note in run.notes)


def test_a_hole_in_a_large_picture_is_worked_on_in_its_own_detail(models: Models) -> None:
    rgb = np.random.default_rng(0).random((200, 300, 3)).astype(np.float32)
    mask = np.zeros((200, 300), np.float32)
    mask[100:110, 290:298] = 1
    run = work()
    made = paint(models("sd"), Ask("a dog", picture=Raster(rgb), mask=mask, strength=1.0, steps=2), run)
    changed = np.any(made.rgb != rgb, axis=2)
    assert changed[mask > 0].mean() > 0.9 and not changed[mask == 0].any() and not run.notes


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_cut_off_a_long_prompt_is_said(family: str, models: Models, picture: Raster) -> None:
    run = work()
    prompt = "a" * 75 + "bcdefg"
    paint(models(family), ask("text", picture, prompt=prompt), run)
    assert [note for note in run.notes if "prompt is longer than the 77 tokens" in note and "'bcdefg'" in note]
    run = work()
    paint(models(family), ask("text", picture, prompt="a" * 75, negative="b" * 75 + "xyz"), run)
    assert sum("cut off" in note for note in run.notes) == 1 and any(
        "negative prompt is longer" in n for n in run.notes
    )


def test_schedulers_by_name(models: Models, picture: Raster) -> None:
    made = {
        name: paint(models("sd"), ask("text", picture, scheduler=name), work()).rgb.tobytes()
        for name in ("auto", "ddim", "euler", "euler-a", "dpm++-2m-karras", "unipc", "lcm", "pndm", "heun", "deis")
    }
    assert made["auto"] == made["ddim"], "its own"
    assert len(set(made.values())) >= 8
    flow = [
        paint(models("sd3"), ask("picture", picture, scheduler=name), work()).rgb for name in ("auto", "flow-euler")
    ]
    assert np.array_equal(*flow)


def test_schedulers_that_are_unknown_or_do_not_fit_are_refused(models: Models, picture: Raster) -> None:
    with pytest.raises(UsageError, match=r"no scheduler 'eulr'. Did you mean euler\? Valid: auto, ddim"):
        paint(models("sd"), ask("text", picture, scheduler="eulr"), work())
    with pytest.raises(UsageError, match=r"flow-euler doesn't fit .* Fitting: auto, ddim"):
        paint(models("sd"), ask("text", picture, scheduler="flow-euler"), work())
    with pytest.raises(UsageError, match=r"ddim doesn't fit .* flow matching\. Fitting: auto, flow-euler\."):
        paint(models("sd3"), ask("text", picture, scheduler="ddim"), work())


def test_memory_that_runs_out_is_met_step_by_step(
    models: Models, picture: Raster, monkeypatch: pytest.MonkeyPatch
) -> None:
    from diffusers import UNet2DConditionModel

    model = models("sd")
    forward, tried = UNet2DConditionModel.forward, []

    def scarce(self: Any, sample: torch.Tensor, *rest: Any, **named: Any) -> Any:
        tried.append((sample.dtype, tuple(sample.shape[2:])))
        if sample.dtype == torch.float32 or sample.shape[3] > most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return forward(self, sample, *rest, **named)

    monkeypatch.setattr(UNet2DConditionModel, "forward", scarce)
    most = 100
    run = work()
    made = paint(model, ask("text", picture), run)
    assert made.size == (35, 29) and np.isfinite(made.rgb).all()
    assert [kind for kind, _ in tried[:4]] == [torch.float32] * 3 + [torch.bfloat16]
    assert run.notes == ["Memory ran out: it was done with half the precision, which may change it slightly."]
    most, run = 12, work()
    assert paint(model, ask("picture", picture), run).size == (35, 29)
    assert any("50% of the model's side" in note for note in run.notes)
    most = 0
    with pytest.raises(CapacityError, match="even at half its side"):
        paint(model, ask("text", picture), work())


def test_after_it_ran_out_of_memory_the_next_is_as_ever(
    models: Models, picture: Raster, monkeypatch: pytest.MonkeyPatch
) -> None:
    from diffusers import UNet2DConditionModel

    first = paint(models("sd"), ask("text", picture), work()).rgb
    with monkeypatch.context() as patch:
        forward = UNet2DConditionModel.forward

        def scarce(self: Any, sample: torch.Tensor, *rest: Any, **named: Any) -> Any:
            if sample.dtype == torch.float32:
                raise MemoryError
            return forward(self, sample, *rest, **named)

        patch.setattr(UNet2DConditionModel, "forward", scarce)
        halved = paint(models("sd"), ask("text", picture), work()).rgb
    assert not np.array_equal(halved, first) and np.abs(halved - first).mean() < 0.05
    assert np.array_equal(paint(models("sd"), ask("text", picture), work()).rgb, first)


def test_a_model_for_masks_is_for_masks_alone(tmp_path: Path, picture: Raster) -> None:
    with quiet():
        folder = pipelines.sd(tmp_path / "inpainting", channels=9)
    made = paint(str(folder), ask("mask", picture), work())
    outside = hole(picture) == 0
    assert np.array_equal(made.rgb[outside], picture.rgb[outside])
    for mode in ("text", "picture"):
        with pytest.raises(UsageError, match=r"is a model for masks \(9 channels\): it is for replace and erase"):
            paint(str(folder), ask(mode, picture), work())


def test_pipelines_of_another_kind_are_refused_before_they_are_loaded(tmp_path: Path, picture: Raster) -> None:
    folder = tmp_path / "film"
    folder.mkdir()
    (folder / "model_index.json").write_text(json.dumps({"_class_name": "WanPipeline", "vae": ["diffusers", "X"]}))
    with pytest.raises(UsageError, match=r"film isn't a model for pictures \(WanPipeline\)"):
        paint(str(folder), ask("text", picture), work())
    (folder / "model_index.json").write_text(json.dumps({"_class_name": "PixArtSigmaPipeline"}))
    with pytest.raises(TuneError):
        paint(str(folder), ask("text", picture), work())
    (folder / "model_index.json").write_text(json.dumps({"_class_name": ["mine", "Mine"]}))
    with pytest.raises(TuneError, match="code of its own, which is never run"):
        paint(str(folder), ask("text", picture), work())


def test_models_that_are_only_partly_here_say_what_is_missing(models: Models, tmp_path: Path, picture: Raster) -> None:
    whole = Path(models("sd"))
    weights = "unet/diffusion_pytorch_model.safetensors"

    def broken(name: str) -> Path:
        return Path(shutil.copytree(whole, tmp_path / name))

    (broken("a") / "unet/config.json").unlink()
    (broken("b") / weights).unlink()
    cut = broken("c") / weights
    cut.write_bytes(cut.read_bytes()[:-100])
    (broken("d") / "model_index.json").unlink()
    shutil.rmtree(broken("e") / "tokenizer")
    shards = {"weight_map": {"x": "diffusion_pytorch_model-00001-of-00002.safetensors"}}
    (broken("f") / "unet/diffusion_pytorch_model.safetensors.index.json").write_text(json.dumps(shards))
    pickled = broken("g") / weights
    pickled.rename(pickled.with_suffix(".bin"))
    for name, said in {
        "a": "unet/config.json is missing",
        "b": r"unet/\*.safetensors is missing; get it again",
        "c": "unet/diffusion_pytorch_model.safetensors of c is cut off",
        "d": "model_index.json is missing",
        "e": "tokenizer/ is missing",
        "f": "00001-of-00002.safetensors is missing",
        "g": "pickled, which may run code and is never loaded",
    }.items():
        with pytest.raises(TuneError, match=said):
            paint(str(tmp_path / name), ask("text", picture), work())


def test_models_that_are_not_here_say_how_to_get_them(tmp_path: Path, picture: Raster) -> None:
    run = Work(Settings(home=tmp_path))
    with pytest.raises(UsageError, match=r"No model is here that .*`pixloom models pull \S+` .*\([\d.]+ [GM]B, "):
        paint("auto", ask("text", picture), run)
    with pytest.raises(UsageError, match=r"z-image-turbo isn't here: `pixloom models pull z-image-turbo` \(32\.9 GB\)"):
        paint("z-image-turbo", ask("text", picture), run)
    with pytest.raises(ForbiddenError, match="pixloom models pull sd15 --accept-licence"):
        paint("sd15", ask("text", picture), run)
    with pytest.raises(UsageError, match="somebody/some-model isn't here"):
        paint("somebody/some-model", ask("text", picture), run)
    with pytest.raises(UsageError, match=r"no diffusion model 'sd16'. Did you mean sd15\?"):
        paint("sd16", ask("text", picture), run)
    with pytest.raises(UsageError, match="lama is no diffusion model: it is for inpaint"):
        paint("lama", ask("text", picture), run)
    with pytest.raises(NotFoundError, match="There is no model"):
        paint(str(tmp_path / "none"), ask("text", picture), run)
    (tmp_path / "model.gguf").write_bytes(b"")
    with pytest.raises(UsageError, match=r"model\.gguf can't be a diffusion model"):
        paint(str(tmp_path / "model.gguf"), ask("text", picture), run)


def test_a_single_file_gives_what_its_folder_gives(models: Models, tmp_path: Path, picture: Raster) -> None:
    file = single_file(tmp_path / "tiny.safetensors", Path(models("sd")))
    for mode in ("text", "mask"):
        made = [paint(model, ask(mode, picture), work()).rgb for model in (str(file), models("sd"))]
        assert np.array_equal(*made)
    (tmp_path / "alone").mkdir()
    alone = tmp_path / "alone" / "tiny.safetensors"
    shutil.copy(file, alone)
    with pytest.raises(TuneError, match=r"weights alone, of the kind .* into a folder tiny beside it"):
        paint(str(alone), ask("text", picture), work())
    alone.write_bytes(alone.read_bytes()[:-50])
    with pytest.raises(TuneError, match="is cut off"):
        paint(str(alone), ask("text", picture), work())


def test_lora_files_change_one_run_and_are_gone_in_the_next(models: Models, tmp_path: Path, picture: Raster) -> None:
    with quiet():
        file = str(pipelines.lora(tmp_path / "film.safetensors", Path(models("sd"))))
    plain = paint(models("sd"), ask("picture", picture), work()).rgb
    full, half, none = (
        paint(models("sd"), ask("picture", picture, loras=(Lora(file, weight),)), work()).rgb for weight in (1, 0.5, 0)
    )
    assert not np.array_equal(full, plain) and not np.array_equal(half, full)
    assert np.allclose(none, plain, atol=1e-4)
    assert np.array_equal(paint(models("sd"), ask("picture", picture), work()).rgb, plain)


def test_lora_files_that_do_not_fit_are_refused(models: Models, tmp_path: Path, picture: Raster) -> None:
    with quiet():
        file = pipelines.lora(tmp_path / "film.safetensors", Path(models("sd")))
    plain = paint(models("sdxl"), ask("text", picture), work()).rgb
    with pytest.raises(TuneError, match=r"film\.safetensors doesn't fit this model"):
        paint(models("sdxl"), ask("text", picture, loras=(Lora(str(file)),)), work())
    assert np.array_equal(paint(models("sdxl"), ask("text", picture), work()).rgb, plain)
    other = tmp_path / "other.safetensors"
    save_file({"layer.weight": torch.zeros(3)}, other)
    with pytest.raises(TuneError, match=r"other\.safetensors doesn't fit this model"):
        paint(models("sd"), ask("text", picture, loras=(Lora(str(other)),)), work())
    strange = tmp_path / "strange.safetensors"
    save_file({name.replace("_block", "_blob"): one for name, one in load_file(file).items()}, strange)
    with pytest.raises(TuneError, match=r"strange\.safetensors doesn't fit this model"):
        paint(models("sd"), ask("text", picture, loras=(Lora(str(strange)),)), work())
    with pytest.raises(NotFoundError, match="There is no LoRA file"):
        paint(models("sd"), ask("text", picture, loras=(Lora(str(tmp_path / "no.safetensors")),)), work())
    (tmp_path / "film.pt").write_bytes(b"")
    with pytest.raises(UsageError, match=r"only \.safetensors can"):
        paint(models("sd"), ask("text", picture, loras=(Lora(str(tmp_path / "film.pt")),)), work())


def test_a_picture_that_the_safety_checker_refuses_is_no_success(tmp_path: Path, picture: Raster) -> None:
    with quiet():
        strict = str(pipelines.checked(tmp_path / "strict", strict=True))
        lax = str(pipelines.checked(tmp_path / "lax", strict=False))
    with pytest.raises(QualityError, match="safety checker of strict refuses"):
        paint(strict, ask("text", picture), work())
    made = paint(lax, ask("text", picture), work())
    off = Work(Settings(safety_checker=False), seed=3)
    assert np.array_equal(paint(strict, ask("text", picture), off).rgb, made.rgb)


@pytest.mark.parametrize("name", ["generate", "restyle", "variations", "replace", "erase"])
def test_operations(name: str, models: Models, picture: Raster) -> None:
    operation = get_operation(name)
    given: dict[str, Any] = {"model": models("sd"), "steps": "3", "prompt": "a dog", "negative": "a cat"}
    if name in ("replace", "erase"):
        given |= {"box": "10,8,12,12", "feather": "2"}
    if name == "generate":
        given |= {"width": "35", "height": "29"}
    made = operation.apply(picture, read_parameters(operation, given), work())
    assert made.size == (35, 29)
    if name in ("replace", "erase"):
        assert np.array_equal(made.rgb[:5], picture.rgb[:5]) and not np.array_equal(made.rgb, picture.rgb)
        assert operation.source == "compositeWithTrainedAlgorithmicMedia"
    if name not in ("variations", "erase"):
        with pytest.raises(UsageError, match="needs a prompt"):
            operation.apply(picture, read_parameters(operation, given | {"prompt": " "}), work())
    preview: list[tuple[int, int, str]] = []
    run = work(preview=True, on_step=lambda *step: preview.append(step))
    assert operation.apply(picture, read_parameters(operation, given | {"steps": "90"}), run).size == (35, 29)
    assert preview[-1][1] <= 4


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": "0"},
        {"steps": "501"},
        {"steps": "2.5"},
        {"guidance": "-1"},
        {"guidance": "nan"},
        {"width": "15"},
        {"width": "5000"},
        {"prompt": "a" * 100_001},
        {"lora_weight": "9"},
        {"lora": ["a"] * 9},
    ],
)
def test_parameters_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=f"generate: {next(iter(wrong))}"):
        read_parameters(get_operation("generate"), wrong)
