"""Tags in XMP sidecars: what is written, what of others stays, what comes back."""

import hashlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer.collection import Collection
from indexer.errors import PictureError
from indexer.xmp import MAX_PACKET, read_xmp
from search.tags import edit
from search.tags.book import tags_of
from search.tags.imported import refresh_imported
from search.tags.pictures import tagged
from search.tags.sidecar import sidecar_of, write_sidecar, write_sidecars

RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
OTHERS = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<!-- written by a program of somebody else -->
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="Other 1.0">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="" xmlns:crs="http://ns.adobe.com/camera-raw-settings/1.0/" crs:Exposure="+0.35"
    xmlns:odd="urn:odd">
   <crs:ToneCurve><rdf:Seq><rdf:li>0, 0</rdf:li><rdf:li>255, 255</rdf:li></rdf:Seq></crs:ToneCurve>
   <odd:deep rdf:parseType="Resource"><odd:a>1</odd:a></odd:deep>
  </rdf:Description>
  <rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/">
   <dc:subject><rdf:Bag><rdf:li>Sea</rdf:li><rdf:li>holiday</rdf:li></rdf:Bag></dc:subject>
   <dc:title><rdf:Alt><rdf:li xml:lang="x-default">A day</rdf:li></rdf:Alt></dc:title>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>"""


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"a picture")
    return path


def write(photo: Path, names: Iterable[str]) -> bool:
    return write_sidecar(photo, [(name, None) for name in names])


def subjects(photo: Path, property: str = "{http://purl.org/dc/elements/1.1/}subject") -> list[str]:
    """What another program reads there."""
    root = ElementTree.parse(sidecar_of(photo)).getroot()
    return [item.text or "" for element in root.iter(property) for item in element.iter(f"{RDF}li")]


def test_a_new_sidecar_is_a_packet_that_others_read(photo: Path) -> None:
    assert write(photo, ["dog", "polar bear", '<&">', "犬"])
    assert sidecar_of(photo) == photo.with_name("photo.jpg.xmp")
    assert subjects(photo) == ["dog", "polar bear", '<&">', "犬"]
    assert photo.with_name("photo.jpg.xmp").read_bytes().startswith(b"<?xpacket begin=")
    before = sidecar_of(photo).stat()
    assert not write(photo, ["dog", "polar bear", '<&">', "犬"])
    assert sidecar_of(photo).stat() == before
    assert photo.read_bytes() == b"a picture"
    assert sorted(path.name for path in photo.parent.iterdir()) == ["photo.jpg", "photo.jpg.xmp"]


def test_no_tags_make_no_sidecar(photo: Path) -> None:
    assert not write(photo, [])
    assert not sidecar_of(photo).exists()


def test_our_own_tags_never_come_back_as_keywords(photo: Path) -> None:
    write(photo, ["dog", "sea"])
    assert read_xmp(sidecar_of(photo).read_bytes()).keywords == ()
    photo.with_name("photo.jpg.xmp").write_text(OTHERS, encoding="utf-8")
    write(photo, ["dog", "sea"])
    assert read_xmp(sidecar_of(photo).read_bytes()).keywords == ("Sea", "holiday")


def test_what_others_wrote_stays_and_what_we_wrote_can_go(photo: Path) -> None:
    sidecar = photo.with_name("photo.jpg.xmp")
    sidecar.write_text(OTHERS, encoding="utf-8")
    assert write(photo, ["dog", "sea"])  # `Sea` is there already
    assert subjects(photo) == ["Sea", "holiday", "dog"]
    assert write(photo, ["cat"])
    assert subjects(photo) == ["Sea", "holiday", "cat"]
    assert write(photo, [])
    assert subjects(photo) == ["Sea", "holiday"]
    canonical = ElementTree.canonicalize
    assert canonical(sidecar.read_text(encoding="utf-8"), strip_text=True) == canonical(OTHERS, strip_text=True)
    assert "written by a program of somebody else" in sidecar.read_text(encoding="utf-8")
    assert "<?xpacket end" in sidecar.read_text(encoding="utf-8")


def test_hierarchies_are_written_where_parents_are_known(photo: Path) -> None:
    above = {"d": ["animal", "pet|s"]}
    tags = [("dog", "d"), ("stone", "s"), ("typed", None)]
    assert write_sidecar(photo, tags, lambda concept: above.get(concept, []))
    lightroom = "{http://ns.adobe.com/lightroom/1.0/}hierarchicalSubject"
    assert subjects(photo, lightroom) == ["animal|pet/s|dog"]
    assert write_sidecar(photo, [], lambda concept: above.get(concept, []))
    assert subjects(photo, lightroom) == subjects(photo) == []


def test_an_existing_sidecar_is_used_unless_another_picture_has_it(photo: Path) -> None:
    plain = photo.with_suffix(".xmp")
    plain.write_text(OTHERS, encoding="utf-8")
    assert sidecar_of(photo) == plain
    photo.with_suffix(".raw").write_bytes(b"")
    assert sidecar_of(photo) == photo.with_name("photo.jpg.xmp")
    write(photo, ["dog"])
    assert plain.read_text(encoding="utf-8") == OTHERS


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no xml",
        b"<a>",
        b"<a/>",
        b'<!DOCTYPE a [<!ENTITY b "c">]><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">&b;</rdf:RDF>',
        OTHERS.encode() + b" " * MAX_PACKET,
    ],
)
def test_what_is_no_packet_is_left_alone(photo: Path, data: bytes) -> None:
    sidecar_of(photo).write_bytes(data)
    with pytest.raises(PictureError, match=r"photo\.jpg\.xmp"):
        write(photo, ["dog"])
    assert sidecar_of(photo).read_bytes() == data


def test_what_cannot_be_written_is_said(photo: Path) -> None:
    photo.with_name("photo.jpg.xmp").mkdir()
    with pytest.raises(PictureError, match="can't be written"):
        write(photo, ["dog"])


def test_a_picture_that_is_gone_gets_no_sidecar(photo: Path) -> None:
    for gone in (photo.with_name("gone.jpg"), photo.with_name("x" * 300 + ".jpg"), photo / "below.jpg"):
        with pytest.raises(PictureError):
            write(gone, ["dog"])
    assert [path.name for path in photo.parent.iterdir()] == ["photo.jpg"]


def test_permissions_are_kept_and_protected_files_left(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(photo, ["dog"])
    sidecar_of(photo).chmod(0o600)
    assert write(photo, ["cat"])
    assert sidecar_of(photo).stat().st_mode & 0o777 == 0o600
    monkeypatch.setattr("os.access", lambda path, mode: mode != os.W_OK)  # as for a user who isn't root
    with pytest.raises(PictureError, match="Permission denied"):
        write(photo, ["horse"])
    assert subjects(photo) == ["cat"]


NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn", "Co"]), min_size=1, max_size=30).filter(str.strip)
SETS = st.lists(NAMES, max_size=4, unique_by=lambda name: name.strip().casefold())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(SETS, st.lists(SETS, min_size=1, max_size=3))
def test_any_tags_beside_any_keywords(photo: Path, theirs: list[str], turns: list[list[str]]) -> None:
    for path in photo.parent.glob("*.xmp"):
        path.unlink()
    write(photo, theirs)
    if sidecar_of(photo).exists():  # as if another program had written it: without our notes
        text = sidecar_of(photo).read_text(encoding="utf-8")
        sidecar_of(photo).write_text(text.replace("urn:pixloom:xmp:1.0:", "urn:theirs"), encoding="utf-8")
        theirs = subjects(photo)
    for names in turns:
        write(photo, names)
        read = subjects(photo) if sidecar_of(photo).exists() else []
        assert read[: len(theirs)] == theirs
        assert {one.strip().casefold() for one in read} >= {name.strip().casefold() for name in theirs}
        assert len(read) <= len(theirs) + len(names)
    write(photo, [])
    assert (subjects(photo) if sidecar_of(photo).exists() else []) == theirs


def test_a_collection_is_written_and_indexed_again(any_collection: Collection, photos: Callable[..., Path]) -> None:
    folder = photos("red", "blue", "green")
    (folder / "blue.xmp").write_text(OTHERS, encoding="utf-8")
    (folder / "green.png.xmp").mkdir()
    any_collection.index([folder])
    refresh_imported(any_collection)
    id = {name: any_collection.catalog.find(path=folder / f"{name}.png") or 0 for name in ("red", "blue", "green")}
    with any_collection.catalog.database.write() as connection:
        edit.add(connection, [id["red"], id["blue"]], "dog")
        edit.add(connection, [id["green"]], "cat")
    hashes = {path: hashlib.sha256(path.read_bytes()).digest() for path in folder.glob("*.png")}
    seen: list[int] = []
    result = write_sidecars(
        any_collection, tagged(any_collection), total=3, on_progress=lambda progress: seen.append(progress.done)
    )
    assert (result.written, result.unchanged, [path.name for path, _ in result.failed]) == (2, 0, ["green.png"])
    assert seen == [1, 2, 3]
    assert {path: hashlib.sha256(path.read_bytes()).digest() for path in folder.glob("*.png")} == hashes
    assert subjects(folder / "blue.png") == ["Sea", "holiday", "dog"]
    report = any_collection.index()
    assert report.changed == 0, "what we wrote ourselves is no news"
    for path in folder.glob("*.xmp"):
        if path.is_file():
            path.touch()
    assert any_collection.index().changed == 2
    refresh_imported(any_collection)
    with any_collection.catalog.database.read() as connection:
        found = tags_of(connection, [id["red"], id["blue"]])
    assert [(tag.name, tag.sources) for tag in found[id["red"]]] == [("dog", ("typed",))]
    assert {(tag.name, tag.sources) for tag in found[id["blue"]]} == {
        ("Sea", ("imported",)),
        ("dog", ("typed",)),
        ("holiday", ("imported",)),
    }
    with any_collection.catalog.database.write() as connection:
        edit.take_off(connection, [id["blue"], id["red"]], "dog")
        edit.take_off(connection, [id["blue"]], "sea")
    assert write_sidecars(any_collection, tagged(any_collection, [id["red"], id["blue"]])).written == 2
    assert subjects(folder / "blue.png") == ["Sea", "holiday"], "others' keywords are theirs"
    assert subjects(folder / "red.png") == []
