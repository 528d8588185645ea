"""The invisible watermark: read after what happens to pictures, and not where there is none."""

import io

import numpy as np
import pytest
from PIL import Image
from skimage import data

from indexer.errors import UsageError
from indexer.types import Floats
from tuner.evaluate.measures import psnr
from tuner.lineage.watermark import SMALLEST, detect, embed
from tuner.raster import to_bytes

PAYLOAD = 0x0123_4567_89AB


@pytest.fixture(scope="module")
def picture() -> Floats:
    whole: Floats = data.astronaut().astype(np.float32) / 255
    return whole[:400]


@pytest.fixture(scope="module")
def marked(picture: Floats) -> Image.Image:
    return Image.fromarray(to_bytes(embed(picture, PAYLOAD)))


def floats(image: Image.Image) -> Floats:
    return np.asarray(image.convert("RGB"), np.float32) / 255


def jpeg(image: Image.Image, quality: int) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(file)


def read(image: Image.Image) -> int | None:
    mark = detect(floats(image), cropped=False)
    return None if mark is None else mark.payload


def test_it_cannot_be_seen_and_leaves_its_source_alone(picture: Floats, marked: Image.Image) -> None:
    before = picture.copy()
    outcome = embed(picture, PAYLOAD)
    assert np.array_equal(to_bytes(outcome), np.asarray(marked))
    assert np.array_equal(picture, before)
    assert outcome.dtype == np.float32
    assert 0 <= outcome.min() <= outcome.max() <= 1
    assert psnr(picture, floats(marked)) >= 40


def test_it_survives_saving_and_resizing(marked: Image.Image) -> None:
    small = marked.resize((marked.width * 3 // 4, marked.height * 3 // 4), Image.Resampling.BICUBIC)
    for attacked in (marked, jpeg(marked, 80), small, jpeg(small, 80), marked.resize((700, 300))):
        assert read(attacked) == PAYLOAD
    assert read(marked.point([round(value * 0.8 + 20) for value in range(256)] * 3)) == PAYLOAD
    assert read(marked.convert("L")) == PAYLOAD


def test_it_survives_a_mild_crop(marked: Image.Image) -> None:
    mark = detect(floats(marked.crop((8, 5, marked.width - 9, marked.height - 6))))
    assert mark is not None
    assert mark.payload == PAYLOAD


def test_there_is_none_where_none_was_put(picture: Floats, marked: Image.Image) -> None:
    assert detect(picture) is None
    assert detect(np.full((200, 200, 3), 0.5, np.float32)) is None
    assert detect(np.zeros((1, 1, 3), np.float32)) is None
    assert detect(floats(marked), key=5, cropped=False) is None


def test_keys_are_apart(picture: Floats) -> None:
    mark = detect(embed(picture, PAYLOAD, key=5), key=5, cropped=False)
    assert mark is not None
    assert mark.payload == PAYLOAD
    assert mark.score > 0.5


@pytest.mark.parametrize("payload", [0, 2**48 - 1])
def test_every_payload_can_be_written(picture: Floats, payload: int) -> None:
    mark = detect(embed(picture, payload), cropped=False)
    assert mark is not None
    assert mark.payload == payload


def test_flat_and_grey_pictures_are_marked_too() -> None:
    for value in (0.0, 0.5, 1.0):
        flat = np.full((256, 300, 3), value, np.float32)
        mark = detect(floats(Image.fromarray(to_bytes(embed(flat, PAYLOAD)))), cropped=False)
        assert value in (0.0, 1.0) or (mark is not None and mark.payload == PAYLOAD)


def test_what_cannot_be_marked_is_refused() -> None:
    with pytest.raises(UsageError, match="100x300"):
        embed(np.zeros((300, 100, 3), np.float32), 1)
    with pytest.raises(UsageError, match="payload"):
        embed(np.zeros((300, 300, 3), np.float32), 2**48)
    assert SMALLEST <= 256


def test_random_words_do_not_pass_the_check() -> None:
    """The measure of false positives: tries of one picture, each with a chance of 2**-32."""
    from tuner.lineage import watermark

    random = np.random.default_rng(1)
    read = sum(watermark._read(random.normal(size=(256, 256)).astype(np.float32), 1) is not None for _ in range(10))
    assert read == 0
