"""Vocabularies: the names that ship, and those of a user's file, whatever it holds."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.errors import NotFoundError, UsageError
from search.knowledge.everyday import Everyday
from search.tags.rows import key_of
from search.tags.vocabulary import OWN, everyday_vocabulary, own_id, read_vocabulary, written

GRAPH = Everyday()
DOG = GRAPH.named("dog")[0]


def names(vocabulary) -> list[str]:
    return [one.names[0] for one in vocabulary.concepts]


def test_what_ships() -> None:
    vocabulary = everyday_vocabulary(GRAPH)
    assert len(vocabulary) > len(GRAPH) >= 3000
    assert {"dog", "leather", "denim"} <= set(names(vocabulary))
    keys = [key_of(name) for name in names(vocabulary)]
    assert len(keys) == len(set(keys))
    assert vocabulary.digest == everyday_vocabulary(GRAPH).digest


def test_one_name_a_line(tmp_path: Path) -> None:
    file = tmp_path / "names.txt"
    file.write_text("dog\n\n  polar_bear \n# a remark\nDog\nflux capacitor\n" + "x" * 300 + "\n", encoding="utf-8-sig")
    vocabulary = read_vocabulary(file, GRAPH)
    assert names(vocabulary) == ["dog", "polar_bear", "flux capacitor"]
    assert [one.id for one in vocabulary.concepts][::2] == [DOG.id, own_id("flux capacitor")]
    assert [line.split(":")[0] for line in vocabulary.skipped] == ["line 5", "line 7"]
    animal = GRAPH.named("animal")[0].id
    assert animal in vocabulary.graph.ancestors(DOG.id)  # what is above a name is known, but not given
    assert animal not in [one.id for one in vocabulary.concepts]


def test_a_table_with_parents_and_languages(tmp_path: Path) -> None:
    file = tmp_path / "names.csv"
    file.write_text("Name,Parent,de\nsneaker,shoe,Turnschuh\nair max,sneaker,\ngizmo,thingamajig,Dings\n,shoe,\n")
    vocabulary = read_vocabulary(file, GRAPH)
    assert names(vocabulary) == ["sneaker", "air max", "gizmo"]
    sneaker, air_max, gizmo = vocabulary.concepts
    assert sneaker.translations == {"de": ("Turnschuh",)} and air_max.translations == {}
    assert air_max.parents == (sneaker.id,)
    assert set(vocabulary.graph.ancestors(air_max.id)) >= {sneaker.id, GRAPH.named("shoe")[0].id}
    assert vocabulary.graph[gizmo.parents[0]].names == ("thingamajig",)
    assert vocabulary.graph.descendants(own_id("thingamajig")) == (gizmo.id,)


def test_two_names_of_one_concept(tmp_path: Path) -> None:
    file = tmp_path / "names.txt"
    file.write_text("dog\ndomestic dog\n")
    dog, other = read_vocabulary(file, GRAPH).concepts
    assert dog.id == DOG.id
    assert other.id.startswith(OWN) and other.parents == (DOG.id,)


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no vocabulary"):
        read_vocabulary(tmp_path / "none.txt", GRAPH)
    (tmp_path / "empty.txt").write_text("\n#\n")
    with pytest.raises(UsageError, match="holds no names"):
        read_vocabulary(tmp_path / "empty.txt", GRAPH)
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00\xd8")
    with pytest.raises(UsageError, match="UTF-8"):
        read_vocabulary(tmp_path / "binary.txt", GRAPH)
    (tmp_path / "odd.jsonl").write_text('{"name": 3}\nnot json\n[1]\n"quoted"\n{"name": "cat", "translations": 5}\n')
    vocabulary = read_vocabulary(tmp_path / "odd.jsonl", GRAPH)
    assert names(vocabulary) == ["3", "quoted", "cat"]
    assert len(vocabulary.skipped) == 2


def test_names_that_would_be_kinds_of_themselves(tmp_path: Path) -> None:
    file = tmp_path / "names.csv"
    file.write_text("name,parent\n" + "".join(f"n{n},n{(n + 1) % 500}\n" for n in range(500)) + "self,self\n")
    vocabulary = read_vocabulary(file, GRAPH)
    assert len(vocabulary) == 501 and len(vocabulary.skipped) == 2
    assert len(vocabulary.graph.ancestors(own_id("n0"))) == 499
    assert all(one.id not in vocabulary.graph.ancestors(one.id) for one in vocabulary.concepts)


def test_tables_and_lines_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "quote.csv").write_text('name\n"' + "x" * 200_000)
    with pytest.raises(UsageError, match="quote"):
        read_vocabulary(tmp_path / "quote.csv", GRAPH)
    (tmp_path / "header.csv").write_text("title,parent\ndog,animal\n")
    with pytest.raises(UsageError, match="`name`"):
        read_vocabulary(tmp_path / "header.csv", GRAPH)
    (tmp_path / "deep.jsonl").write_text("[" * 200_000 + '\n{"name": "cat"}\n')
    assert names(read_vocabulary(tmp_path / "deep.jsonl", GRAPH)) == ["cat"]


def test_a_hundred_thousand_lines(tmp_path: Path) -> None:
    file = tmp_path / "names.txt"
    file.write_text("\n".join(f"thing {n % 60_000}" for n in range(100_000)))
    vocabulary = read_vocabulary(file, GRAPH)
    assert (len(vocabulary), len(vocabulary.skipped)) == (60_000, 40_000)


@given(
    st.lists(
        st.tuples(
            st.text(max_size=40) | st.sampled_from(["dog", "lynx", "shoe"]),
            st.sampled_from(["", "shoe", "gizmo", "dog"]),
        ),
        max_size=12,
    )
)
def test_what_is_written_reads_the_same(tmp_path_factory: pytest.TempPathFactory, lines: list[tuple[str, str]]) -> None:
    folder = tmp_path_factory.mktemp("vocabulary")
    given_, kept = folder / "given.jsonl", folder / "kept.jsonl"
    told = [json.dumps({"name": name, "parent": parent, "translations": {"de": name}}) for name, parent in lines]
    given_.write_text("\n".join(told), encoding="utf-8")
    try:
        first = read_vocabulary(given_, GRAPH)
    except UsageError:
        assert not any(name.strip().replace("_", "").split() for name, _ in lines)
        return
    kept.write_text(written(first, GRAPH), encoding="utf-8")
    again = read_vocabulary(kept, GRAPH)
    assert [(one.id, one.names, one.parents) for one in again.concepts] == [
        (one.id, one.names, one.parents) for one in first.concepts
    ]
    assert again.digest == first.digest and not again.skipped
