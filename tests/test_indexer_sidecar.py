from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer.sources.sidecar import read_captions, sidecars_of, with_sidecars
from indexer.types import Caption, Metadata

STAMP = """One cent.
de.utf8=Ein Cent.
pt_BR.utf8=Um centavo.
ca@valencia.utf8=Un cèntim.
en_GB.utf8=One cent.
en_AU.utf8=A cent.
zh_TW.utf8=一分。
he.utf8=
"""

XMP = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/" xmp:Rating="{}">
<dc:subject><rdf:Bag><rdf:li>{}</rdf:li></rdf:Bag></dc:subject></rdf:Description></rdf:RDF></x:xmpmeta>"""


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    return tmp_path / "photo.jpg"


def captions(photo: Path, data: bytes) -> list[str]:
    photo.with_suffix(".txt").write_bytes(data)
    return [caption.text for caption in read_captions(photo)]


@pytest.mark.parametrize("name", ["photo.jpg", "photo", "photo.edit.png", ".photo.jpg"])
def test_names(name: str) -> None:
    stem = Path(name).stem
    assert sidecars_of(name) == (f"{stem}.txt", f"{stem}.xmp", f"{name}.xmp")


def test_plain_lines(photo: Path) -> None:
    assert captions(photo, b"A dog runs.\r\n\r\n  A brown dog. \nA dog runs.\n") == ["A dog runs.", "A brown dog."]
    assert {caption.language for caption in read_captions(photo)} == {"en"}


def test_stamp(photo: Path) -> None:
    photo.with_suffix(".txt").write_text(STAMP, encoding="utf-8")
    assert read_captions(photo) == (
        Caption("One cent."),
        Caption("Ein Cent.", "de"),
        Caption("Um centavo.", "pt-BR"),
        Caption("Un cèntim.", "ca-valencia"),
        Caption("A cent.", "en-AU"),
        Caption("一分。", "zh-TW"),
    )


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("\ufeffÅl".encode(), ["Ål"]),
        ("Ål".encode("cp1252"), ["Ål"]),
        ("Ål".encode("utf-16"), ["Ål"]),
        (b"\x89PNG\0\0\0", []),
        (b"", []),
        (b"\x07a\x1b[1mb", ["a [1mb"]),
    ],
)
def test_encodings(photo: Path, data: bytes, expected: list[str]) -> None:
    assert captions(photo, data) == expected


def test_large_files_are_cut(photo: Path) -> None:
    many = captions(photo, b"".join(b"line %d\n" % n for n in range(100_000)))
    assert len(many) == 500
    assert len(captions(photo, b"x" * 10**6)[0]) == 2000
    assert captions(photo, ("ø" * 2**18).encode())[0].startswith("øøø")


def test_no_file(photo: Path) -> None:
    assert read_captions(photo) == ()
    photo.with_suffix(".txt").mkdir()
    assert read_captions(photo) == ()


def test_metadata_sidecars(photo: Path) -> None:
    metadata = Metadata(4, 3, "JPEG", title="Sea", rating=1, keywords=("embedded",))
    assert with_sidecars(metadata, photo) == metadata
    photo.with_suffix(".xmp").write_text(XMP.format(2, "stem"))
    photo.with_name("photo.jpg.xmp").write_text(XMP.format(5, "exact"))
    merged = with_sidecars(metadata, photo)
    assert merged == Metadata(4, 3, "JPEG", title="Sea", rating=5, keywords=("embedded", "stem", "exact"))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_garbage_never_raises(photo: Path, data: bytes) -> None:
    captions(photo, data)
    photo.with_suffix(".xmp").write_bytes(data)
    with_sidecars(Metadata(1, 1, "PNG"), photo)
