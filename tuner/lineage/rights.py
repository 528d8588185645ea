"""What a picture's rights fields say about making others from it.

A prohibition is a licence or a text that rules out derivatives, or a PLUS constraint on alteration. "All rights
reserved" and a plain copyright notice are none: they are on the user's own pictures as well. PLUS's data mining and
the like speak of training models, not of editing.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from PIL.ExifTags import Base

from indexer.errors import PictureError
from indexer.images import load, read_with
from indexer.limits import DEFAULT_LIMITS, Limits
from indexer.metadata import exif_of, xmp_of
from indexer.sources.sidecar import sidecars_of
from tuner.lineage.jpeg import APP13, PHOTOSHOP, iptc_of, segments
from tuner.lineage.tiff import IPTC
from tuner.lineage.xmp import properties

_RIGHTS, _CC = "http://ns.adobe.com/xap/1.0/rights/", "http://creativecommons.org/ns#"
_PLUS, _DC = "http://ns.useplus.org/ldf/xmp/1.0/", "http://purl.org/dc/elements/1.1/"
_PHOTOSHOP = "http://ns.adobe.com/photoshop/1.0/"
_FIELDS = {
    f"{{{_RIGHTS}}}UsageTerms": "xmpRights:UsageTerms",
    f"{{{_RIGHTS}}}WebStatement": "xmpRights:WebStatement",
    f"{{{_DC}}}rights": "dc:rights",
    f"{{{_CC}}}license": "cc:license",
    f"{{{_CC}}}prohibits": "cc:prohibits",
    f"{{{_PHOTOSHOP}}}Copyright": "photoshop:Copyright",
    f"{{{_PLUS}}}ImageAlterationConstraints": "plus:ImageAlterationConstraints",
    f"{{{_PLUS}}}OtherConstraints": "plus:OtherConstraints",
    f"{{{_PLUS}}}OtherLicenseConditions": "plus:OtherLicenseConditions",
    f"{{{_PLUS}}}TermsAndConditionsText": "plus:TermsAndConditionsText",
}
_NO = r"(?:is |are )?(?:not (?:allowed|permitted)|prohibited|forbidden)"
_NO_DERIVATIVES = re.compile(
    r"creativecommons\.org/licen[cs]es/by(-nc)?-nd\b"
    r"|\bBY(?:[ -]NC)?[ -]ND\b"
    r"|\bno[ -]?deriv(?:ative|ate|ation)?s?\b"
    rf"|\bderivatives? (?:works? )?{_NO}"
    r"|\b(?:may|must|can|shall)(?: ?not| never) be (?:altered|modified|edited|changed|manipulated)"
    r"|\bnot to be (?:altered|modified|edited)"
    r"|\bno (?:alteration|modification|manipulation|editing|retouching)"
    rf"|\b(?:alteration|modification|manipulation|editing)s? {_NO}"
    r"|\bkeine bearbeitung"
    r"|\bbearbeitung(?:en)? (?:ist |sind )?(?:nicht (?:gestattet|erlaubt)|verboten|untersagt)"
    r"|\bpas de modification|\bsin (?:obras? )?derivadas?\b|\bnon opere derivate\b",
    re.IGNORECASE,
)
_ALTERATION = re.compile(r"\bAL-[A-Z]{3}\b", re.IGNORECASE)
_DERIVATIVE_WORKS = re.compile(r"DerivativeWorks|\bDerivatives?\b", re.IGNORECASE)
_IPTC_COPYRIGHT = 116
_MOST = 4000


@dataclass(frozen=True, slots=True)
class Claim:
    """One rights field of a picture."""

    field: str
    """Such as `xmpRights:UsageTerms`, `EXIF Copyright`, `IPTC copyright notice`."""
    text: str


def forbids_derivatives(claims: Sequence[Claim]) -> str | None:
    """Why nothing may be made from a picture without its owner's leave: the field and what it says; None where it may.

    The caller raises ForbiddenError with it unless the user confirms.
    """
    for claim in claims:
        text = claim.text[:_MOST]
        if claim.field == "cc:prohibits":
            forbidden = _DERIVATIVE_WORKS.search(text) is not None
        elif claim.field == "plus:ImageAlterationConstraints":
            forbidden = _ALTERATION.search(text) is not None
        else:
            forbidden = _NO_DERIVATIVES.search(text) is not None
        if forbidden:
            return f"{claim.field} says {' '.join(text.split())[:200]!r}"
    return None


def rights_of(source: Path | bytes, limits: Limits = DEFAULT_LIMITS) -> tuple[Claim, ...]:
    """What EXIF, IPTC and XMP of a picture, and its XMP sidecars, say of rights. PictureError for an unreadable one.

    Damaged blocks say nothing.
    """
    claims = read_with(source, limits, raw=lambda _: (), plain=lambda image, data: tuple(_claims(image, data, limits)))
    if isinstance(source, Path):
        claims = (*claims, *_of_sidecars(source))
    return claims


def _claims(image: Image.Image, data: bytes, limits: Limits) -> Iterator[Claim]:
    if image.format == "PNG":  # what it says may stand behind the pixels
        load(image, data, limits)
    for read in (_of_xmp, _of_exif, _of_iptc):
        try:
            yield from [claim for claim in read(image, data) if claim.text.strip()]
        except PictureError:
            raise
        except Exception:  # Pillow's parsers raise anything on garbage
            continue


def _of_xmp(image: Image.Image, _data: bytes) -> Iterator[Claim]:
    yield from _of_packet(xmp_of(image) or b"")


def _of_packet(packet: bytes) -> Iterator[Claim]:
    for name, text in properties(packet) if packet else ():
        if name in _FIELDS and text:
            yield Claim(_FIELDS[name], text)


def _of_sidecars(path: Path) -> Iterator[Claim]:
    for sidecar in (path.with_name(name) for name in sidecars_of(path.name)):
        if sidecar.suffix.lower() == ".xmp":
            try:
                yield from _of_packet(sidecar.read_bytes())
            except OSError:
                continue


def _of_exif(image: Image.Image, _data: bytes) -> Iterator[Claim]:
    text: Any = exif_of(image).get(Base.Copyright)
    if isinstance(text, str):
        yield Claim("EXIF Copyright", text.replace("\0", " "))


def _of_iptc(image: Image.Image, data: bytes) -> Iterator[Claim]:
    if image.format == "TIFF":
        records: Any = getattr(image, "tag_v2", {}).get(IPTC)
    else:
        parts = [body for marker, body in segments(data) if marker == APP13 and body.startswith(PHOTOSHOP)]
        records = iptc_of(b"".join(part.removeprefix(PHOTOSHOP) for part in parts))
    position = 0
    while isinstance(records, bytes) and records[position : position + 1] == b"\x1c" and position + 5 <= len(records):
        length = int.from_bytes(records[position + 3 : position + 5], "big")
        if records[position + 1] == 2 and records[position + 2] == _IPTC_COPYRIGHT:
            yield Claim("IPTC copyright notice", records[position + 5 :][:length].decode("utf-8", "replace"))
        position += 5 + length
