import io
import struct
import sys
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageOps

from indexer.errors import PictureError
from indexer.images import Limits, is_picture_name, open_picture, sniff

FORMATS = (
    "JPEG",
    "PNG",
    "WEBP",
    "AVIF",
    "GIF",
    "BMP",
    "TIFF",
    "JPEG2000",
    "PPM",
    "TGA",
    "ICO",
    "PCX",
    "SGI",
    "DDS",
    "QOI",
)


def scene(width: int = 96, height: int = 64) -> Image.Image:
    """Smooth colours, another one in every corner: any turn or mirroring shows."""
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return Image.fromarray(np.stack([x, y, 255 - (x + y) / 2], -1).astype(np.uint8))


def saved(image: Image.Image, format: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def pixels(data: bytes, **options: object) -> np.ndarray:
    image = open_picture(data, **options).image  # type: ignore[arg-type]
    assert image.mode == "RGB"
    return np.asarray(image).astype(int)


def difference(a: np.ndarray, b: Image.Image | np.ndarray) -> float:
    return float(np.abs(a - np.asarray(b).astype(int)).mean())


def reason(data: bytes | Path, **options: object) -> str:
    with pytest.raises(PictureError) as caught:
        open_picture(data, **options)  # type: ignore[arg-type]
    text = str(caught.value)
    assert 5 < len(text) < 200 and "\n" not in text and "object at" not in text
    return text


@pytest.mark.parametrize("format", FORMATS)
def test_formats(format: str) -> None:
    picture = scene(64, 64) if format == "ICO" else scene()
    data = saved(picture, format)
    assert difference(pixels(data), picture) < 12
    assert open_picture(data).metadata.format == format
    assert sniff(data[:32]) or format == "TGA"


def test_heif() -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    file = io.BytesIO()
    pillow_heif.from_pillow(scene()).save(file)
    picture = open_picture(file.getvalue())
    assert picture.metadata.format == "HEIF"
    assert difference(np.asarray(picture.image).astype(int), scene()) < 8
    assert sniff(file.getvalue()[:32])


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_orientation(format: str, turn: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = turn
    data = saved(scene(), format, exif=exif)
    picture = open_picture(data)
    with Image.open(io.BytesIO(data)) as opened:
        oracle = ImageOps.exif_transpose(opened)
        assert oracle.size == ((96, 64) if turn < 5 else (64, 96))
        assert picture.image.size == oracle.size == (picture.metadata.width, picture.metadata.height)
        assert difference(np.asarray(picture.image).astype(int), oracle.convert("RGB")) == 0


def test_orientation_that_makes_no_sense_is_ignored() -> None:
    exif = Image.Exif()
    exif[0x0112] = 99
    assert open_picture(saved(scene(), "JPEG", exif=exif)).image.size == (96, 64)


def swapped_profile() -> bytes:
    """sRGB with the red and the green primary exchanged: its effect can't be overlooked."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = struct.unpack_from(">L", profile, 128)[0]
    entries = {bytes(profile[132 + 12 * n : 136 + 12 * n]): 132 + 12 * n for n in range(count)}
    red, green = entries[b"rXYZ"], entries[b"gXYZ"]
    profile[red : red + 4], profile[green : green + 4] = b"gXYZ", b"rXYZ"
    return bytes(profile).replace("sRGB".encode("utf-16-be"), "Swap".encode("utf-16-be"))


@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_colour_profile(format: str) -> None:
    options = {"quality": 95} if format in {"JPEG", "WEBP"} else {}
    red = Image.new("RGB", (16, 16), (250, 10, 10))
    result = open_picture(saved(red, format, icc_profile=swapped_profile(), **options)).image
    assert difference(np.asarray(result).astype(int)[8, 8], np.array([10, 250, 10])) < 12
    assert "icc_profile" not in result.info


@pytest.mark.parametrize("profile", [b"nonsense", b"\0" * 400, swapped_profile()[:200]])
def test_broken_profile_is_ignored(profile: bytes) -> None:
    assert difference(pixels(saved(scene(), "PNG", icc_profile=profile)), scene()) == 0


def test_profile_of_another_mode_is_ignored() -> None:
    grey = scene().convert("L")
    assert difference(pixels(saved(grey, "PNG", icc_profile=swapped_profile())), grey.convert("RGB")) == 0


def test_cmyk_jpeg() -> None:
    assert difference(pixels(saved(scene().convert("CMYK"), "JPEG", quality=95)), scene()) < 8


@pytest.mark.parametrize("format", ["PNG", "TIFF", "PPM"])
def test_16_bit_grey(format: str) -> None:
    ramp = np.linspace(0, 65535, 256 * 4).astype(np.uint16).reshape(4, 256)
    result = pixels(saved(Image.fromarray(ramp), format))[..., 0]
    assert np.abs(result - ramp / 257).max() <= 1


def test_12_bits_in_the_low_end_of_16() -> None:
    ramp = np.linspace(0, 4095, 256).astype(np.uint16).reshape(1, 256)
    assert np.abs(pixels(saved(Image.fromarray(ramp), "PNG"))[0, :, 0] - ramp / 4095 * 255).max() <= 1


@pytest.mark.parametrize(
    ("values", "black", "white"),
    [((0.0, 1.0), 0, 255), ((0.0, 200.0), 0, 200), ((0.0, 65535.0), 0, 255), ((-40.0, 70.0), 0, 255)],
)
def test_float_tiff(values: tuple[float, float], black: int, white: int) -> None:
    array = np.linspace(*values, 64).astype(np.float32).reshape(8, 8)
    array[3, 3] = np.nan
    result = pixels(saved(Image.fromarray(array), "TIFF"))
    assert (result.min(), result[-1, -1, 0]) == (black, white)


def test_32_bit_integer_tiff() -> None:
    array = np.linspace(-1000, 10**6, 64).astype(np.int32).reshape(8, 8)
    result = pixels(saved(Image.fromarray(array), "TIFF"))
    assert (result.min(), result.max()) == (0, 255)


def test_flat_float_picture() -> None:
    assert pixels(saved(Image.fromarray(np.full((4, 4), -7, np.float32)), "TIFF")).shape == (4, 4, 3)


def test_one_bit() -> None:
    assert set(pixels(saved(scene().convert("1"), "PNG")).ravel()) == {0, 255}


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_lies_over_white(mode: str) -> None:
    image = Image.new("RGBA", (10, 10), (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), (0, 0, 5, 10))
    result = pixels(saved(image.convert(mode), "PNG"))
    assert (result[:, :5] == 0).all() and (result[:, 5:] == 255).all()


def test_half_transparent() -> None:
    assert pixels(saved(Image.new("RGBA", (2, 2), (255, 0, 0, 128)), "PNG"))[0, 0] == pytest.approx(
        [255, 127, 127], abs=1
    )


@pytest.mark.parametrize("mode", ["RGB", "L", "P"])
def test_transparent_colour(mode: str) -> None:
    image = Image.new("RGB", (4, 4), "red")
    image = image.quantize(1) if mode == "P" else image.convert(mode)
    key = image.getpixel((0, 0))
    assert (pixels(saved(image, "PNG", transparency=key)) == 255).all()


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "TIFF", "AVIF"])
def test_first_frame(format: str) -> None:
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "green", "blue")]
    result = pixels(saved(frames[0], format, save_all=True, append_images=frames[1:]))
    assert result[10, 10] == pytest.approx([255, 0, 0], abs=6)


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "TIFF"])
def test_frame_limit(format: str) -> None:
    frames = [Image.new("RGB", (4, 4), (n * 20, 0, 0)) for n in range(12)]
    data = saved(frames[0], format, save_all=True, append_images=frames[1:])
    open_picture(data, limits=Limits(max_frames=12))
    assert "PIXLOOM_MAX_FRAMES" in reason(data, limits=Limits(max_frames=11))


def test_min_side() -> None:
    big = saved(scene(1600, 1200), "JPEG")
    assert open_picture(big, min_side=300).image.size == (400, 300)
    assert open_picture(big, min_side=301).image.size == (800, 600)
    assert open_picture(big, min_side=5000).image.size == (1600, 1200)
    assert open_picture(big, min_side=300).metadata.width == 1600
    for mode in ("L", "CMYK"):
        assert open_picture(saved(scene(1600, 1200).convert(mode), "JPEG"), min_side=300).image.size == (400, 300)


def test_min_side_with_orientation() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = open_picture(saved(scene(1600, 1200), "JPEG", exif=exif), min_side=300)
    assert picture.image.size == (300, 400)
    assert (picture.metadata.width, picture.metadata.height) == (1200, 1600)


def png_of(width: int, height: int, *chunks: tuple[bytes, bytes]) -> bytes:
    header = (b"IHDR", struct.pack(">LLBBBBB", width, height, 8, 0, 0, 0, 0))
    body = b"".join(
        struct.pack(">L", len(data)) + name + data + struct.pack(">L", zlib.crc32(name + data))
        for name, data in (header, *chunks, (b"IEND", b""))
    )
    return b"\x89PNG\r\n\x1a\n" + body


def test_pixel_limit_is_checked_before_decoding() -> None:
    assert reason(png_of(54000, 54000)) == (
        "54000x54000 pixels are over the limit of 256,000,000; raise PIXLOOM_MAX_PIXELS"
    )
    assert "PIXLOOM_MAX_PIXELS" in reason(saved(scene(), "JPEG"), limits=Limits(max_pixels=96 * 64 - 1))
    open_picture(saved(scene(), "JPEG"), limits=Limits(max_pixels=96 * 64))


def test_a_limit_above_pillows_own_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert pixels(saved(scene(), "PNG")).shape == (64, 96, 3)


def test_byte_limit(tmp_path: Path) -> None:
    path = tmp_path / "big.png"
    path.write_bytes(saved(scene(), "PNG"))
    for source in (path, path.read_bytes()):
        assert "PIXLOOM_MAX_BYTES" in reason(source, limits=Limits(max_bytes=100))


def test_gif_canvas_bomb() -> None:
    data = bytearray(saved(scene(), "GIF"))
    data[6:10] = b"\xff\xff\xff\xff"
    assert "65535x65535 pixels" in reason(bytes(data))


def tiff(body: bytes, tags: list[tuple[int, int, tuple[int, ...] | bytes]]) -> bytes:
    """A TIFF of one directory, its body at offset 8; `tags` are (tag, type, values)."""
    directory = 8 + len(body)
    after = directory + 2 + 12 * len(tags) + 4
    entries, extra = b"", b""
    for tag, kind, values in sorted(tags):
        code = {1: "B", 2: "B", 3: "H", 4: "L", 10: "l"}[kind]
        packed = struct.pack(f"<{len(values)}{code}", *values)
        count = len(values) // 2 if kind == 10 else len(values)
        if len(packed) > 4:
            entries += struct.pack("<HHLL", tag, kind, count, after + len(extra))
            extra += packed + bytes(len(packed) % 2)
        else:
            entries += struct.pack("<HHL", tag, kind, count) + packed.ljust(4, b"\0")
    head = b"II*\0" + struct.pack("<L", directory)
    return head + body + struct.pack("<H", len(tags)) + entries + bytes(4) + extra


def dng(width: int = 64, height: int = 48) -> bytes:
    """The smallest DNG that LibRaw develops: an even grey under an RGGB filter, camera held upright."""
    sensor = np.full((height, width), 20000, "<u2").tobytes()
    unit, none = (10000, 10000), (0, 10000)
    tags: list[tuple[int, int, tuple[int, ...] | bytes]] = [
        *((254, 4, (0,)), (256, 4, (width,)), (257, 4, (height,)), (258, 3, (16,)), (259, 3, (1,))),
        *((262, 3, (32803,)), (271, 2, b"Maker\0"), (272, 2, b"Model 1\0"), (273, 4, (8,)), (274, 3, (6,))),
        *((277, 3, (1,)), (278, 4, (height,)), (279, 4, (len(sensor),)), (33421, 3, (2, 2))),
        *((33422, 1, bytes((0, 1, 1, 2))), (50706, 1, bytes((1, 4, 0, 0))), (50708, 2, b"Maker Model 1\0")),
        *((50721, 10, unit + none * 3 + unit + none * 3 + unit), (50778, 3, (21,))),
    ]
    return tiff(sensor, tags)


def test_tiff_tile_bomb() -> None:
    side, eight = (60000,), (8,)
    tags = [(256, 4, eight), (257, 4, eight), (258, 3, eight), (259, 3, (8,)), (262, 3, (1,)), (277, 3, (1,))]
    tags += [(322, 4, side), (323, 4, side), (324, 4, (8,)), (325, 4, (100,))]
    assert "in one tile" in reason(tiff(zlib.compress(bytes(100)), tags))


def test_png_text_and_profile_bombs_are_left_out() -> None:
    bomb = zlib.compress(bytes(200 * 2**20), 9)
    idat = (b"IDAT", zlib.compress(b"\0" + b"\x80" * 4))
    for chunk in ((b"zTXt", b"Comment\0\0" + bomb), (b"iCCP", b"icc\0\0" + bomb)):
        for chunks in ((chunk, idat), (idat, chunk)):
            assert pixels(png_of(4, 1, *chunks))[0, 0, 0] == 0x80


def test_png_inside_an_icon_is_held_to_the_limit() -> None:
    inner = png_of(5000, 5000)
    entry = struct.pack("<BBBBHHLL", 16, 16, 0, 0, 1, 32, len(inner), 22)
    assert "5000x5000" in reason(b"\0\0\1\0\1\0" + entry + inner, limits=Limits(max_pixels=10**6))


def test_exif_header_repeated_without_end() -> None:
    idat = (b"IDAT", zlib.compress(b"\0" + b"\x80" * 4))
    assert pixels(png_of(4, 1, (b"eXIf", b"Exif\0\0" * 10**6), idat)).shape == (1, 4, 3)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "QOI"])
def test_truncation(format: str) -> None:
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 255, (64, 96, 3), np.uint8))
    data = saved(noise, format)
    for share in (0.01, 0.1, 0.3, 0.5, 0.9):
        reason(data[: int(len(data) * share)])


@pytest.mark.parametrize("min_side", [None, 16])
def test_truncated_jpeg_is_refused_however_it_is_decoded(min_side: int | None) -> None:
    data = saved(scene(400, 400), "JPEG")
    assert "truncated JPEG" in reason(data[: len(data) * 2 // 3], min_side=min_side)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"hello, I'm a text and no picture at all", "not a picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "PostScript"),
        (b"%PDF-1.4", "document"),
        (b'<?xml version="1.0"?>\n<!-- drawn -->\n<svg xmlns="x">', "vector"),
        (b"\xd7\xcd\xc6\x9a\0\0" + bytes(40), "vector"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    ],
)
def test_reasons(data: bytes, words: str) -> None:
    assert words in reason(data)


def test_postscript_is_never_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a program was started")

    monkeypatch.setattr("subprocess.check_call", refuse)
    monkeypatch.setattr("subprocess.Popen", refuse)
    file = io.BytesIO()
    scene().save(file, "EPS")
    for data in (file.getvalue(), b"\n" + file.getvalue(), b"\xc5\xd0\xd3\xc6" + bytes(26) + file.getvalue()):
        reason(data)


def test_paths(tmp_path: Path) -> None:
    assert reason(tmp_path / "gone.jpg") == "no such file"
    assert reason(tmp_path) == "not a file"
    drawing = tmp_path / "drawing.emf"
    drawing.write_bytes(b"whatever")
    assert "vector" in reason(drawing)
    path = tmp_path / "photo.jpg"
    path.write_bytes(saved(scene(), "JPEG"))
    assert open_picture(path).image.size == (96, 64)


def test_memory_error_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("indexer.images.to_srgb", fail)
    assert "not enough memory" in reason(saved(scene(), "PNG"))


def tiff_with_many_samples() -> bytes:
    data = bytearray(saved(scene(8, 8), "TIFF"))
    at = data.index(struct.pack("<HHLH", 277, 3, 1, 3))
    data[at + 8 : at + 10] = b"\xff\xff"
    return bytes(data)


def test_nothing_reaches_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    data = bytearray(saved(scene(), "TIFF", compression="tiff_lzw"))
    data[20:200] = b"\xff" * 180
    for bad in (bytes(data), tiff_with_many_samples()):
        try:
            open_picture(bad)
        except PictureError:
            continue
    assert capfd.readouterr() == ("", "")


def test_camera_raw() -> None:
    pytest.importorskip("rawpy")
    picture = open_picture(dng(), min_side=20)
    assert (picture.metadata.format, picture.metadata.camera) == ("RAW", "Maker Model 1")
    assert (picture.metadata.width, picture.metadata.height) == (48, 64)
    assert picture.image.mode == "RGB" and picture.image.size == (24, 32)
    assert open_picture(dng(), min_side=48).image.size == (48, 64)
    assert "PIXLOOM_MAX_PIXELS" in reason(dng(), limits=Limits(max_pixels=1000))
    reason(dng()[:3000])


def test_camera_raw_without_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rawpy", None)
    for data in (dng(), b"FUJIFILMCCD-RAW 0201" + bytes(100)):
        assert "pixloom[raw]" in reason(data)


@pytest.mark.parametrize("name", ["a.jpg", "A.JPEG", "b.heic", "c.CR2", "d.dng", "e.eps", "f.svg", "x.y.tiff", "g.jxl"])
def test_picture_names(name: str) -> None:
    assert is_picture_name(name)


@pytest.mark.parametrize("name", ["a.txt", "jpg", ".jpg", "b.pdf", "c.mp4", "d.xmp", "e.jpg.part", "", "f."])
def test_other_names(name: str) -> None:
    assert not is_picture_name(name)


@pytest.mark.parametrize(
    "head", [b"", b"BMW drives", b"P1 of 2", b"RIFF\0\0\0\0WAVEfmt ", b"%PDF-1.7", b"\0" * 32, b"MZ", b"PK\3\4"]
)
def test_sniff_isnt_fooled(head: bytes) -> None:
    assert not sniff(head)


def test_threads() -> None:
    data = [saved(scene(300 + n, 200), format) for n in range(8) for format in ("JPEG", "PNG", "TIFF", "WEBP")]
    barrier = threading.Barrier(4)

    def work(part: int) -> list[tuple[int, int]]:
        barrier.wait()
        return [open_picture(item).image.size for item in data[part::4]]

    with ThreadPoolExecutor(4) as pool:
        sizes = list(pool.map(work, range(4)))
    assert sizes == [[(300 + n, 200) for n in range(8)]] * 4


SAMPLES = {format: saved(scene(24, 16), format) for format in FORMATS}


def opens_or_refuses(data: bytes) -> None:
    try:
        picture = open_picture(data, limits=Limits(max_pixels=10**6), min_side=8)
    except PictureError as error:
        assert str(error)
    else:
        assert picture.image.mode == "RGB"
    sniff(data[:32])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=400))
def test_random_bytes(data: bytes) -> None:
    opens_or_refuses(data)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(FORMATS),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=6)), max_size=5),
    st.floats(0, 1),
)
def test_mutated_pictures(format: str, edits: list[tuple[float, bytes]], keep: float) -> None:
    data = bytearray(SAMPLES[format])
    for place, patch in edits:
        at = int(place * len(data))
        data[at : at + len(patch)] = patch
    opens_or_refuses(bytes(data[: max(1, int(len(data) * (0.2 + keep)))]))
