"""Exports for product catalogues, and the colour words in them."""

import csv
import io
import itertools
import json
import re
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from indexer.collection import Collection
from indexer.errors import UsageError
from search.tags import edit
from search.tags.book import PictureTag
from search.tags.colours import PROTOTYPES, colour_word, colour_words, lab
from search.tags.export import COLUMNS, export_lines
from search.tags.materials import MATERIALS, is_material
from search.tags.pictures import Tagged, tagged
from search.tags.rows import key_of
from tests.toys import COLOURS


def rows(pictures: list[Tagged]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO("".join(export_lines(pictures, "csv")), newline="")))


def unjoined(cell: str) -> list[str]:
    return [re.sub(r"\\(.)", r"\1", part) for part in re.findall(r"(?:[^|\\]|\\.)+", cell)]


NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)
TAGS = st.builds(
    lambda name, p, source: PictureTag(1, name, None, p, (source,), "x"),
    NAMES,
    st.none() | st.floats(0, 1),
    st.sampled_from(["model", "typed"]),
)
PICTURES = st.builds(
    Tagged,
    st.integers(1, 10**6),
    NAMES.map(lambda path: (path,)),
    st.lists(TAGS, max_size=4).map(tuple),
    st.lists(st.tuples(st.sampled_from(["#ff0000", "#ffffff", "#123456"]), st.floats(0, 1)), max_size=3).map(tuple),
)


@given(st.lists(PICTURES, max_size=3))
def test_csv_is_read_back_and_steers_no_spreadsheet(pictures: list[Tagged]) -> None:
    read = rows(pictures)
    assert len(read) == len(pictures)
    for row, one in zip(read, pictures, strict=True):
        assert list(row) == list(COLUMNS)
        for cell in row.values():
            assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
        plain = {name: cell.removeprefix("'") if cell[1:2] in tuple("=+-@") else cell for name, cell in row.items()}
        assert (row["id"], plain["path"].lstrip("'")) == (str(one.id), one.paths[0].lstrip("'"))
        names = unjoined(plain["tags"])
        assert [name.lstrip("'") for name in names] == [tag.name.lstrip("'") for tag in one.tags]
        assert len(row["sources"].split("|")) == max(1, len(one.tags))


@given(st.lists(PICTURES, max_size=3))
def test_json_lines_say_the_same(pictures: list[Tagged]) -> None:
    for line, one in zip(export_lines(pictures, "jsonl"), pictures, strict=True):
        told = json.loads(line)
        assert (told["id"], told["path"]) == (one.id, one.paths[0])
        assert [(tag["name"], tag["probability"], tuple(tag["sources"])) for tag in told["tags"]] == [
            (tag.name, tag.probability, tag.sources) for tag in one.tags
        ]


def test_a_collection_is_exported(any_collection: Collection, photos: Callable[..., Path]) -> None:
    folder = photos("red", "blue", "white")
    any_collection.index([folder])
    id = {name: any_collection.catalog.find(path=folder / f"{name}.png") or 0 for name in ("red", "blue", "white")}
    with any_collection.catalog.database.write() as connection:
        edit.add(connection, [id["red"]], "Leather")
        edit.add(connection, [id["red"]], "=cmd|' /C calc'!A0")
        edit.translate(connection, "leather", "de", "Leder")
        edit.add(connection, [id["blue"]], "secret")
        edit.forbid(connection, "secret")
    found = {int(row["id"]): row for row in rows(list(tagged(any_collection, language="de")))}
    assert set(found) == set(id.values())
    red = found[id["red"]]
    assert unjoined(red["tags"].removeprefix("'")) == ["=cmd|' /C calc'!A0", "Leder"]
    assert (red["materials"], red["colours"], red["sources"], red["probabilities"]) == (
        "Leder",
        "red",
        "typed|typed",
        "1|1",
    )
    assert (found[id["blue"]]["tags"], found[id["blue"]]["colours"], found[id["white"]]["colours"]) == (
        "",
        "blue",
        "white",
    )
    assert [one.id for one in tagged(any_collection, [id["white"], 999, id["red"]])] == [id["white"], id["red"]]
    with pytest.raises(UsageError, match="csv, jsonl"):
        export_lines([], "xlsx")


def test_exports_stream() -> None:
    tags = tuple(PictureTag(n, f"tag {n}", None, 0.5, ("model",), f"tag {n}") for n in range(5))
    many = (Tagged(n, (f"/photos/{n}.jpg",), tags, (("#ff0000", 1.0),)) for n in itertools.count())
    lines = export_lines(many, "csv")
    tracemalloc.start()
    for _ in range(2000):
        next(lines)
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


@pytest.mark.parametrize("word", [name for name in COLOURS if name in PROTOTYPES])
def test_named_colours_have_their_names(word: str) -> None:
    red, green, blue = COLOURS[word]
    assert colour_word(f"#{red:02x}{green:02x}{blue:02x}") == word


def test_every_prototype_is_called_by_its_word() -> None:
    for word, colours in PROTOTYPES.items():
        hues = [colour for colour in colours if colour_word(colour) != word]
        assert hues == [], word


def test_lab_of_known_colours() -> None:
    """Values of CIE 15 for sRGB's primaries, to a tenth."""
    given = np.array([[1, 1, 1], [0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float64)
    expected = [[100, 0, 0], [0, 0, 0], [53.24, 80.09, 67.2], [87.73, -86.18, 83.18], [32.3, 79.19, -107.86]]
    np.testing.assert_allclose(lab(given), expected, atol=0.1)


def test_the_plain_background_of_a_product_does_not_count() -> None:
    assert colour_words([("#ffffff", 0.7), ("#d01c1c", 0.2), ("#fefefe", 0.1)]) == [("red", 0.2)]
    assert colour_words([("#ffffff", 0.95), ("#d01c1c", 0.05)])[0][0] == "white"
    assert colour_words([("#ffffff", 0.2), ("#d01c1c", 0.8)]) == [("red", 0.8), ("white", 0.2)]
    assert colour_words([]) == []


def test_materials() -> None:
    assert len(set(map(key_of, MATERIALS))) == len(MATERIALS)
    assert is_material("LEATHER") and is_material("faux_leather") and not is_material("dog")


def test_colours_of_a_real_file(any_collection: Collection, tmp_path: Path) -> None:
    image = Image.new("RGB", (200, 200), "white")
    image.paste((15, 20, 90), (50, 50, 150, 150))
    image.save(tmp_path / "shirt.png")
    any_collection.index([tmp_path / "shirt.png"])
    assert [word for word, _ in colour_words(next(iter(tagged(any_collection))).colours)] == ["navy"]
