"""Recipes, and provenance in XMP."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from indexer.errors import UsageError
from indexer.xmp import read_xmp
from tuner.lineage.recipe import Recipe
from tuner.lineage.xmp import combined, properties, recipe_of, stamped

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
DC, XMP, MM = "http://purl.org/dc/elements/1.1/", "http://ns.adobe.com/xap/1.0/", "http://ns.adobe.com/xap/1.0/mm/"
TIFF, IPTC = "http://ns.adobe.com/tiff/1.0/", "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
RECIPE = Recipe(
    "inpaint",
    {"method": "lama", "radius": 3, "box": [0.1, 0.2], "note": "Grüße <&> \x00 \ud800"},
    {"mask": ("ab" * 32,)},
    "lama",
    "cd" * 32,
    42,
    "ef" * 32,
    17,
)


def packet(body: str, attributes: str = "") -> bytes:
    return (
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{RDF}" xmlns:dc="{DC}" xmlns:xmp="{XMP}" '
        f'xmlns:xmpMM="{MM}" xmlns:tiff="{TIFF}" xmlns:Iptc4xmpExt="{IPTC}" xmlns:mine="urn:mine:">'
        f'<rdf:Description rdf:about="" {attributes}>{body}</rdf:Description></rdf:RDF></x:xmpmeta>'
    ).encode()


def value(data: bytes, name: str) -> list[str]:
    return [text for found, text in properties(data) if found == name]


def test_a_recipe_comes_back() -> None:
    assert Recipe.from_dict(json.loads(json.dumps(RECIPE.to_dict()))) == RECIPE
    assert Recipe.from_dict({**RECIPE.to_dict(), "of a later version": 1}) == RECIPE


@pytest.mark.parametrize(
    "values", [{}, {"operation": 3}, {"operation": "tone", "seed": "x"}, {"operation": "tone", "parameters": []}]
)
def test_what_is_no_recipe_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="no recipe"):
        Recipe.from_dict(values)


def test_provenance_without_a_packet() -> None:
    made = stamped(None, RECIPE, "compositeWithTrainedAlgorithmicMedia", (30, 20))
    assert recipe_of(made) == RECIPE
    uri = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
    assert value(made, f"{{{IPTC}}}DigitalSourceType") == [uri]
    assert value(made, f"{{{XMP}}}CreatorTool") == [RECIPE.software]
    assert b"urn:blake2b:" + b"ef" * 32 in made


def test_what_others_wrote_stays_and_what_is_wrong_now_is_put_right() -> None:
    source = packet(
        "<dc:title><rdf:Alt><rdf:li xml:lang='x-default'>Sea</rdf:li></rdf:Alt></dc:title>"
        "<dc:subject><rdf:Bag><rdf:li>wave</rdf:li></rdf:Bag></dc:subject>"
        "<mine:own rdf:parseType='Resource'><mine:deep>1</mine:deep></mine:own>"
        "<xmpMM:History><rdf:Seq><rdf:li rdf:parseType='Resource'/></rdf:Seq></xmpMM:History>"
        "<xmp:Thumbnails><rdf:Alt/></xmp:Thumbnails><tiff:ImageLength>400</tiff:ImageLength>",
        'xmp:Rating="4" xmp:CreatorTool="Lightroom" tiff:Orientation="6" xmpMM:InstanceID="xmp.iid:old" '
        'xmpMM:DocumentID="xmp.did:old"',
    )
    made = stamped(source, RECIPE, "algorithmicallyEnhanced", (30, 20))
    facts = read_xmp(made)
    assert (facts.title, facts.keywords, facts.rating) == ("Sea", ("wave",), 4)
    assert value(made, f"{{{XMP}}}CreatorTool") == ["Lightroom"]
    assert value(made, f"{{{TIFF}}}Orientation") == ["1"]
    assert value(made, f"{{{TIFF}}}ImageLength") == ["20"]
    assert value(made, f"{{{TIFF}}}ImageWidth") == []
    assert value(made, f"{{{MM}}}InstanceID")[0] != "xmp.iid:old"
    tree = etree.fromstring(made)
    assert len(tree.findall(f".//{{{MM}}}History/{{{RDF}}}Seq/{{{RDF}}}li")) == 2
    assert tree.find(".//{urn:mine:}deep").text == "1"
    assert tree.find(f".//{{{XMP}}}Thumbnails") is None
    derived = tree.find(f".//{{{MM}}}DerivedFrom")
    assert [one.text for one in derived] == ["xmp.iid:old", "xmp.did:old"]


def test_an_edit_of_an_edit_has_one_recipe_and_a_longer_history() -> None:
    first = stamped(None, RECIPE, "algorithmicallyEnhanced", (30, 20))
    second = stamped(first, Recipe("tone", parent="01" * 32), "algorithmicallyEnhanced", (30, 20))
    recipe = recipe_of(second)
    assert recipe is not None
    assert recipe.operation == "tone"
    assert second.count(b">edited<") == 2


@pytest.mark.parametrize(
    ("before", "now", "then"),
    [
        (None, "algorithmicallyEnhanced", "algorithmicallyEnhanced"),
        ("digitalCapture", "algorithmicallyEnhanced", "algorithmicallyEnhanced"),
        ("trainedAlgorithmicMedia", "algorithmicallyEnhanced", "trainedAlgorithmicMedia"),
        ("trainedAlgorithmicMedia", "compositeCapture", "compositeWithTrainedAlgorithmicMedia"),
        ("compositeCapture", "algorithmicallyEnhanced", "compositeCapture"),
        ("digitalCapture", "trainedAlgorithmicMedia", "trainedAlgorithmicMedia"),
    ],
)
def test_enhancing_does_not_hide_that_a_picture_was_generated(before: str | None, now: Any, then: str) -> None:
    uri = before and f"http://cv.iptc.org/newscodes/digitalsourcetype/{before}"
    assert combined(uri, now) == combined(before, now) == then


@pytest.mark.parametrize(
    "broken",
    [
        b"<x",
        b"\xff\xff",
        b'<!DOCTYPE a [<!ENTITY b "c">]><x:xmpmeta xmlns:x="adobe:ns:meta/">&b;</x:xmpmeta>',
        b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>",
    ],
)
def test_broken_packets_are_an_error_and_hold_no_recipe(broken: bytes) -> None:
    with pytest.raises(ValueError):
        stamped(broken, RECIPE, "compositeCapture", (1, 1))
    assert recipe_of(broken) is None


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", '{"operation": 1}', "[" * 10000])
def test_recipes_that_somebody_else_wrote(text: str) -> None:
    data = packet(f"<p:recipe xmlns:p='urn:pixloom:xmp:1.0:'>{text}</p:recipe>")
    assert recipe_of(data) is None


TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc", "Cn")), min_size=1).filter(str.strip).map(str.strip)


@settings(max_examples=60, deadline=None)
@given(
    properties_of=st.dictionaries(st.from_regex(r"[a-z]{1,8}", fullmatch=True), TEXTS, max_size=5),
    attributes=st.booleans(),
    parameters=st.dictionaries(TEXTS, st.one_of(TEXTS, st.integers(-1000, 1000), st.booleans(), st.none()), max_size=4),
)
def test_merging_loses_nothing(properties_of: dict[str, str], attributes: bool, parameters: dict[str, Any]) -> None:
    tree = etree.fromstring(packet(""))
    description = tree.find(f".//{{{RDF}}}Description")
    for name, text in properties_of.items():
        if attributes:
            description.set(f"{{urn:mine:}}{name}", text)
        else:
            etree.SubElement(description, f"{{urn:mine:}}{name}").text = text
    recipe = Recipe("tone", parameters)
    made = stamped(etree.tostring(tree), recipe, "algorithmicallyEnhanced", (1, 1))
    again = stamped(made, recipe, "algorithmicallyEnhanced", (1, 1))
    assert recipe_of(again) == recipe
    for name, text in properties_of.items():
        assert value(again, f"{{urn:mine:}}{name}") == [text]
