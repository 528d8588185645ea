"""Whether a picture's own fields forbid to make others from it, and whether an outcome is somebody else's picture."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.ExifTags import Base
from sqlalchemy import create_engine, insert
from sqlalchemy.engine import Connection

from indexer.tables import Base as Tables
from indexer.tables import PictureRow
from tuner.lineage.copies import NearCopy, near_copies, warning
from tuner.lineage.jpeg import PHOTOSHOP, resource, with_segments
from tuner.lineage.rights import Claim, forbids_derivatives, rights_of

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
NAMESPACES = (
    'xmlns:xmpRights="http://ns.adobe.com/xap/1.0/rights/" xmlns:cc="http://creativecommons.org/ns#" '
    'xmlns:plus="http://ns.useplus.org/ldf/xmp/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"'
)


def picture(xmp: str | None = None, exif: str | None = None, iptc: str | None = None, format: str = "JPEG") -> bytes:
    file, tags = io.BytesIO(), Image.Exif()
    if exif:
        tags[Base.Copyright] = exif
    more = {"xmp": packet(xmp)} if xmp else {}
    Image.new("RGB", (4, 4)).save(file, format, exif=tags, **more)
    if not iptc:
        return file.getvalue()
    text = iptc.encode()
    record = b"\x1c\x02\x74" + len(text).to_bytes(2, "big") + text
    return with_segments(file.getvalue(), [(0xED, PHOTOSHOP + resource(0x0404, record))])


def packet(body: str) -> bytes:
    return (
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{RDF}" {NAMESPACES}>'
        f'<rdf:Description rdf:about="">{body}</rdf:Description></rdf:RDF></x:xmpmeta>'
    ).encode()


def terms(text: str, name: str = "xmpRights:UsageTerms") -> str:
    return f"<{name}><rdf:Alt><rdf:li xml:lang='x-default'>{text}</rdf:li></rdf:Alt></{name}>"


@pytest.mark.parametrize(
    "xmp",
    [
        terms("No derivatives."),
        terms("This work is licensed under CC BY-ND 4.0", "dc:rights"),
        terms("CC BY-NC-ND 3.0"),
        terms("The image must not be altered"),
        terms("Keine Bearbeitung ohne Genehmigung"),
        "<xmpRights:WebStatement>https://creativecommons.org/licenses/by-nd/4.0/</xmpRights:WebStatement>",
        "<cc:license rdf:resource='http://creativecommons.org/licenses/by-nc-nd/2.0/'/>",
        "<cc:prohibits rdf:resource='http://creativecommons.org/ns#DerivativeWorks'/>",
        "<plus:ImageAlterationConstraints><rdf:Bag><rdf:li>http://ns.useplus.org/ldf/vocab/AL-MRG</rdf:li></rdf:Bag>"
        "</plus:ImageAlterationConstraints>",
    ],
)
def test_xmp_that_forbids(xmp: str) -> None:
    assert forbids_derivatives(rights_of(picture(xmp))) is not None


@pytest.mark.parametrize(
    "xmp",
    [
        terms("All rights reserved"),
        terms("© 2024 Nora Derivaux"),
        terms("CC BY-SA 4.0", "dc:rights"),
        terms("Derivatives are welcome. Andy was here."),
        "<cc:license rdf:resource='http://creativecommons.org/licenses/by-nc/2.0/'/>",
        "<cc:prohibits rdf:resource='http://creativecommons.org/ns#CommercialUse'/>",
        "<plus:DataMining>http://ns.useplus.org/ldf/vocab/DMI-PROHIBITED</plus:DataMining>",
        "<dc:description>no derivatives of this river</dc:description>",
    ],
)
def test_xmp_that_does_not(xmp: str) -> None:
    assert forbids_derivatives(rights_of(picture(xmp))) is None


def test_every_place_is_looked_at_and_named(tmp_path: Path) -> None:
    assert forbids_derivatives(rights_of(picture(exif="(c) me, no derivatives"))) == (
        "EXIF Copyright says '(c) me, no derivatives'"
    )
    assert "IPTC" in str(forbids_derivatives(rights_of(picture(iptc="Me. No derivative works!"))))
    assert "EXIF" in str(forbids_derivatives(rights_of(picture(exif="BY-ND", format="TIFF"))))
    path = tmp_path / "a.jpg"
    path.write_bytes(picture())
    assert rights_of(path) == ()
    (tmp_path / "a.jpg.xmp").write_bytes(packet(terms("No derivatives")))
    assert "xmpRights:UsageTerms" in str(forbids_derivatives(rights_of(path)))


def test_long_and_broken_texts_are_no_trouble() -> None:
    assert forbids_derivatives([Claim("dc:rights", "no " * 10**6)]) is None
    assert rights_of(picture(terms("<broken"))) == ()


@pytest.fixture
def catalogue() -> Connection:
    engine = create_engine("sqlite://")
    Tables.metadata.create_all(engine)
    connection = engine.connect()
    common = {"bytes": 1, "width": 1, "height": 1, "format": "PNG", "colours": [], "added_at": _now()}
    hashes = {1: 0b0, 2: 0b1111_0000, 3: 0b1111_0011, 4: -1, 5: 0b1111_0000}
    connection.execute(
        insert(PictureRow),
        [{**common, "id": id, "hash": str(id), "phash": value, "live": id != 5} for id, value in hashes.items()],
    )
    return connection


def _now() -> object:
    from datetime import datetime

    return datetime(2024, 1, 1)


def unit(cosine: float) -> np.ndarray:
    return np.array([cosine, np.sqrt(1 - cosine**2)], np.float32)


def test_near_copies_are_found_and_parents_are_none(catalogue: Connection) -> None:
    ids = np.array([1, 2, 3, 4, 5, 99])
    vectors = np.stack([unit(value) for value in (0.5, 0.6, 0.99, 0.2, 1.0, 1.0)])
    found = near_copies(catalogue, 0b1111_0000, unit(1.0), (ids, vectors))
    assert [one.id for one in found] == [3, 2]
    assert found[1] == NearCopy(2, 0, pytest.approx(0.6))
    assert [one.id for one in near_copies(catalogue, 0b1111_0000, unit(1.0), (ids, vectors), {3})] == [2]
    assert "#3, #2" in str(warning(found))
    assert warning([]) is None


def test_both_measures_may_be_a_little_off_together(catalogue: Connection) -> None:
    ids = np.array([2])
    hash = 0b1111_0000 ^ 0b1111_1111_0000_0000
    assert near_copies(catalogue, hash, unit(1.0), (ids, unit(0.92)[None]))
    assert not near_copies(catalogue, hash, unit(1.0), (ids, unit(0.85)[None]))
    assert not near_copies(catalogue, hash ^ 0b111, unit(1.0), (ids, unit(0.92)[None]))


def test_pictures_of_one_colour_are_not_copies_of_each_other(catalogue: Connection) -> None:
    assert not near_copies(catalogue, 0, unit(1.0), (np.array([1]), unit(0.5)[None]))
