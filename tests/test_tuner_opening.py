"""Opening pictures with all their bits, and profiles of matrix and curves."""

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms, TiffImagePlugin

from indexer.errors import PictureError
from indexer.images import open_picture
from indexer.limits import Limits
from tests.profiles import adobe_like, grey_gamma
from tuner.lineage.kept import srgb_profile
from tuner.lineage.opening import open_raster, turned
from tuner.lineage.png import profile_chunk, with_chunks
from tuner.lineage.profile import read_shaper
from tuner.raster import to_bytes

RNG = np.random.default_rng(3)


def wide(channels: int, height: int = 7, width: int = 11) -> np.ndarray:
    return RNG.integers(0, 65536, (height, width, channels), dtype=np.uint16)


def saved(image: Image.Image, format: str, **more: object) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **more)
    return file.getvalue()


def cv_png(pixels: np.ndarray) -> bytes:
    order = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[pixels.shape[2]]
    return cv2.imencode(".png", np.ascontiguousarray(pixels[..., order]))[1].tobytes()


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_png_of_16_bits_keeps_them(channels: int) -> None:
    pixels = wide(channels)
    raster = open_raster(cv_png(pixels))
    assert raster.depth == 16
    colours = np.repeat(pixels, 3, axis=2) if channels == 1 else pixels[..., :3]
    assert np.array_equal(np.rint(raster.rgb * 65535), colours)
    assert (raster.alpha is None) == (channels != 4)
    if raster.alpha is not None:
        assert np.array_equal(np.rint(raster.alpha * 65535), pixels[..., 3])


@pytest.mark.parametrize("lies", range(1, 9))
@pytest.mark.parametrize("channels", [3, 4])
def test_tiff_of_16_bits_keeps_them_and_is_upright(channels: int, lies: int) -> None:
    pixels = wide(channels)
    file = io.BytesIO()
    extra = {"extrasamples": ["unassalpha"]} if channels == 4 else {}
    tifffile.imwrite(file, pixels, photometric="rgb", extratags=[(274, 3, 1, lies, True)], **extra)
    raster = open_raster(file.getvalue())
    assert raster.depth == 16
    assert np.array_equal(np.rint(raster.rgb * 65535), turned(pixels[..., :3], lies))
    assert raster.rgb.shape[:2] == ((7, 11) if lies < 5 else (11, 7))


@pytest.mark.parametrize("lies", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_pictures_are_as_upright_as_the_index_sees_them(format: str, lies: int) -> None:
    exif = Image.Exif()
    exif[274] = lies
    data = saved(Image.fromarray(to_bytes(RNG.random((9, 14, 3)).astype(np.float32))), format, exif=exif)
    assert np.array_equal(to_bytes(open_raster(data).rgb), np.asarray(open_picture(data).image))


def test_png_of_16_bits_with_an_orientation() -> None:
    pixels = wide(3)
    exif = Image.Exif()
    exif[274] = 6
    data = with_chunks(cv_png(pixels), [(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0"))])
    assert np.array_equal(np.rint(open_raster(data).rgb * 65535), turned(pixels, 6))


def test_transparency_is_kept_and_colours_are_not_multiplied() -> None:
    pixels = RNG.integers(0, 256, (5, 6, 4), dtype=np.uint8)
    for format in ("PNG", "TIFF", "WEBP"):
        more = {"lossless": True, "exact": True} if format == "WEBP" else {}
        raster = open_raster(saved(Image.fromarray(pixels), format, **more))
        assert raster.alpha is not None
        assert np.array_equal(to_bytes(raster.rgb), pixels[..., :3])
        assert np.array_equal(to_bytes(raster.alpha), pixels[..., 3])


def test_transparency_of_palettes_and_colour_keys() -> None:
    image = Image.fromarray(np.array([[0, 1], [2, 3]], np.uint8), "L").convert("P")
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9])
    raster = open_raster(saved(image, "PNG", transparency=bytes([0, 128, 255, 255])))
    assert raster.alpha is not None
    assert np.array_equal(to_bytes(raster.alpha), [[0, 128], [255, 255]])


def test_grey_of_more_than_8_bits_and_floats() -> None:
    values = np.linspace(0, 1, 35, dtype=np.float32).reshape(5, 7)
    raster = open_raster(saved(Image.fromarray(values), "TIFF"))
    assert raster.depth == 16
    assert np.allclose(raster.rgb[..., 1], values, atol=1e-6)


def test_the_first_frame_of_an_animation() -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    data = saved(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    assert np.allclose(open_raster(data).rgb, [1, 0, 0])


def test_limits_and_reasons_are_those_of_the_index(tmp_path: Path) -> None:
    data = cv_png(wide(3))
    for bad, limits in (
        (data, Limits(max_pixels=70)),
        (data[:200], Limits()),
        (b"nonsense", Limits()),
        (b"", Limits()),
    ):
        with pytest.raises(PictureError) as ours:
            open_raster(bad, limits)
        with pytest.raises(PictureError) as theirs:
            open_picture(bad, limits=limits)
        assert str(ours.value) == str(theirs.value)
    with pytest.raises(PictureError, match="no such file"):
        open_raster(tmp_path / "none.png")


def test_a_16_bit_profile_is_converted_as_little_cms_does() -> None:
    profile = adobe_like()
    small = RNG.integers(0, 256, (16, 16, 3), dtype=np.uint8)
    target = ImageCms.createProfile("sRGB")
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    truth = np.asarray(ImageCms.profileToProfile(Image.fromarray(small), source, target))
    data = with_chunks(cv_png(small.astype(np.uint16) * 257), [profile_chunk(profile)])
    raster = open_raster(data)
    assert raster.depth == 16
    assert np.abs(raster.rgb * 255 - truth).max() < 1.6


def test_profiles_there_and_back() -> None:
    shaper = read_shaper(adobe_like())
    assert shaper is not None
    inside = (0.1 + 0.6 * RNG.random((20, 30, 3))).astype(np.float32)
    stored = shaper.from_srgb(inside)
    assert np.abs(stored - inside).max() > 0.01
    assert np.abs(shaper.to_srgb(stored) - inside).max() < 0.5 / 65535 + 1e-6
    grey = read_shaper(grey_gamma(1.8))
    assert grey is not None
    assert grey.matrix is None
    values = RNG.random((20, 30)).astype(np.float32)
    assert np.abs(grey.to_srgb(grey.from_srgb(values)) - values).max() < 1e-5


def test_srgb_is_the_identity() -> None:
    shaper = read_shaper(srgb_profile())
    assert shaper is not None
    values = RNG.random((20, 30, 3)).astype(np.float32)
    assert np.abs(shaper.to_srgb(values) - values).max() < 0.6 / 255


@pytest.mark.parametrize("broken", [b"", b"x" * 200, adobe_like()[:300]])
def test_broken_profiles_are_none(broken: bytes) -> None:
    assert read_shaper(broken) is None


def test_raw_tiffs_are_not_mistaken() -> None:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[270] = "x"
    assert open_raster(saved(Image.new("RGB", (3, 2)), "TIFF", tiffinfo=tags)).size == (3, 2)
