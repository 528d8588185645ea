"""Quality figures of operations on pictures with known answers, each beside the standard alternatives."""

from collections.abc import Callable, Iterator, Sequence
from importlib import import_module

from tuner.evaluate.comparison import Row, Truth
from tuner.work import Work

Evaluate = Callable[[Sequence[Truth], Work], Iterator[Row]]

TASKS = {
    "upscale": "tuner.evaluate.upscale",
    "denoise": "tuner.evaluate.denoise",
    "dejpeg": "tuner.evaluate.dejpeg",
    "deblur": "tuner.evaluate.deblur",
    "lowlight": "tuner.evaluate.lowlight",
    "dehaze": "tuner.evaluate.dehaze",
    "inpaint": "tuner.evaluate.inpaint",
    "scratches": "tuner.evaluate.scratches",
    "colorize": "tuner.evaluate.colorize",
    "style": "tuner.evaluate.style",
    "guided": "tuner.evaluate.guided",
}
"""Task -> the module whose `evaluate(truths, work)` measures it. Degradations are simulated, with fixed seeds."""


def evaluate(task: str, truths: Sequence[Truth], work: Work) -> Iterator[Row]:
    """The figures of one task on clean pictures, a row for each case and method."""
    run: Evaluate = import_module(TASKS[task]).evaluate
    return run(truths, work)
