"""A picture made small first, where what it shows is decided, then enlarged and refined."""

from collections.abc import Callable
from dataclasses import replace

from tuner.creative.fitting import resized
from tuner.diffusion.ask import Ask
from tuner.diffusion.paint import paint
from tuner.raster import Raster
from tuner.work import OnStep, Work

REFINED = 0.4
"""Strength of the second pass: details are made anew, what is where stays."""
_PASSES = 2

Paint = Callable[[str, Ask, Work], Raster]


def progressive(model: str, ask: Ask, size: tuple[int, int], work: Work, paint: Paint = paint) -> Raster:
    """A picture of `size` (width, height): made at half of it, enlarged, refined by image to image. Steps of both
    passes are reported. Raises what `paint` raises."""
    small = max(size[0] // 2, 1), max(size[1] // 2, 1)
    begun = ask.picture and Raster(resized(ask.picture.rgb, small))
    first = paint(model, replace(ask, width=small[0], height=small[1], picture=begun), _pass(work, 0, "small first"))
    enlarged = Raster(resized(first.rgb, size))
    again = replace(ask, width=size[0], height=size[1], picture=enlarged, strength=REFINED)
    return paint(model, again, _pass(work, 1, "refining"))


def _pass(work: Work, number: int, name: str) -> Work:
    """The same run, whose steps are told as those of one pass of two."""
    tell = work.on_step
    if tell is None:
        return work

    def on_step(done: int, total: int, what: str) -> None:
        told(number * total + done, _PASSES * total, f"{name}: {what}" if what else name)

    told: OnStep = tell
    return replace(work, on_step=on_step)
