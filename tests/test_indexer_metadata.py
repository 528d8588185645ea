import io
import struct
import time
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from indexer import facts
from indexer.images import open_picture
from indexer.metadata import merge, read_xmp
from indexer.types import Metadata
from tests.test_indexer_images import tiff

XMP = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"
 xmlns:aux="http://ns.adobe.com/exif/1.0/aux/" xmp:Rating="4" tiff:Make="NIKON CORPORATION" aux:Lens="50mm f/1.8"
 exif:GPSLatitude="59,54.6N" exif:GPSLongitude="10,44,24W">
 <exif:DateTimeOriginal>2021-07-08T09:10:11+02:00</exif:DateTimeOriginal><tiff:Model>NIKON D70</tiff:Model>
 <dc:subject><rdf:Bag><rdf:li>harbour</rdf:li><rdf:li>båt</rdf:li><rdf:li>harbour</rdf:li></rdf:Bag></dc:subject>
 <dc:title><rdf:Alt><rdf:li xml:lang="de">Hafen</rdf:li>
 <rdf:li xml:lang="x-default">Harbour</rdf:li></rdf:Alt></dc:title>
 <dc:description><rdf:Alt><rdf:li xml:lang="x-default">Boats at noon</rdf:li></rdf:Alt></dc:description>
</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>"""


def read(format: str = "JPEG", **options: Any) -> Metadata:
    file = io.BytesIO()
    Image.new("RGB", (8, 6), "teal").save(file, format, **options)
    return open_picture(file.getvalue()).metadata


def exif(base: dict[int, Any], inner: dict[int, Any] | None = None, gps: dict[int, Any] | None = None) -> Image.Exif:
    tags = Image.Exif()
    tags.update(base)
    if inner:
        tags.get_ifd(0x8769).update(inner)
    if gps:
        tags.get_ifd(0x8825).update(gps)
    return tags


def place(latitude: Any, south: str, longitude: Any, west: str) -> tuple[float | None, float | None]:
    metadata = read(exif=exif({}, gps={1: south, 2: latitude, 3: west, 4: longitude}))
    return metadata.latitude, metadata.longitude


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_exif(format: str) -> None:
    tags = exif(
        {0x010F: "Canon", 0x0110: "EOS R5", 0x010E: "A boat", 0x4746: 3},
        {0x9003: "2023:05:06 07:08:09", 0x9011: "+02:00", 0xA434: "RF50mm"},
        {1: "S", 2: (33.0, 51.0, 36.0), 3: "E", 4: (151.0, 12.0, 40.0)},
    )
    metadata = read(format, exif=tags)
    assert (metadata.width, metadata.height, metadata.format) == (8, 6, format)
    assert (metadata.camera, metadata.lens, metadata.description) == ("Canon EOS R5", "RF50mm", "A boat")
    assert metadata.rating == 3
    assert metadata.captured_at == datetime(2023, 5, 6, 7, 8, 9, tzinfo=timezone(timedelta(hours=2)))
    assert (metadata.latitude, metadata.longitude) == (pytest.approx(-33.86), pytest.approx(151.2111, abs=1e-4))


def test_nothing_known() -> None:
    assert read() == Metadata(8, 6, "JPEG")


@pytest.mark.parametrize(
    ("base", "inner", "expected"),
    [
        ({0x0132: "2020:01:02 03:04:05"}, {}, datetime(2020, 1, 2, 3, 4, 5)),
        ({0x0132: "2020:01:02 03:04:05"}, {0x9004: "2019:01:01 00:00:00"}, datetime(2019, 1, 1)),
        ({0x0132: "2020:01:02 03:04:05"}, {0x9003: "0000:00:00 00:00:00"}, datetime(2020, 1, 2, 3, 4, 5)),
        ({}, {0x9003: "2023:02:30 01:01:01"}, None),
        ({}, {0x9003: "2999:01:01 01:01:01"}, None),
        ({}, {0x9003: "1700:01:01 01:01:01"}, None),
        ({}, {0x9003: "    :  :     :  :  "}, None),
        ({}, {0x9003: "2023:05:06 07:08:09", 0x9011: "+99:00"}, datetime(2023, 5, 6, 7, 8, 9)),
    ],
)
def test_dates(base: dict[int, str], inner: dict[int, str], expected: datetime | None) -> None:
    assert read(exif=exif(base, inner)).captured_at == expected


@pytest.mark.parametrize(
    ("make", "model", "camera"),
    [
        ("NIKON CORPORATION", "NIKON D70", "NIKON D70"),
        ("Canon", "Canon EOS 5D", "Canon EOS 5D"),
        ("SONY", "DSC-W1", "SONY DSC-W1"),
        ("EASTMAN KODAK COMPANY", "KODAK DC240", "KODAK DC240"),
        ("Maker", None, "Maker"),
        (None, "Model", "Model"),
        (None, None, None),
    ],
)
def test_camera(make: str | None, model: str | None, camera: str | None) -> None:
    assert facts.camera(make, model) == camera


def test_places_that_cant_be() -> None:
    assert place((91.0, 0.0, 0.0), "N", (10.0, 0.0, 0.0), "E") == (None, None)
    assert place((10.0, 0.0, 0.0), "N", (181.0, 0.0, 0.0), "W") == (None, None)
    assert place((0.0, 0.0, 0.0), "N", (0.0, 0.0, 0.0), "E") == (None, None)
    assert place((IFDRational(0, 0), 0.0, 0.0), "N", (1.0, 0.0, 0.0), "E") == (None, None)
    assert place((10.0, 30.0, 0.0), "S", (20.0, 0.0, 36.0), "W") == (pytest.approx(-10.5), pytest.approx(-20.01))


def test_texts_are_cleaned_and_bounded() -> None:
    metadata = read(exif=exif({0x010E: "a\x01b\x1b[31mc\td " + "x" * 20000, 0x0110: "D70\0garbage"}))
    assert metadata.description is not None and metadata.description.startswith("a b [31mc\td xxx")
    assert len(metadata.description) == facts.MAX_TEXT
    assert metadata.camera == "D70"
    assert facts.clean("a\ud800\u202eb क्\u200dष") == "a  b क्\u200dष"


def test_utf8_in_exif() -> None:
    assert read(exif=exif({0x010E: "Blåbærtur på fjellet".encode()})).description == "Blåbærtur på fjellet"
    assert read(exif=exif({0x010E: "Blåbær".encode("latin-1")})).description == "Blåbær"


def test_exif_of_tiff() -> None:
    date = b"2023:05:06 07:08:09\0"
    inner = struct.pack("<HHHLLL", 1, 0x9003, 2, len(date), 26, 0) + date
    eight = (8,)
    tags = [(256, 4, eight), (257, 4, (1,)), (258, 3, eight), (259, 3, (1,)), (262, 3, (1,)), (271, 2, b"Leica\0")]
    tags += [(273, 4, eight), (277, 3, (1,)), (278, 4, (1,)), (279, 4, eight), (0x8769, 4, eight)]
    metadata = open_picture(tiff(inner, tags)).metadata
    assert (metadata.camera, metadata.captured_at) == ("Leica", datetime(2023, 5, 6, 7, 8, 9))


def test_descriptions_that_cameras_write_are_left_out() -> None:
    assert read(exif=exif({0x010E: "OLYMPUS DIGITAL CAMERA         "})).description is None


def test_windows_tags() -> None:
    metadata = read(exif=exif({0x9C9B: "Tittel\0".encode("utf-16-le"), 0x9C9E: "a;b ;a\0".encode("utf-16-le")}))
    assert (metadata.title, metadata.keywords) == ("Tittel", ("a", "b"))


def check_harbour(metadata: Metadata) -> None:
    assert (metadata.title, metadata.description) == ("Harbour", "Boats at noon")
    assert (metadata.camera, metadata.lens, metadata.rating) == ("NIKON D70", "50mm f/1.8", 4)
    assert metadata.keywords == ("harbour", "båt")
    assert metadata.captured_at == datetime(2021, 7, 8, 7, 10, 11, tzinfo=UTC)
    assert (metadata.latitude, metadata.longitude) == (pytest.approx(59.91), pytest.approx(-10.74))


@pytest.mark.parametrize("format", ["JPEG", "WEBP", "AVIF"])
def test_embedded_xmp(format: str) -> None:
    check_harbour(read(format, xmp=XMP.encode()))


def test_embedded_xmp_of_png_and_tiff() -> None:
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_itxt("XML:com.adobe.xmp", XMP)
    check_harbour(read("PNG", pnginfo=info))
    check_harbour(read("TIFF", tiffinfo={700: XMP.encode()}))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_sidecar_encodings(encoding: str) -> None:
    check_harbour(merge(Metadata(1, 1, "JPEG"), read_xmp(XMP.replace("\ufeff", "").encode(encoding))))


def test_sidecar_with_declaration() -> None:
    check_harbour(merge(Metadata(1, 1, "JPEG"), read_xmp(b'<?xml version="1.0" encoding="UTF-8"?>\n' + XMP.encode())))


def iptc(*records: tuple[int, bytes]) -> bytes:
    block = b"".join(struct.pack(">BBBH", 0x1C, 2, number, len(text)) + text for number, text in records)
    resource = b"8BIM\x04\x04\0\0" + struct.pack(">L", len(block)) + block + b"\0" * (len(block) % 2)
    return b"Photoshop 3.0\0" + resource


def with_iptc(records: bytes) -> Metadata:
    file = io.BytesIO()
    Image.new("RGB", (8, 6)).save(file, "JPEG")
    data = file.getvalue()
    return open_picture(data[:2] + b"\xff\xed" + struct.pack(">H", len(records) + 2) + records + data[2:]).metadata


def test_iptc() -> None:
    metadata = with_iptc(
        iptc(
            (5, b"Name"),
            (25, b"sea"),
            (25, "fj\u00f8rd".encode()),
            (120, b"Words"),
            (55, b"20190203"),
            (60, b"040506+0100"),
        )
    )
    assert (metadata.title, metadata.description, metadata.keywords) == ("Name", "Words", ("sea", "fj\u00f8rd"))
    assert metadata.captured_at == datetime(2019, 2, 3, 3, 5, 6, tzinfo=UTC)


def test_merge_keeps_what_is_not_said_again() -> None:
    metadata = Metadata(4, 3, "JPEG", title="old", rating=2, keywords=("a",))
    merged = merge(metadata, facts.Facts(rating=5, keywords=("b", "a")))
    assert merged == Metadata(4, 3, "JPEG", title="old", rating=5, keywords=("a", "b"))


def test_the_surer_date_wins() -> None:
    taken, exported = "2004:08:27 13:52:55", "2016-01-01T00:00:00"
    packet = XMP.replace("exif:DateTimeOriginal", "xmp:CreateDate").replace("2021-07-08T09:10:11+02:00", exported)
    assert read(exif=exif({}, {0x9003: taken}), xmp=packet.encode()).captured_at == datetime(2004, 8, 27, 13, 52, 55)
    assert read(xmp=packet.encode()).captured_at == datetime(2016, 1, 1)


@pytest.mark.parametrize("rating", ["-1", "6", "x", "nan", "inf", ""])
def test_ratings_that_arent(rating: str) -> None:
    assert read_xmp(XMP.replace('Rating="4"', f'Rating="{rating}"').encode()).rating is None


def test_entity_bombs_are_refused() -> None:
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "ha"}">' for n in range(12))
    bomb = f'<?xml version="1.0"?><!DOCTYPE x [{laughs}]>' + XMP.replace("Harbour", "&l11;")
    start = time.perf_counter()
    for encoding in ("utf-8", "utf-16", "utf-16-le", "utf-16-be"):
        assert read_xmp(bomb.encode(encoding)) == facts.Facts()
    assert read(xmp=bomb.encode()[:60000]).title is None
    assert time.perf_counter() - start < 2


def test_external_entities_are_refused() -> None:
    packet = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]>' + XMP.replace("Harbour", "&e;")
    assert read_xmp(packet.encode()) == facts.Facts()


def test_deep_and_large_packets() -> None:
    assert read_xmp(b"<a>" * 500_000) == facts.Facts()
    assert read_xmp(b"<a>" * 100_000 + b"</a>" * 100_000) == facts.Facts()
    assert read_xmp(XMP.encode() + b" " * 5 * 2**20) == facts.Facts()


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.integers(0, len(XMP)), st.binary(max_size=10))
def test_xmp_never_raises(noise: bytes, at: int, patch: bytes) -> None:
    read_xmp(noise)
    packet = XMP.encode()
    read_xmp(packet[:at] + patch + packet[at + len(patch) :])


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 10_000), st.binary(min_size=1, max_size=8))
def test_garbage_never_raises(noise: bytes, at: int, patch: bytes) -> None:
    good = bytearray(exif({0x010F: "Canon"}, {0x9003: "2023:05:06 07:08:09"}, {1: "N", 2: (1.0, 2.0, 3.0)}).tobytes())
    at %= len(good)
    good[at : at + len(patch)] = patch
    for block in (b"Exif\0\0" + noise, b"Exif\0\0II*\0\x08\0\0\0" + noise, bytes(good)):
        assert read(exif=block).width in {6, 8}
    with_iptc(b"Photoshop 3.0\0" + noise)
    with_iptc(b"Photoshop 3.0\x008BIM\x04\x04\0\0" + struct.pack(">L", len(noise)) + noise)
