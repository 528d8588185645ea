import io

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter

from indexer.look import dominant_colours, hamming, look, perceptual_hash


def pattern(seed: int, size: tuple[int, int] = (200, 150)) -> Image.Image:
    """Soft random blobs: as much alike as any two photographs."""
    noise = np.random.default_rng(seed).integers(0, 255, (6, 8, 3), np.uint8)
    return Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC)


def thumbnail(image: Image.Image, size: int) -> Image.Image:
    return Image.open(io.BytesIO(look(image, size).thumbnail))


@pytest.mark.parametrize(
    ("size", "expected"),
    [((200, 150), (100, 75)), ((150, 200), (75, 100)), ((60, 40), (60, 40)), ((3000, 2), (100, 1)), ((1, 1), (1, 1))],
)
def test_thumbnail(size: tuple[int, int], expected: tuple[int, int]) -> None:
    small = thumbnail(pattern(1, size), 100)
    assert (small.format, small.mode, small.size) == ("WEBP", "RGB", expected)


def test_thumbnail_looks_like_the_picture() -> None:
    image = pattern(1)
    small = np.asarray(thumbnail(image, 100), dtype=int)
    assert np.abs(small - np.asarray(image.resize((100, 75)), dtype=int)).mean() < 6


def test_hash_is_a_signed_64_bit_integer_and_repeatable() -> None:
    hashes = [look(pattern(seed), 100).phash for seed in range(50)]
    assert all(-(2**63) <= value < 2**63 for value in hashes)
    assert any(value < 0 for value in hashes) and any(value > 0 for value in hashes)
    assert hashes[7] == look(pattern(7), 64).phash


def test_hash_survives_small_changes() -> None:
    image = pattern(3)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=40)
    for changed in (
        Image.open(file),
        image.resize((90, 70)),
        image.filter(ImageFilter.GaussianBlur(2)),
        ImageEnhance.Brightness(image).enhance(0.8),
        ImageEnhance.Contrast(image).enhance(1.2),
    ):
        assert hamming(perceptual_hash(image), perceptual_hash(changed)) <= 8


def test_hashes_of_different_pictures_are_far_apart() -> None:
    hashes = [perceptual_hash(pattern(seed)) for seed in range(40)]
    distances = [hamming(a, b) for n, a in enumerate(hashes) for b in hashes[:n]]
    assert np.mean(distances) == pytest.approx(32, abs=2)
    assert min(distances) > 10


@pytest.mark.parametrize("colour", ["black", "white", "#336699"])
def test_hash_of_a_flat_picture(colour: str) -> None:
    assert look(Image.new("RGB", (50, 40), colour), 100).phash == 0


def test_hamming() -> None:
    assert hamming(0, 0) == 0
    assert hamming(-1, 0) == 64
    assert hamming(-(2**63), 0) == 1
    assert hamming(0b1011, 0b0001) == 2


def test_dominant_colours() -> None:
    image = Image.new("RGB", (100, 100), "#2040c0")
    image.paste("#f0e010", (0, 0, 100, 25))
    (first, share), (second, rest) = look(image, 100).colours
    assert (first, second) == ("#2040c0", "#f0e010")
    assert share == pytest.approx(0.75, abs=0.04) and share + rest == pytest.approx(1)


def test_at_most_five_colours_largest_first() -> None:
    colours = look(pattern(5), 100).colours
    shares = [share for _, share in colours]
    assert 2 <= len(colours) <= 5
    assert shares == sorted(shares, reverse=True) and sum(shares) <= 1 + 1e-9


def test_one_colour() -> None:
    assert dominant_colours(Image.new("RGB", (16, 16), "#010203")) == (("#010203", 1.0),)
