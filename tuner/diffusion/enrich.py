"""A prompt enriched by what the collection's pictures of it show: their tags, told apart by what is a kind of what."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from search.knowledge import load_graph
from search.knowledge.graph import ConceptGraph
from tuner.creative.compose import quoted
from tuner.work import Pictures

_RETRIEVED = 24
"""Pictures that the prompt finds whose tags are looked at."""
_USUAL = 400
"""Pictures that say which tags are usual in the collection."""
_SHARE = 0.25
"""Part of the retrieved pictures that must have a tag."""
_LIFT = 1.5
"""How many times as frequent it must be among them as in the collection: what all pictures have says nothing."""
_MOST = 5
"""Words that are added at most."""
_LONGEST_NAME = 4
"""Words that a thing's name may have."""


def enriched(prompt: str, pictures: Pictures) -> str:
    """The prompt, and after it what pictures that it retrieves have in common; as it is where that is nothing.

    The same for the same collection. What the prompt says already, in other words or more exactly, is left out.
    """
    found = pictures.find(quoted(prompt), _RETRIEVED)
    if not found:
        return prompt
    added = telling(prompt, pictures.tags(found), pictures.tags(pictures.newest(_USUAL)), load_graph())
    return ", ".join([prompt, *added])


def telling(
    prompt: str, retrieved: Sequence[Sequence[str]], usual: Sequence[Sequence[str]], graph: ConceptGraph
) -> list[str]:
    """Tags that tell of the retrieved pictures what the prompt doesn't, the most frequent first.

    `retrieved` and `usual` have the tags of each picture: of those that the prompt finds, and of the collection's.
    """
    counts, background = _shares(retrieved), _shares(usual)
    said = _said(prompt, graph)
    words = set(_words(prompt))
    chosen = [
        name
        for name, share in sorted(counts.items(), key=lambda one: (-one[1], one[0]))
        if share >= _SHARE
        and share >= _LIFT * background.get(name, 0.0)
        and not set(_words(name)) <= words
        and not any(graph.is_a(told, id) for id in _ids(name, graph) for told in said)
    ]
    kinds = {name: _ids(name, graph) for name in chosen}
    exact = [
        name
        for name in chosen
        if not any(graph.is_a(other, id) for id in kinds[name] for one in chosen if one != name for other in kinds[one])
    ]
    return exact[:_MOST]


def _shares(tags: Sequence[Sequence[str]]) -> dict[str, float]:
    counts = Counter(name for names in tags for name in set(names))
    return {name: count / len(tags) for name, count in counts.items()}


def _said(prompt: str, graph: ConceptGraph) -> set[str]:
    """Ids of the things that a prompt names, each in its most usual sense."""
    words = _words(prompt)
    spans = (
        " ".join(words[start : start + length])
        for length in range(1, _LONGEST_NAME + 1)
        for start in range(len(words) - length + 1)
    )
    return {id for span in spans for id in _ids(span, graph)}


def _ids(name: str, graph: ConceptGraph) -> tuple[str, ...]:
    named: Iterable[str] = (concept.id for concept in graph.named(name)[:1])
    return tuple(named)


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())
