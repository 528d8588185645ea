"""How often a watermark is read after attacks, and how often one is seen where there is none.

python -m bench.watermark FOLDER [FOLDER...] [--pictures N]
"""

import argparse
import io
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from indexer.images import is_picture_name
from indexer.types import Floats
from tuner.evaluate.measures import psnr, ssim
from tuner.lineage.opening import open_raster
from tuner.lineage.watermark import SMALLEST, detect, embed
from tuner.raster import to_bytes


def floats(image: Image.Image) -> Floats:
    return np.asarray(image.convert("RGB"), np.float32) / np.float32(255)


def jpeg(image: Image.Image, quality: int) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(file)


def resized(image: Image.Image, part: float) -> Image.Image:
    return image.resize((round(image.width * part), round(image.height * part)), Image.Resampling.LANCZOS)


def cropped(image: Image.Image, part: float) -> Image.Image:
    """Without `part` of the sides, more of it at the right and the bottom."""
    across, down = image.width * part, image.height * part
    return image.crop(
        (round(across * 0.3), round(down * 0.4), image.width - round(across * 0.7), image.height - round(down * 0.6))
    )


ATTACKS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "none": lambda image: image,
    "JPEG 90": lambda image: jpeg(image, 90),
    "JPEG 80": lambda image: jpeg(image, 80),
    "JPEG 60": lambda image: jpeg(image, 60),
    "JPEG 40": lambda image: jpeg(image, 40),
    "75 %": lambda image: resized(image, 0.75),
    "75 % and JPEG 80": lambda image: jpeg(resized(image, 0.75), 80),
    "JPEG 80, 75 %, JPEG 80": lambda image: jpeg(resized(jpeg(image, 80), 0.75), 80),
    "50 % and JPEG 80": lambda image: jpeg(resized(image, 0.5), 80),
    "150 %": lambda image: resized(image, 1.5),
    "contrast 0.8, brighter": lambda image: image.point([min(255, round(v * 0.8 + 40)) for v in range(256)] * 3),
    "crop 2 %": lambda image: cropped(image, 0.02),
    "crop 5 %": lambda image: cropped(image, 0.05),
    "crop 10 %": lambda image: cropped(image, 0.10),
    "crop 5 %, 75 %, JPEG 80": lambda image: jpeg(resized(cropped(image, 0.05), 0.75), 80),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--pictures", type=int, default=100)
    given = parser.parse_args()
    paths = [path for folder in given.folders for path in sorted(folder.rglob("*")) if is_picture_name(path.name)]
    paths = paths[:: max(1, len(paths) // given.pictures)][: given.pictures]
    chance = np.random.default_rng(6)
    right: dict[str, list[bool]] = {name: [] for name in ATTACKS}
    decibels, alike, false, seconds = [], [], 0, []
    for path in paths:
        rgb = open_raster(path).rgb
        if min(rgb.shape[:2]) < SMALLEST:
            continue
        false += detect(rgb) is not None
        payload = int(chance.integers(2**48))
        started = time.perf_counter()
        marked = Image.fromarray(to_bytes(embed(rgb, payload)))
        seconds.append(time.perf_counter() - started)
        decibels.append(psnr(rgb, floats(marked)))
        alike.append(ssim(rgb, floats(marked)))
        for name, attack in ATTACKS.items():
            mark = detect(floats(attack(marked)), cropped=name.startswith("crop"))
            right[name].append(mark is not None and mark.payload == payload)
    print(
        f"{len(decibels)} pictures, PSNR {np.mean(decibels):.1f} dB (least {min(decibels):.1f}), "
        f"SSIM {np.mean(alike):.4f} (least {min(alike):.4f}), {np.mean(seconds):.2f} s to embed"
    )
    print(f"marks seen in unmarked pictures: {false}")
    for name, found in right.items():
        print(f"{name:28} {100 * np.mean(found):6.1f} %")


if __name__ == "__main__":
    main()
