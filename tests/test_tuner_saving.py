"""Outcomes on disk: where, in which format, with what their source said, and never over anything."""

import errno
import io
import os
import struct
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, IptcImagePlugin
from PIL.ExifTags import IFD, Base

from indexer.colour import is_srgb
from indexer.config import Settings
from indexer.errors import DiskFullError, HomeError, UsageError
from indexer.images import open_picture
from tests.profiles import adobe_like, grey_gamma
from tuner.lineage.encoding import EXTENSIONS
from tuner.lineage.jpeg import PHOTOSHOP, resource, segments, with_segments
from tuner.lineage.opening import open_raster
from tuner.lineage.png import chunks
from tuner.lineage.recipe import Recipe
from tuner.lineage.saving import outcome_file, outcome_path, save_raster, write_new
from tuner.lineage.xmp import read_packet, read_recipe, recipe_of
from tuner.raster import Raster, to_bytes

RECIPE = Recipe("tone", {"exposure": 0.5}, parent="ab" * 32)
ENHANCED = "algorithmicallyEnhanced"
IPTC = b"\x1c\x02\x19\x00\x05birds" + b"\x1c\x02\x74\x00\x02me"


def raster(channels: int = 3, depth: Any = 8, height: int = 24, width: int = 32) -> Raster:
    """Smooth, so that lossy formats keep it nearly."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    rgb = np.stack([x / width, y / height, (x + y) / (width + height)], axis=2)
    alpha = np.clip(x / width, 0.01, 1) if channels == 4 else None
    return Raster(rgb.astype(np.float32), alpha, depth)


def camera_jpeg(width: int = 32, height: int = 24, **more: Any) -> bytes:
    """As a camera makes them: EXIF with a maker's note, place and thumbnail, IPTC, a comment."""
    exif = Image.Exif()
    exif[Base.Make], exif[Base.Orientation], exif[Base.Copyright] = "Maker", 6, "me"
    below = exif.get_ifd(IFD.Exif)
    below[Base.MakerNote], below[Base.FNumber], below[Base.ExifImageWidth] = b"\1\2\3secret", 2.8, 4000
    exif.get_ifd(IFD.GPSInfo)[1] = "N"
    block = bytearray(exif.tobytes())
    thumbnail = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(thumbnail, "JPEG")
    order = "<" if block[6:8] == b"II" else ">"
    (count,) = struct.unpack_from(order + "H", block, 14)
    directory = len(block) - 6
    struct.pack_into(order + "I", block, 16 + 12 * count, directory)
    start = directory + 2 + 24 + 4
    block += struct.pack(order + "H", 2) + struct.pack(order + "HHII", 513, 4, 1, start)
    block += struct.pack(order + "HHII", 514, 4, 1, len(thumbnail.getvalue())) + bytes(4) + thumbnail.getvalue()
    file = io.BytesIO()
    Image.fromarray(to_bytes(raster(height=height, width=width).rgb)).save(
        file, "JPEG", exif=bytes(block), comment=b"by hand", dpi=(300, 300), **more
    )
    return with_segments(file.getvalue(), [(0xED, PHOTOSHOP + resource(0x0404, IPTC) + resource(0x040C, b"old"))])


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def made(picture: Raster, source: bytes | None, **more: Any) -> bytes:
    return outcome_file(picture, source, RECIPE, "algorithmicallyEnhanced", **more)[0]


def test_what_a_camera_wrote_stays_but_for_what_is_no_longer_true() -> None:
    source = camera_jpeg()
    image, before = opened(made(open_raster(source), source)), opened(source)
    exif, old = image.getexif(), before.getexif()
    assert old.get_ifd(IFD.IFD1)
    assert exif[Base.Orientation] == 1
    assert exif.get_ifd(IFD.Exif)[Base.ExifImageWidth] == image.width == 24
    assert not exif.get_ifd(IFD.IFD1)
    for tag in (Base.Make, Base.Copyright):
        assert exif[tag] == old[tag]
    for tag in (Base.MakerNote, Base.FNumber):
        assert exif.get_ifd(IFD.Exif)[tag] == old.get_ifd(IFD.Exif)[tag]
    assert dict(exif.get_ifd(IFD.GPSInfo)) == dict(old.get_ifd(IFD.GPSInfo))
    assert IptcImagePlugin.getiptcinfo(image) == IptcImagePlugin.getiptcinfo(before)
    assert image.info["comment"] == b"by hand"
    assert image.info["dpi"] == (300, 300)


def test_no_trace_of_the_thumbnail_is_left() -> None:
    source = camera_jpeg()
    block = next(body for marker, body in segments(source) if marker == 0xE1)
    thumbnail = block[block.index(b"\xff\xd8\xff") :]
    data = made(open_raster(source), source)
    assert thumbnail[:20] not in data[4:]
    assert b"old" not in next(body for marker, body in segments(data) if marker == 0xED)


@pytest.mark.parametrize("format", ["PNG", "TIFF", "WEBP"])
def test_metadata_goes_into_other_formats(format: str) -> None:
    source, notes = camera_jpeg(), []
    data = made(open_raster(source), source, format=format, note=notes.append)
    exif = opened(data).getexif()
    assert (exif[Base.Make], exif[Base.Orientation]) == ("Maker", 1)
    assert exif.get_ifd(IFD.Exif)[Base.FNumber] == pytest.approx(2.8)
    assert exif.get_ifd(IFD.GPSInfo)[1] == "N"
    assert recipe_of(read_packet(data)) == RECIPE
    assert open_picture(data).metadata.camera == open_picture(source).metadata.camera
    assert bool(notes) == (format == "WEBP")
    if format == "TIFF":
        assert IptcImagePlugin.getiptcinfo(opened(data)) == IptcImagePlugin.getiptcinfo(opened(source))


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_formats_without_loss_keep_every_bit(format: str, channels: int, depth: Any) -> None:
    picture = raster(channels, depth)
    again = open_raster(made(picture, None, format=format))
    top = 2**depth - 1
    assert again.depth == depth
    assert np.array_equal(np.rint(again.rgb * top), np.rint(picture.rgb * top))
    assert (again.alpha is None) == (picture.alpha is None)
    if picture.alpha is not None and again.alpha is not None:
        assert np.array_equal(np.rint(again.alpha * top), np.rint(picture.alpha * top))


@settings(max_examples=40, deadline=None)
@given(
    width=st.integers(1, 40),
    height=st.integers(1, 40),
    channels=st.sampled_from([3, 4]),
    depth=st.sampled_from([8, 16]),
    format=st.sampled_from(["PNG", "TIFF", "WEBP", "JPEG"]),
    seed=st.integers(0, 9),
)
def test_round_trips(width: int, height: int, channels: int, depth: Any, format: str, seed: int) -> None:
    random = np.random.default_rng(seed)
    alpha = random.random((height, width), dtype=np.float32) * np.float32(0.9) if channels == 4 else None
    picture = Raster(random.random((height, width, 3), dtype=np.float32), alpha, depth)
    if format == "JPEG" and channels == 4:
        with pytest.raises(UsageError, match="transparency"):
            made(picture, None, format=format)
        return
    data = made(picture, None, format=format)
    again = open_raster(data)
    assert again.size == (width, height)
    assert recipe_of(read_packet(data)) == RECIPE
    if format in ("PNG", "TIFF"):
        assert np.abs(again.rgb - picture.rgb).max() <= 0.501 / (2**depth - 1)


@pytest.mark.parametrize(
    ("source", "channels", "depth", "extension"),
    [
        ("JPEG", 3, 8, ".jpg"),
        ("JPEG", 4, 8, ".png"),
        ("JPEG", 3, 16, ".png"),
        ("PNG", 3, 8, ".png"),
        ("WEBP", 4, 8, ".webp"),
        ("WEBP", 3, 16, ".png"),
        ("TIFF", 4, 16, ".tif"),
        ("BMP", 3, 8, ".png"),
        ("GIF", 3, 8, ".png"),
        ("AVIF", 3, 8, ".jpg"),
        ("AVIF", 4, 8, ".png"),
        ("JPEG2000", 3, 8, ".jpg"),
        (None, 3, 8, ".png"),
    ],
)
def test_the_format_is_the_sources_where_it_holds_the_outcome(
    source: str | None, channels: int, depth: Any, extension: str
) -> None:
    file = io.BytesIO()
    if source:
        Image.new("RGB", (4, 4)).save(file, source)
    assert outcome_file(raster(channels, depth), file.getvalue() or None, RECIPE, ENHANCED)[1] == extension


def test_formats_that_cannot_be_are_refused() -> None:
    with pytest.raises(UsageError, match=r"'gif'\. Valid: jpeg, png"):
        made(raster(), None, format="gif")
    with pytest.raises(UsageError, match="16384"):
        made(Raster(np.zeros((1, 16384, 3), np.float32)), None, format="webp")


def test_webp_stays_without_loss_where_the_source_was() -> None:
    file = io.BytesIO()
    Image.new("RGB", (4, 4)).save(file, "WEBP", lossless=True)
    picture = Raster(np.random.default_rng(0).integers(0, 256, (24, 32, 3)).astype(np.float32) / 255)
    assert np.array_equal(to_bytes(open_raster(made(picture, file.getvalue())).rgb), to_bytes(picture.rgb))


@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_the_sources_profile_stays_and_its_colours_are_right(format: str) -> None:
    file = io.BytesIO()
    more = {"quality": 100, "subsampling": 0} if format == "JPEG" else {"lossless": True} if format == "WEBP" else {}
    small = Raster((0.25 + 0.5 * raster().rgb).astype(np.float32))
    Image.fromarray(to_bytes(small.rgb)).save(file, format, icc_profile=adobe_like(), **more)
    picture = open_raster(file.getvalue())
    data = made(picture, file.getvalue())
    assert opened(data).info["icc_profile"] == adobe_like()
    # In the dark, a step of the profile's is many of sRGB: a lossy format may err there.
    assert format == "JPEG" or np.abs(open_raster(data).rgb - picture.rgb).max() < 5 / 255
    assert np.abs(open_raster(data).rgb - picture.rgb).mean() < 1 / 255


def test_profiles_that_cannot_be_gone_back_to_become_srgb() -> None:
    file = io.BytesIO()
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    Image.new("RGB", (4, 4)).save(file, "PNG", icc_profile=lab)
    assert is_srgb(opened(made(raster(), file.getvalue())).info["icc_profile"])


@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF"])
def test_grey_stays_grey_with_its_profile(format: str) -> None:
    file = io.BytesIO()
    grey = np.repeat(raster().rgb[..., :1], 3, axis=2)
    Image.fromarray(to_bytes(grey[..., 0])).save(file, format, icc_profile=grey_gamma(1.8))
    picture = open_raster(file.getvalue())
    image = opened(made(picture, file.getvalue()))
    assert image.mode == "L"
    assert image.info["icc_profile"] == grey_gamma(1.8)
    assert opened(made(raster(), file.getvalue())).mode == "RGB"


def test_texts_of_png_stay_once() -> None:
    from PIL.PngImagePlugin import PngInfo

    file, texts = io.BytesIO(), PngInfo()
    texts.add_text("Author", "me")
    texts.add_itxt("XML:com.adobe.xmp", "<old/>")
    Image.new("RGB", (4, 4)).save(file, "PNG", pnginfo=texts)
    notes: list[str] = []
    found = [
        body
        for kind, body in chunks(made(raster(), file.getvalue(), note=notes.append))
        if kind[1:] in (b"EXt", b"TXt")
    ]
    assert len(found) == 2
    assert found[0].startswith(b"Author\0me")
    assert "can't be read" in notes[0]


def test_a_tag_beyond_ascii_stays_in_a_tiff() -> None:
    file = io.BytesIO()
    exif = Image.Exif()
    exif[Base.Artist] = "Jörg".encode("latin-1").decode("latin-1").encode("utf-8")
    Image.new("RGB", (4, 4)).save(file, "TIFF", exif=exif)
    assert (
        opened(made(raster(), file.getvalue())).getexif()[Base.Artist] == opened(file.getvalue()).getexif()[Base.Artist]
    )


@settings(max_examples=60, deadline=None)
@given(place=st.integers(0, 10_000), value=st.integers(0, 255), length=st.integers(0, 400))
def test_damaged_metadata_never_keeps_an_outcome_from_being_written(place: int, value: int, length: int) -> None:
    exif = Image.Exif()
    exif[Base.Make], exif[Base.Orientation] = "Maker", 6
    exif.get_ifd(IFD.Exif)[Base.FNumber] = 2.8
    block = bytearray(exif.tobytes())
    block[6 + place % (len(block) - 6)] = value
    file = io.BytesIO()
    Image.new("RGB", (4, 4)).save(file, "JPEG", exif=bytes(block[: len(block) - length % 20]))
    for format in ("JPEG", "TIFF", "PNG"):
        assert open_raster(made(raster(), file.getvalue(), format=format)).size == (32, 24)


def test_outcomes_go_beside_their_source_and_never_over_anything(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    source = tmp_path / "pictures" / "sea.JPEG"
    source.parent.mkdir()
    source.write_bytes(camera_jpeg())
    before = source.read_bytes()
    paths = [save_raster(raster(), source, settings, RECIPE, ENHANCED) for _ in range(3)]
    folder = source.parent / "pixloom-edits"
    assert paths == [folder / name for name in ("sea.tone.jpeg", "sea.tone-2.jpeg", "sea.tone-3.jpeg")]
    assert source.read_bytes() == before
    assert sorted(folder.iterdir()) == sorted(paths)
    assert read_recipe(paths[0]) == RECIPE
    again = save_raster(raster(), paths[0], settings, replace(RECIPE, operation="denoise"), ENHANCED)
    assert again == folder / "sea.tone.denoise.jpeg"


def test_uploads_and_pictures_from_nothing_go_home(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    edits = tmp_path / "edits"
    assert outcome_path(settings.uploads / "a.jpg", "tone", ".jpg", settings) == edits / "a.tone.jpg"
    assert outcome_path(None, "generate", ".png", settings) == settings.generated / "picture.generate.png"
    assert outcome_path(None, "generate", ".png", settings, title="a-dog").name == "a-dog.generate.png"
    assert outcome_path(settings.generated / "a-dog.generate.png", "tone", ".png", settings).parent == edits
    assert outcome_path(edits / "a.tone.jpg", "sharpen", ".jpg", settings) == edits / "a.tone.sharpen.jpg"
    (tmp_path / "file").touch()
    assert outcome_path(tmp_path / "file" / "a.jpg", "tone", ".jpg", settings) == edits / "a.tone.jpg"


def test_names_as_long_as_a_file_system_takes(tmp_path: Path) -> None:
    source = tmp_path / ("ü" * 120 + ".jpg")
    source.write_bytes(camera_jpeg())
    path = save_raster(raster(), source, Settings(home=tmp_path), RECIPE, ENHANCED)
    assert path.exists()


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes) -> int:
        with path.open("wb") as file:
            file.write(data[:3])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(DiskFullError):
        write_new(tmp_path / "edits" / "a.png", b"picture")
    assert list(tmp_path.iterdir()) == []


def test_without_links_nothing_is_overwritten_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: Any) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    assert write_new(tmp_path / "a.png", b"one") == tmp_path / "a.png"
    assert write_new(tmp_path / "a.png", b"two") == tmp_path / "a-2.png"
    assert (tmp_path / "a.png").read_bytes() == b"one"
    monkeypatch.setattr(Path, "replace", no_links)
    with pytest.raises(HomeError):
        write_new(tmp_path / "b.png", b"three")
    assert {path.name for path in tmp_path.iterdir()} == {"a.png", "a-2.png"}


def test_many_at_once_each_get_a_name_of_their_own(tmp_path: Path) -> None:
    paths: list[Path] = []
    threads = [
        threading.Thread(target=lambda n=n: paths.append(write_new(tmp_path / "a.png", b"%d" % n))) for n in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(paths)) == 16
    assert {path.read_bytes() for path in paths} == {b"%d" % n for n in range(16)}


def test_what_finishes_a_file_is_given_its_bytes_and_format(tmp_path: Path) -> None:
    given_to: list[str] = []

    def finish(data: bytes, format: str) -> bytes:
        given_to.append(format)
        return data + b"!"

    path = save_raster(raster(4), None, Settings(home=tmp_path), RECIPE, ENHANCED, finish=finish)
    assert given_to == ["PNG"]
    assert path.read_bytes().endswith(b"!")


def test_every_format_has_an_extension_that_the_index_reads() -> None:
    for extension in EXTENSIONS.values():
        assert open_picture(made(raster(), None, format=extension[1:])).metadata.width == 32
