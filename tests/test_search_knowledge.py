"""The concept graph: what it knows, from which files, and that it hangs together."""

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.errors import NotFoundError, UsageError
from search.knowledge import LOADERS, load_graph
from search.knowledge.dictionary import read_dictionary
from search.knowledge.everyday import Everyday
from search.knowledge.graph import Concept, ConceptGraph
from search.knowledge.wn_library import read_wn
from search.knowledge.wordnet import read_wordnet
from search.tags.nouns import concepts_named

EVERYDAY = Everyday()
DATA = """\
  1 This software and database is provided as is.
00001740 03 n 01 thing 0 002 ~ 00002137 n 0000 ~ 00003000 n 0000 | what there is
00002137 05 n 02 dog 0 domestic_dog 0 001 @ 00001740 n 0000 | it barks; "the dog barked"
00003000 05 n 01 Rex 0 002 @i 00002137 n 0000 + 00009999 v 0101 | a dog of that name
00004000 13 n 01 dog 1 001 @ 00001740 n 0000 | a sausage
"""
INDEX = """\
  1 This software and database is provided as is.
dog n 2 2 @ ~ 2 1 00002137 00004000
domestic_dog n 1 1 @ 1 0 00002137
rex n 1 1 @i 1 0 00003000
thing n 1 1 ~ 1 1 00001740
"""


@pytest.fixture
def wordnet(tmp_path: Path) -> Path:
    (tmp_path / "data.noun").write_text(DATA)
    (tmp_path / "index.noun").write_text(INDEX)
    return tmp_path


def test_wordnets_files(wordnet: Path) -> None:
    graph = read_wordnet(wordnet)
    dog, sausage = graph.named("Dog")
    assert (dog.id, dog.names, dog.gloss) == ("n00002137", ("dog", "domestic dog"), 'it barks; "the dog barked"')
    assert sausage.id == "n00004000"
    assert graph.named("domestic_dog") == (dog,)
    assert graph.ancestors("n00003000") == ("n00002137", "n00001740")  # an instance is a kind too
    assert set(graph.descendants("n00001740")) == {"n00002137", "n00003000", "n00004000"}
    assert graph.is_a("n00003000", "n00001740")
    assert not graph.is_a("n00001740", "n00003000")
    assert graph.named("cat") == ()


def test_wordnets_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="wordnet-base"):
        read_wordnet(tmp_path)
    (tmp_path / "data.noun").write_text("00001740 03 n zz thing\n")
    with pytest.raises(NotFoundError, match=r"index\.noun"):
        read_wordnet(tmp_path)
    (tmp_path / "index.noun").write_text(INDEX)
    with pytest.raises(UsageError, match="no WordNet database"):
        read_wordnet(tmp_path)


def test_a_wordnet_of_the_library(tmp_path: Path) -> None:
    wn = pytest.importorskip("wn")
    head = '<!DOCTYPE LexicalResource SYSTEM "http://globalwordnet.github.io/schemas/WN-LMF-1.0.dtd">'

    def lexicon(id: str, language: str, words: str) -> str:
        entries = "".join(
            f'<LexicalEntry id="{id}-{word}"><Lemma writtenForm="{word}" partOfSpeech="n"/>'
            f'<Sense id="{id}-{word}-1" synset="{id}-{number}-n"/></LexicalEntry>'
            for word, number in (pair.split(":") for pair in words.split())
        )
        synsets = (
            f'<Synset id="{id}-00001740-n" ili="i1" partOfSpeech="n"/>'
            f'<Synset id="{id}-00002137-n" ili="i2" partOfSpeech="n"><Definition>it barks</Definition>'
            f'<SynsetRelation relType="hypernym" target="{id}-00001740-n"/></Synset>'
        )
        about = f'id="{id}" label="tiny" language="{language}" email="a@b" license="none" version="1.4"'
        return f"<Lexicon {about}>{entries}{synsets}</Lexicon>"

    parts = lexicon("omw-en", "en", "thing:00001740 dog:00002137") + lexicon("omw-de", "de", "Hund:00002137")
    (tmp_path / "tiny.xml").write_text(
        f'<?xml version="1.0" encoding="UTF-8"?>\n{head}\n<LexicalResource>{parts}</LexicalResource>'
    )
    folder = tmp_path / "data"
    wn.config.data_directory = tmp_path / "usual"
    before = wn.config.data_directory
    wn.config.data_directory = folder
    wn.add(tmp_path / "tiny.xml", progress_handler=None)
    wn.config.data_directory = before
    graph = read_wn(languages=("de", "fr"), folder=folder)
    (dog,) = graph.named("dog")
    assert (dog.id, dog.parents, dog.gloss) == ("n00002137", ("n00001740",), "it barks")
    assert dog.translations == {"de": ("Hund",)}
    with pytest.raises(NotFoundError, match="wn download omw-xx:1"):
        read_wn("omw-xx:1", folder=folder)
    assert wn.config.data_directory == before


def test_everyday_concepts() -> None:
    assert len(EVERYDAY) >= 3000
    assert len({one.names[0] for one in EVERYDAY}) == len(EVERYDAY)
    assert len(EVERYDAY.classes) == len(set(EVERYDAY.classes)) == 1000
    assert all(id in EVERYDAY for id in EVERYDAY.classes)
    assert all(parent in EVERYDAY for one in EVERYDAY for parent in one.parents)
    (dog,) = EVERYDAY.named("dog")[:1]
    names = [EVERYDAY[id].names[0] for id in EVERYDAY.ancestors(dog.id)]
    assert "animal" in names
    assert "artifact" not in names
    assert not [one.id for one in EVERYDAY if one.id in EVERYDAY.ancestors(one.id)]


def test_graphs_by_name() -> None:
    assert set(LOADERS) == {"everyday", "wordnet", "wn"}
    assert len(load_graph()) == len(EVERYDAY)
    with pytest.raises(UsageError, match="everyday, wordnet, wn"):
        load_graph("conceptnet")


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=40), st.sets(st.integers(0, 12)))
def test_relations_against_a_closure(edges: list[tuple[int, int]], kept: set[int]) -> None:
    """Any graph, circles too, against the transitive closure by brute force."""
    parents: dict[int, list[int]] = {n: [] for n in range(13)}
    for child, parent in edges:
        parents[child].append(parent)
    graph = ConceptGraph(Concept(str(n), (f"thing {n}",), tuple(map(str, above))) for n, above in parents.items())
    closure = {(child, parent) for child, parent in edges if child != parent}
    while more := {(a, d) for a, b in closure for c, d in closure if b == c and a != d} - closure:
        closure |= more
    for n in range(13):
        assert set(graph.ancestors(str(n))) == {str(b) for a, b in closure if a == n}
        assert set(graph.descendants(str(n))) == {str(a) for a, b in closure if b == n}
    if all((b, a) not in closure for a, b in closure):  # without circles, thinning loses no relation
        small = graph.restricted(map(str, kept))
        assert {one.id for one in small} == set(map(str, kept))
        for n in kept:
            assert set(small.ancestors(str(n))) == {str(b) for a, b in closure if a == n and b in kept}


def test_sentences_name_concepts() -> None:
    def named(sentence: str) -> set[str]:
        return {one.names[0] for one in concepts_named(sentence, EVERYDAY)}

    assert {"dog", "grass"} <= named("Two dogs run on the grass.")
    assert "polar bear" in named("a polar bear") or "ice bear" in named("a polar bear")
    assert "bear" not in named("a polar bear")
    assert {"child", "woman", "person"} <= named("Children and women watch some people")
    assert named("it is what it was") == set()
    assert named("") == set()


def dictionary(folder: Path, entries: list[tuple[str, str]]) -> None:
    """The two files of a dictd dictionary."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

    def number(value: int) -> str:
        return (number(value // 64) if value >= 64 else "") + letters[value % 64]

    data, lines = b"", []
    for word, text in entries:
        body = f"{word}\n{text}\n".encode()
        lines.append(f"{word}\t{number(len(data))}\t{number(len(body))}\n")
        data += body
    (folder / "freedict-eng-deu.index").write_text("".join(lines), encoding="utf-8")
    (folder / "freedict-eng-deu.dict.dz").write_bytes(gzip.compress(data))


def test_names_in_other_languages(tmp_path: Path) -> None:
    long = "  1. Hund <masc, n, sg> (Tier), Köter\n" + "     and much more about it\n" * 30
    dictionary(
        tmp_path, [("dog", "  Bandhaken"), ("dog", long), ("polar bear", "  [zool.] Eisbär"), ("odd", "  <n>\n")]
    )
    found = read_dictionary(["dog", "polar bear", "odd", "cat"], "de", tmp_path)
    assert found == {"dog": "Hund", "polar bear": "Eisbär"}
    with pytest.raises(NotFoundError, match="dict-freedict-eng-fra"):
        read_dictionary(["dog"], "fr", tmp_path)
    with pytest.raises(UsageError, match="de, el"):
        read_dictionary(["dog"], "tlh", tmp_path)
