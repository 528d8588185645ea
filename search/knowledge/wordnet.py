"""WordNet's own database files (Miller 1995; format wndb(5WN)), nouns only: Debian's `wordnet-base` has them."""

from collections.abc import Iterator
from pathlib import Path

from indexer.errors import NotFoundError, UsageError
from search.knowledge.graph import Concept, ConceptGraph
from search.tags.rows import key_of

FOLDERS = (Path("/usr/share/wordnet"), Path("/usr/local/share/wordnet"), Path("/opt/local/share/WordNet-3.0/dict"))
"""Where systems keep it."""
_KINDS = {"@", "@i"}
"""Pointers to what a concept is a kind, or an instance, of."""


def find_wordnet() -> Path | None:
    """The folder that holds the files on this machine; None where none does."""
    return next((folder for folder in FOLDERS if (folder / "data.noun").is_file()), None)


def read_wordnet(folder: Path | None = None) -> ConceptGraph:
    """All nouns of the files in a folder, or where systems keep them; senses in WordNet's order, by frequency.

    Raises NotFoundError where there are none, UsageError for files that are something else.
    """
    folder = folder or find_wordnet()
    if folder is None or not (folder / "data.noun").is_file():
        raise NotFoundError(
            f"WordNet's files aren't in {folder or FOLDERS[0]}: install Debian's package wordnet-base, "
            "or name the folder that holds data.noun and index.noun."
        )
    try:
        senses = dict(map(_senses, _lines(folder / "index.noun")))
        return ConceptGraph(map(_concept, _lines(folder / "data.noun")), senses)
    except FileNotFoundError as error:
        raise NotFoundError(f"{error.filename} isn't there: it belongs beside data.noun.") from error
    except (ValueError, IndexError) as error:
        raise UsageError(f"{folder} holds no WordNet database that can be read ({error}).") from error


def _lines(path: Path) -> Iterator[str]:
    # The licence stands before the data, its lines indented.
    with path.open(encoding="utf-8", errors="replace") as lines:
        yield from (line for line in lines if line.strip() and not line.startswith(" "))


def _concept(line: str) -> Concept:
    data, _, gloss = line.partition("|")
    words = data.split()
    count = int(words[3], 16)
    names = tuple(words[4 + 2 * n].replace("_", " ") for n in range(count))
    rest = words[4 + 2 * count :]
    pointers = [rest[1 + 4 * n : 5 + 4 * n] for n in range(int(rest[0]))]
    parents = tuple(f"n{offset}" for kind, offset, part, _ in pointers if kind in _KINDS and part == "n")
    return Concept(f"n{words[0]}", names, parents, gloss.strip())


def _senses(line: str) -> tuple[str, tuple[str, ...]]:
    words = line.split()
    return key_of(words[0]), tuple(f"n{offset}" for offset in words[-int(words[2]) :])
