"""WordNets by the `wn` library (Goodman and Bond 2021): `wn download omw-en:1.4 omw-de:1.4` fetches them."""

import re
from importlib import import_module
from pathlib import Path
from typing import Any

from indexer.errors import DependencyError, NotFoundError
from search.knowledge.graph import Concept, ConceptGraph

ENGLISH = "omw-en:1.4"
"""The lexicon whose numbers are WordNet 3.0's."""
_NUMBER = re.compile(r"(\d{8})-n$")


def read_wn(lexicon: str = ENGLISH, languages: tuple[str, ...] = (), folder: Path | None = None) -> ConceptGraph:
    """All nouns of a lexicon that `wn` holds, with their names in other languages by lexicons that it holds too.

    `folder` is where `wn` keeps its data, if not at its usual place. Raises DependencyError where the library is
    missing, NotFoundError where it hasn't the lexicon.
    """
    try:
        wn: Any = import_module("wn")
    except ImportError as error:
        raise DependencyError("Wordnets of the library `wn` need it: `pip install 'pixloom[wordnet]'`.") from error
    before = wn.config.data_directory if folder is not None else None
    try:
        if folder is not None:
            wn.config.data_directory = folder
        net = _lexicon(wn, lexicon)
        others = {language: names for language in languages if (names := _names(wn, language))}
        return ConceptGraph([_concept(synset, others) for synset in net.synsets(pos="n")])
    finally:
        if before is not None:
            wn.config.data_directory = before


def _lexicon(wn: Any, name: str) -> Any:
    try:
        return wn.Wordnet(name, expand="")
    except wn.Error as error:
        raise NotFoundError(f"The library `wn` has no {name}: fetch it with `python -m wn download {name}`.") from error


def _names(wn: Any, language: str) -> dict[str, tuple[str, ...]]:
    """Interlingual number -> nouns of a language; empty where no lexicon of it is here."""
    try:
        net = wn.Wordnet(lang=language, expand="")
    except wn.Error:
        return {}
    return {str(_ili(synset)): tuple(synset.lemmas()) for synset in net.synsets(pos="n") if _ili(synset)}


def _concept(synset: Any, others: dict[str, dict[str, tuple[str, ...]]]) -> Concept:
    ili = str(_ili(synset))
    return Concept(
        _id(synset),
        tuple(synset.lemmas()),
        tuple(_id(parent) for parent in synset.hypernyms()),
        synset.definition() or "",
        {language: names[ili] for language, names in others.items() if ili in names},
    )


def _ili(synset: Any) -> str | None:
    ili = synset.ili
    return None if ili is None else str(getattr(ili, "id", ili))


def _id(synset: Any) -> str:
    found = _NUMBER.search(synset.id)
    return f"n{found[1]}" if found else str(synset.id)
