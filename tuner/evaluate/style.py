"""Style transfer: content and style loss after so many seconds, beside plain Gatys from the content picture."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial

import numpy as np

from indexer.types import Floats
from tuner.creative.gatys import (
    Features,
    Objective,
    Recipe,
    load_features,
    quickly_restyled,
    restyled,
    to_array,
    to_tensor,
)
from tuner.creative.transport import fitted, transported
from tuner.evaluate.comparison import OURS, Case, Measure, Row, Truth, compare
from tuner.raster import Raster
from tuner.work import Work

SIZE = 256
"""Longer side in pixels of pictures and references."""
BUDGETS = (5, 30)
"""Seconds that each method has. They are those that its thread computes in, so that a busy machine is as fair."""


def evaluate(truths: Sequence[Truth], work: Work, budgets: Sequence[float] = BUDGETS) -> Iterator[Row]:
    """Losses of pairs of pictures: each with an even place is restyled after the one that follows it.

    `content` and `style` are the losses of `Objective`, `total` is what is minimised, with default weights. All
    methods use the same features. DependencyError where there are none.
    """
    features = load_features(work.model("vgg19"))
    pairs = zip(truths[::2], truths[1::2], strict=False)
    cases = [_case(content, style) for content, style in pairs]

    def ours(case: Case, seconds: float) -> Floats:
        started = time.thread_time()
        content, style = case.given.rgb, case.truth.rgb
        start = transported(content, style, work)
        left = max(0.1, seconds - (time.thread_time() - started))
        return restyled(content, style, start, features, Recipe(), work, left)

    def fast(case: Case) -> Floats:
        content, style = case.given.rgb, case.truth.rgb
        return quickly_restyled(content, style, transported(content, style, work), features, Recipe(), work)

    measures = _measures(features)
    for seconds in budgets:
        methods = {
            "Gatys from the content": partial(_plain, features=features, seconds=seconds, work=work),
            OURS: partial(ours, seconds=seconds),
        }
        yield from compare("style", f"{seconds:g} s", cases, methods, work, measures)
    quick = {
        "colour and texture transport": lambda case: transported(case.given.rgb, case.truth.rgb, work),
        f"{OURS}, fast": fast,
    }
    yield from compare("style", "fast", cases, quick, work, measures)


def _case(content: Truth, style: Truth) -> Case:
    """What is given is the content; the truth, in so far as there is one, is the style."""
    name = f"{content.name} like {style.name}"
    return Case(Truth(name, fitted(style.rgb, SIZE)), Raster(fitted(content.rgb, SIZE)))


def _measures(features: Features) -> Mapping[str, Measure]:
    recipe = Recipe()

    def losses(case: Case, made: Floats) -> tuple[float, float]:
        import torch

        with torch.no_grad():
            content, style = Objective(features, case.given.rgb, case.truth.rgb).losses(to_tensor(made))
        return float(content), float(style)

    return {
        "content": lambda case, made: losses(case, made)[0],
        "style": lambda case, made: losses(case, made)[1],
        "total": lambda case, made: float(np.dot((recipe.alpha, recipe.beta), losses(case, made))),
    }


def _plain(case: Case, features: Features, seconds: float, work: Work) -> Floats:
    """As in the paper: the pixels by L-BFGS, at one size, from the content picture."""
    import torch

    until, recipe = time.thread_time() + seconds, Recipe()
    objective = Objective(features, case.given.rgb, case.truth.rgb)
    picture = to_tensor(case.given.rgb).clone().requires_grad_(True)
    endless = 10**9
    descent = torch.optim.LBFGS(
        [picture], 1, endless, endless, tolerance_grad=0, tolerance_change=0, line_search_fn="strong_wolfe"
    )
    least, best = float("inf"), case.given.rgb

    def loss() -> float:
        nonlocal least, best
        work.step(0, 1, "Gatys from the content")
        descent.zero_grad()
        content, style = objective.losses(picture)
        total = recipe.alpha * content + recipe.beta * style
        if total.item() < least:
            least, best = total.item(), to_array(picture)
        if time.thread_time() > until:
            raise TimeoutError
        torch.autograd.backward(total)
        return total.item()

    step: Callable[[Callable[[], float]], object] = descent.step
    with suppress(TimeoutError):
        step(loss)
    return best
