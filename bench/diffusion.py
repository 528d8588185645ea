"""What our path costs over diffusers' own: `PYTHONPATH=. python bench/diffusion.py [RUNS]`.

A tiny Stable Diffusion with random weights, many steps, so that one run takes about a second; runs of the bare pipeline
and of `paint` alternate, each with the same seed, size, steps and prompt; the median of each, and their ratio. The
limit is 3 %. The pixels of both are compared: they have to be equal.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from diffusers import StableDiffusionPipeline

from indexer.config import Settings
from tests.pipelines import sd
from tuner.diffusion.ask import Ask
from tuner.diffusion.paint import paint
from tuner.diffusion.pipelines import quiet
from tuner.work import Work

SIDE, STEPS, SEED, PROMPT = 64, 60, 7, "a dog on the grass"


def main(runs: int) -> None:
    with tempfile.TemporaryDirectory() as home:
        with quiet():
            folder = str(sd(Path(home) / "tiny", side=SIDE))
            pipe = StableDiffusionPipeline.from_pretrained(folder, use_safetensors=True)
        pipe.set_progress_bar_config(disable=True)
        work = Work(Settings(home=Path(home)), seed=SEED)

        def bare() -> np.ndarray:
            generator = torch.Generator("cpu").manual_seed(SEED)
            with torch.inference_mode():
                made = pipe(
                    PROMPT, width=SIDE, height=SIDE, num_inference_steps=STEPS, generator=generator, output_type="np"
                )
            return np.asarray(made.images[0], np.float32)

        def ours() -> np.ndarray:
            return paint(folder, Ask(PROMPT, width=SIDE, height=SIDE, steps=STEPS), work).rgb

        assert np.array_equal(bare(), ours()), "the same picture by both"
        times: dict[str, list[float]] = {"bare": [], "ours": []}
        for number in range(runs):
            for name, run in (("bare", bare), ("ours", ours))[:: 1 if number % 2 else -1]:
                began = time.perf_counter()
                run()
                times[name].append(time.perf_counter() - began)
    middle = {name: statistics.median(values) for name, values in times.items()}
    over = middle["ours"] / middle["bare"] - 1
    print(f"PYTHONPATH=. python bench/diffusion.py {runs}: {STEPS} steps at {SIDE} x {SIDE}, medians")
    print(f"bare pipeline {middle['bare']:.3f} s, ours {middle['ours']:.3f} s: {over:+.1%} (limit +3 %)")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
