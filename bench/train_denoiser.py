"""Train the network of `denoise` or `dejpeg`: python bench/train_denoiser.py noise out.safetensors --minutes 50.

Learns from the train split of Flickr8k and the larger photographs, scaled down so that their own JPEG marks are gone;
the last pictures of the split are held out to watch it. Weights are written again and again, so it may be stopped.
"""

import argparse
import copy
import json
import math
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors.torch import load_file, save_file

from tuner.networks.denoiser import Denoiser

DATA = Path("../shared/data")
HELD_OUT = 48
MAX_SIGMA = 60
EPSILON = 1e-5
"""Mean square errors below it (50 dB) are as good as none."""


def pictures(data: Path) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
    """Small pictures, large ones, and small ones held out; bytes in RGB."""
    lines = [json.loads(line) for line in (data / "flickr8k/captions.jsonl").read_text().splitlines()]
    train = sorted(line["image"] for line in lines if line["split"] == "train")
    rest = {line["image"] for line in lines} - set(train)
    held = set(train[-HELD_OUT:])
    large = [path for path in sorted((data / "photos").glob("*.jpg")) if path.name not in rest | held]

    def read(path: Path) -> np.ndarray:
        return cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)

    folder = data / "flickr8k/images"
    return (
        [read(folder / name) for name in train if name not in held],
        [read(path) for path in large],
        [read(folder / name) for name in sorted(held)],
    )


def crop(picture: np.ndarray, side: int, scale: float, rng: np.random.Generator) -> np.ndarray:
    """A random part, scaled down to `side`, turned and mirrored at random."""
    height, width = picture.shape[:2]
    taken = min(round(side / scale), height, width)
    top, left = rng.integers(height - taken + 1), rng.integers(width - taken + 1)
    part = picture[top : top + taken, left : left + taken]
    if taken != side:
        part = cv2.resize(part, (side, side), interpolation=cv2.INTER_AREA)
    part = np.rot90(part, rng.integers(4))
    return part[:, ::-1] if rng.random() < 0.5 else part


def noisy(clean: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """With Gaussian noise of a random sigma; some as a file has it, clipped and rounded."""
    sigma = rng.uniform(0, MAX_SIGMA) / 255
    given = clean + rng.standard_normal(clean.shape, np.float32) * np.float32(sigma)
    if rng.random() < 0.25:
        given = np.rint(given.clip(0, 1) * 255) / 255
    return given, sigma


def jpeg(clean: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """Compressed at a random quality of 5 to 95; one in five is then off the grid of blocks."""
    quality = int(rng.integers(5, 96))
    sampling = cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420 if rng.random() < 0.7 else cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444
    shift = tuple(rng.integers(8, size=2)) if rng.random() < 0.2 else (0, 0)
    moved = np.roll(np.rint(clean * 255).astype(np.uint8), shift, (0, 1))
    options = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling]
    coded = cv2.imencode(".jpg", moved[..., ::-1], options)[1]
    decoded = cv2.imdecode(coded, cv2.IMREAD_COLOR)[..., ::-1]
    return np.roll(decoded, (-shift[0], -shift[1]), (0, 1)).astype(np.float32) / 255, (100 - quality) / 100


DAMAGES = {"noise": noisy, "jpeg": jpeg}


def batch(cleans: list[np.ndarray], task: str, rng: np.random.Generator) -> tuple[torch.Tensor, ...]:
    """Clean pictures [n, 3, h, w], damaged ones, and strengths."""
    floats = [clean.astype(np.float32) / 255 for clean in cleans]
    damaged = [DAMAGES[task](clean, rng) for clean in floats]

    def stacked(values: list[np.ndarray]) -> torch.Tensor:
        return torch.from_numpy(np.stack(values).astype(np.float32)).permute(0, 3, 1, 2)

    strengths = torch.tensor([strength for _, strength in damaged], dtype=torch.float32)
    return stacked(floats), stacked([given for given, _ in damaged]), strengths


def error(clean: torch.Tensor, made: torch.Tensor) -> torch.Tensor:
    """Decibels, negative, of each picture: mean square errors as PSNR weighs them, alike at every strength."""
    return 10 * torch.log10((clean - made).square().mean((1, 2, 3)) + EPSILON)


class Muon:
    """Steps along the orthogonalised momentum of each weight matrix (Jordan et al. 2024), by Newton and Schulz.

    After as many steps as can be afforded here it is a decibel ahead of Adam, which does the first and last layers.
    """

    def __init__(self, weights: list[torch.nn.Parameter]) -> None:
        self.weights = weights
        self.momenta = [torch.zeros_like(weight) for weight in weights]

    @torch.no_grad()
    def step(self, rate: float) -> None:
        alike: dict[tuple[int, int], list[tuple[torch.nn.Parameter, torch.Tensor]]] = {}
        for weight, momentum in zip(self.weights, self.momenta, strict=True):
            momentum.lerp_(weight.grad, 0.05)
            ahead = weight.grad.lerp(momentum, 0.95).reshape(len(weight), -1)
            alike.setdefault(tuple(ahead.shape), []).append((weight, ahead))
        for group in alike.values():
            directions = orthogonal(torch.stack([ahead for _, ahead in group]))
            for (weight, _), direction in zip(group, directions, strict=True):
                weight.add_(direction.reshape(weight.shape), alpha=-rate)


def orthogonal(matrices: torch.Tensor) -> torch.Tensor:
    """[n, rows, columns] -> the nearest with singular values of about one; rows are the fewer."""
    turned = matrices.shape[1] > matrices.shape[2]
    near = matrices.mT if turned else matrices
    near = near / (near.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(5):
        square = near @ near.mT
        near = 3.4445 * near + (-4.7750 * square + 2.0315 * square @ square) @ near
    return near.mT if turned else near


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", choices=DAMAGES)
    parser.add_argument("out", type=Path)
    parser.add_argument("--start", type=Path, help="weights to begin from")
    parser.add_argument("--minutes", type=float, default=50)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--rate", type=float, default=1.5e-2)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=6)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)
    cv2.setNumThreads(1)
    rng = np.random.default_rng(options.seed)
    small, large, held = pictures(options.data)
    watched = batch(
        [crop(one, 160, 0.72, np.random.default_rng(1)) for one in held], options.task, np.random.default_rng(2)
    )

    network = Denoiser().to(memory_format=torch.channels_last)
    if options.start:
        network.load_state_dict({name: value.float() for name, value in load_file(options.start).items()})
    average = copy.deepcopy(network).eval()
    ends = [*network.head.parameters(), *network.tail.parameters()]
    inner = [one for one in network.parameters() if all(one is not end for end in ends)]
    muon, adam = Muon(inner), torch.optim.Adam(ends, betas=(0.9, 0.99))
    started, step, recent, reported = time.monotonic(), 0, 0.0, 0.0
    while (elapsed := (time.monotonic() - started) / 60) < options.minutes:
        gone = elapsed / options.minutes
        rate = options.rate * min(1.0, (step + 1) / 50) * (0.5 + 0.5 * math.cos(math.pi * gone))
        cleans = []
        for _ in range(options.batch):
            if rng.random() < 0.35:
                cleans.append(crop(large[rng.integers(len(large))], options.side, rng.uniform(0.6, 1), rng))
            else:
                cleans.append(crop(small[rng.integers(len(small))], options.side, rng.uniform(0.5, 0.75), rng))
        clean, given, strengths = batch(cleans, options.task, rng)
        given = given.contiguous(memory_format=torch.channels_last)
        loss = error(clean, network(given, strengths)).mean()
        network.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        muon.step(rate)
        adam.param_groups[0]["lr"] = rate / 8
        adam.step()
        step += 1
        keep = min(0.998, 1 - 1 / (1 + step / 10))
        with torch.no_grad():
            for mean, now in zip(average.parameters(), network.parameters(), strict=True):
                mean.lerp_(now, 1 - keep)
        recent += (loss.item() - recent) / min(step, 100)
        if elapsed - reported > 2 or step == 1:
            reported = elapsed
            with torch.inference_mode():
                seen = float(error(watched[0], average(*watched[1:])).mean())
            print(f"{elapsed:5.1f} min, step {step}: {-recent:.3f} dB, held out {-seen:.3f} dB", flush=True)
            save(average, options)
    save(average, options)


def save(network: torch.nn.Module, options: argparse.Namespace) -> None:
    """In half precision, under its name only when it is whole."""
    part = options.out.with_suffix(".part")
    about = {"task": options.task, "seed": str(options.seed), "minutes": str(options.minutes)}
    save_file({name: value.half().contiguous() for name, value in network.state_dict().items()}, part, about)
    part.replace(options.out)


if __name__ == "__main__":
    main()
