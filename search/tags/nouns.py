"""Sentences -> the concepts that they name: for what captions say to be compared with tags."""

import re
from collections.abc import Iterator, Sequence

from search.knowledge.graph import Concept, ConceptGraph
from search.tags.rows import key_of

_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_LONGEST = 3
"""Words of a name."""
_PLURALS = "ses:s xes:x zes:z ches:ch shes:sh men:man ies:y s:"
_ENDINGS = tuple(pair.split(":") for pair in _PLURALS.split())
"""As WordNet's own morphology detaches them from nouns."""
_IRREGULAR = {
    "people": "person", "children": "child", "feet": "foot", "geese": "goose", "mice": "mouse", "leaves": "leaf",
    "teeth": "tooth", "wolves": "wolf", "calves": "calf", "knives": "knife", "shelves": "shelf", "scarves": "scarf",
    "kid": "child", "kids": "child", "guy": "man", "guys": "man", "lady": "woman", "ladies": "woman", "bike": "bicycle",
    "bikes": "bicycle", "bicyclist": "cyclist", "bicyclists": "cyclist",
}  # fmt: skip
_OTHERWISE = """
air back can catch catches climb climbs dive dives drink drinks fall falls fly flies flying front gear ground head heads
jump jumps jumping kick left light look looks match matches middle orange overlook paddle play plays pose poses rest
rests ride rides run runs set sets show shows side skate skates ski skis slide slides sliding smile smiles splash stand
stands surf surfs swing swings swinging throw throws top turn turns view walk walks watch watches watching
"""
"""Words that in captions are mostly no names of things: verbs, places in the picture."""
_SKIPPED = frozenset(_OTHERWISE.split())


def concepts_named(sentence: str, graph: ConceptGraph) -> tuple[Concept, ...]:
    """The concepts that a sentence names, by the longest names that fit, each once, in their order."""
    words = [word.lower() for word in _WORD.findall(sentence)]
    found: dict[str, Concept] = {}
    at = 0
    while at < len(words):
        for length, concept in _fitting(words, at, graph):
            found.setdefault(concept.id, concept)
            at += length
            break
        else:
            at += 1
    return tuple(found.values())


def _fitting(words: Sequence[str], at: int, graph: ConceptGraph) -> Iterator[tuple[int, Concept]]:
    for length in range(min(_LONGEST, len(words) - at), 0, -1):
        name = " ".join(words[at : at + length])
        if name in _SKIPPED:
            continue
        concept = next((named[0] for form in _forms(name) if (named := graph.named(form))), None)
        if concept is not None:
            yield length, concept


def _forms(name: str) -> list[str]:
    """A name and what it may be the plural of."""
    forms = [_IRREGULAR[name]] if name in _IRREGULAR else [name]
    return [*forms, *(key_of(name[: -len(end)] + base) for end, base in _ENDINGS if name.endswith(end) and name != end)]
