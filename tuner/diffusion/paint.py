"""A diffusion model asked for one picture: from words, from a picture, or for what a mask hides."""

import inspect
from collections.abc import Callable
from dataclasses import replace
from math import ceil
from typing import Any

import numpy as np

from indexer.errors import CapacityError, PixloomError, QualityError, TuneError
from indexer.models.machine import free_memory
from indexer.types import Floats
from tuner.diffusion.adapter import referring
from tuner.diffusion.ask import Ask
from tuner.diffusion.choice import chosen_model
from tuner.diffusion.complete import numbers
from tuner.diffusion.controlnet import controlled, shown
from tuner.diffusion.loras import check_loras, with_loras
from tuner.diffusion.memory import Fit, fits, place
from tuner.diffusion.pipelines import Loaded, Mode, holder, quiet
from tuner.diffusion.prompts import note_cuts
from tuner.diffusion.schedulers import check_name, make_scheduler
from tuner.diffusion.sizes import Sizes, around, back, suited, towards
from tuner.diffusion.sources import Source, find_source
from tuner.networks.ladder import fitting, out_of_memory
from tuner.raster import Raster
from tuner.work import Work

LONGEST = 1000
"""Steps of a schedule at most: models learned with so many."""
PREVIEW = 0.5
"""Side of a quick look over the model's native one."""


def paint(model: str, ask: Ask, work: Work) -> Raster:
    """The picture that is asked for.

    `model` is a name of the table, a hub id, an absolute path of a folder or file, or `auto`. The outcome has the size,
    depth and transparency of `ask.picture`, where there is one; what the mask leaves out is bit-equal to it. The same
    seed gives the same pixels. A picture with strength 0 is given back without running anything.

    Says where it stands by `work.step` at every step of the schedule, and can be stopped there. Raises UsageError (the
    model isn't here, can't do this, scheduler), TuneError (the model can't be loaded, LoRA), QualityError (the model's
    safety checker), CapacityError.
    """
    check_name(ask.scheduler)
    check_loras(ask.loras)
    if ask.picture is not None and ask.strength == 0:
        return ask.picture
    source = find_source(chosen_model(model, _mode(ask), work), work.settings)
    rgb = _painted(source, ask, work)
    if not work.preview:
        work.model_used[source.name] = source.digest()
    return Raster(rgb) if ask.picture is None else ask.picture.with_rgb(rgb)


def _mode(ask: Ask) -> Mode:
    return "text" if ask.picture is None else "picture" if ask.mask is None else "mask"


def side_of(model: str, work: Work) -> int:
    """Pixels of the square that a model was made for; it is loaded for that, and kept. Raises what `paint` raises."""
    source = find_source(model, work.settings)
    with holder().using(source, half=_ladder(source)[0].half, safety=work.settings.safety_checker) as loaded:
        return loaded.side


def _ladder(source: Source) -> list[Fit]:
    """Ways to run it, the one to begin with first; a model that is in memory already has shown that it fits."""
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    if holder().has(source):
        return fits(device, None, 0)
    free = torch.cuda.mem_get_info()[0] if device == "cuda" else free_memory()
    return fits(device, free, numbers(source.path))


def _painted(source: Source, ask: Ask, work: Work) -> Floats:
    """[h, w, 3] by the first way that memory suffices for. A note says which, where it isn't the first."""
    ladder = _ladder(source)

    def run(fit: Fit) -> Floats:
        work.step(0, 1, f"loading {source.name}")
        safety = work.settings.safety_checker
        with holder().using(source, half=fit.half, safety=safety) as loaded, quiet():
            return (_run if ask.mask is None else _within)(loaded, ask, fit, work)

    found = fitting(ladder, run)
    if found is None:
        raise CapacityError(
            f"Memory ran out with {source.name}, even at half its side: close other programs, or take a smaller model."
        )
    fit, made = found
    if fit != ladder[0]:
        work.note(fit.told(ladder[0]))
    return made


def _run(loaded: Loaded, ask: Ask, fit: Fit, work: Work) -> Floats:
    plain = loaded.mode(_mode(ask))
    pipe = controlled(plain, _mode(ask), loaded.source, ask, work.settings)
    pipe.set_progress_bar_config(disable=True)
    with referring(pipe, loaded.source, ask, work.settings) as references:
        place(pipe, fit)
        pipe.scheduler = make_scheduler(ask.scheduler, loaded.scheduler)
        note_cuts(pipe, ask.prompt, ask.negative, work)
        sizes = _sizes(loaded, ask, fit, work)
        call = shown(ask, sizes, plain) | references | _words(loaded, pipe, ask, work)
        call |= _pictures(pipe, ask, sizes) | _steps(loaded, pipe, ask, work)
        with with_loras(pipe, ask.loras):
            made = _called(loaded, pipe, call)
    return back(made, sizes)


def _within(loaded: Loaded, ask: Ask, fit: Fit, work: Work) -> Floats:
    """What the mask hides, painted with the part of the picture that is around it; the rest is as it was."""
    assert ask.picture is not None and ask.mask is not None, "a mask is of a picture"
    rows, columns = around(ask.mask, loaded.side)
    part = Raster(np.ascontiguousarray(ask.picture.rgb[rows, columns]))
    hole = np.ascontiguousarray(ask.mask[rows, columns])
    made = _run(loaded, replace(ask, picture=part, mask=hole), fit, work)
    rgb, weight = ask.picture.rgb.copy(), hole[..., None]
    rgb[rows, columns] = np.where(weight > 0, part.rgb + weight * (made - part.rgb), part.rgb)
    return rgb


def _called(loaded: Loaded, pipe: Any, call: dict[str, Any]) -> Floats:
    """What the pipeline makes, [h, w, 3] in 0..1. QualityError where its safety checker refuses it."""
    import torch

    try:
        with torch.inference_mode():
            outcome = pipe(**call)
    except (PixloomError, MemoryError):
        raise
    except Exception as error:  # each pipeline has errors of its own for what it can't do
        if out_of_memory(error):
            raise
        said = (str(error) or type(error).__name__).strip().splitlines()[0][:300]
        raise TuneError(f"The model {loaded.source.name} ({type(pipe).__name__}) failed: {said}") from error
    finally:
        pipe.maybe_free_model_hooks()
    if any(getattr(outcome, "nsfw_content_detected", None) or ()):
        raise QualityError(
            f"The safety checker of {loaded.source.name} refuses the picture that it made, so there is none: another "
            "seed or prompt may do."
        )
    return np.asarray(outcome.images[0], np.float32)


def _sizes(loaded: Loaded, ask: Ask, fit: Fit, work: Work) -> Sizes:
    """At what size the model works; a note where that is smaller than what is wanted."""
    side = loaded.side
    wanted = ask.picture.size if ask.picture is not None else (ask.width or side, ask.height or side)
    sizes = suited(wanted, side, loaded.multiple, fit.share * (PREVIEW if work.preview else 1))
    if sizes.reduced and fit.share == 1 and not work.preview:
        work.note(
            f"{loaded.source.name} works at about {side} x {side} pixels: it was worked out at "
            f"{sizes.worked[0]} x {sizes.worked[1]} and brought to {wanted[0]} x {wanted[1]}."
        )
    return sizes


def _words(loaded: Loaded, pipe: Any, ask: Ask, work: Work) -> dict[str, Any]:
    """Prompts and their weight, as this pipeline takes them."""
    taken = inspect.signature(pipe.__call__).parameters
    call: dict[str, Any] = {"prompt": ask.prompt}
    guidance = ask.guidance if ask.guidance is not None else loaded.source.guidance
    weight = "true_cfg_scale" if _both(taken) and (ask.negative or taken["guidance_scale"].default is None) else None
    if guidance is not None:
        call[weight or "guidance_scale"] = guidance
    elif weight:
        call[weight] = max(4.0, float(taken[weight].default))
    if ask.negative:
        heard = guidance is None or guidance > 1
        if "negative_prompt" in taken and heard:
            call["negative_prompt"] = ask.negative
        else:
            why = "with so little guidance" if not heard else "by its kind"
            work.note(f"{loaded.source.name} takes no negative prompt {why}: it was left out.")
    return call


def _both(taken: Any) -> bool:
    return "true_cfg_scale" in taken and "guidance_scale" in taken


def _pictures(pipe: Any, ask: Ask, sizes: Sizes) -> dict[str, Any]:
    """Size, picture and mask, as tensors of the padded size."""
    taken = inspect.signature(pipe.__call__).parameters
    call: dict[str, Any] = {"output_type": "np"}
    if "width" in taken and "height" in taken:
        call |= {"width": sizes.padded[0], "height": sizes.padded[1]}
    if ask.picture is not None:
        call["image"] = _tensor(np.moveaxis(towards(ask.picture.rgb, sizes), 2, 0))
    if ask.mask is not None:
        call["mask_image"] = _tensor((towards(ask.mask, sizes) > 0).astype(np.float32)[None])
    return call


def _tensor(planes: Floats) -> Any:
    import torch

    return torch.from_numpy(np.ascontiguousarray(planes))[None]


def _steps(loaded: Loaded, pipe: Any, ask: Ask, work: Work) -> dict[str, Any]:
    """Schedule, randomness, and what is called at every step."""
    import torch

    taken = inspect.signature(pipe.__call__).parameters
    steps = ask.steps or loaded.source.steps or int(taken["num_inference_steps"].default)
    # On the CPU whatever the device, so that a seed gives the same noise everywhere.
    call: dict[str, Any] = {"generator": torch.Generator("cpu").manual_seed(work.seed)}
    if ask.picture is not None:
        if "strength" in taken:
            call["strength"] = ask.strength
            steps = enough(steps, ask.strength)
        else:
            work.note(f"{loaded.source.name} changes pictures as the prompt says: strength means nothing to it.")
    call["num_inference_steps"] = steps
    return call | _report(taken, steps, work)


def enough(steps: int, strength: float) -> int:
    """The least number of steps, not below `steps`, of which a share of `strength` is one or more (LONGEST at most)."""
    steps = max(steps, min(LONGEST, ceil(1 / strength)))
    return steps if int(steps * strength) >= 1 or steps == LONGEST else steps + 1


def _report(taken: Any, steps: int, work: Work) -> dict[str, Any]:
    """The callback by which a pipeline says where it stands; StoppedError gets out of it through the pipeline."""

    def after(pipe: Any, step: int, _time: Any, kept: dict[str, Any]) -> dict[str, Any]:
        work.step(step + 1, int(getattr(pipe, "num_timesteps", None) or steps), "painting")
        return kept

    def after_old(step: int, _time: Any, _latents: Any) -> None:
        work.step(step + 1, steps, "painting")

    work.step(0, steps, "painting")
    if "callback_on_step_end" in taken:
        return {"callback_on_step_end": after}
    old: Callable[..., None] = after_old
    return {"callback": old} if "callback" in taken else {}
