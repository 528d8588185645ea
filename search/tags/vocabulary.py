"""What pictures are tagged with: the everyday concepts that ship, or names of the user's own."""

import csv
import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from indexer.errors import NotFoundError, UsageError
from search.knowledge.everyday import Everyday
from search.knowledge.graph import Concept, ConceptGraph
from search.tags.materials import MATERIALS
from search.tags.rows import LONGEST, key_of

OWN = "own:"
"""How ids of concepts begin that the graph doesn't know; a digest of the name follows."""


@dataclass(frozen=True)
class Vocabulary:
    """Names, each a concept; `graph` has them and all that they are kinds of."""

    concepts: tuple[Concept, ...]
    graph: ConceptGraph
    skipped: tuple[str, ...] = ()
    """What a file had besides, and why it isn't among the names."""

    def __len__(self) -> int:
        return len(self.concepts)

    @cached_property
    def digest(self) -> str:
        """Names the vocabulary: what is in it, in its order."""
        told = [(one.id, one.names[0], one.parents) for one in self.concepts]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]


def own_id(name: str) -> str:
    """The id of a concept that has only a name."""
    return OWN + hashlib.sha256(key_of(name).encode()).hexdigest()[:16]


def everyday_vocabulary(graph: Everyday) -> Vocabulary:
    """All that ships: the everyday concepts, and materials that aren't among them."""
    own = {key_of(one.names[0]) for one in graph}
    more = [Concept(own_id(name), (name,)) for name in MATERIALS if key_of(name) not in own]
    return Vocabulary((*graph, *more), ConceptGraph([*graph, *more]))


def read_vocabulary(path: Path, graph: Everyday) -> Vocabulary:
    """A user's own names: one a line; or CSV with the columns name, parent and languages (`de`); or JSON lines of
    `{"name", "parent", "translations": {"de": "..."}}`.

    A name that `graph` knows is its concept, unless the file gives it another parent. Lines without a usable name, and
    names that came before, are skipped and listed. Raises NotFoundError, UsageError where there is no name at all.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise NotFoundError(f"There is no vocabulary {path}: check the spelling.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The vocabulary {path} can't be read ({error}): it is text in UTF-8.") from error
    entries: dict[str, dict[str, Any]] = {}
    skipped: list[str] = []
    for number, entry in _readable(text, path):
        try:
            key = key_of(str(entry.get("name") or ""))
        except UsageError as error:
            skipped.append(f"line {number}: {error}")
            continue
        if key in entries:
            skipped.append(f"line {number}: {entry['name']} came before")
        else:
            entries[key] = entry
    if not entries:
        raise UsageError(f"The vocabulary {path} holds no names: write one a line.")
    return _vocabulary(entries, graph, tuple(skipped))


def written(vocabulary: Vocabulary, everyday: Everyday) -> str:
    """JSON lines that `read_vocabulary` reads to the same vocabulary."""
    graph, lines = vocabulary.graph, []
    for one in vocabulary.concepts:
        usual = one.id in everyday and everyday[one.id].parents == one.parents  # nobody gave it a parent
        parent = None if usual else next((graph[id].names[0] for id in one.parents if id in graph), None)
        told: dict[str, Any] = {"name": one.names[0]} | ({"parent": parent} if parent else {})
        if one.translations:
            told["translations"] = {language: names[0] for language, names in one.translations.items()}
        lines.append(json.dumps(told, ensure_ascii=False))
    return "\n".join(lines) + "\n"


def _readable(text: str, path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        yield from _entries(text, path.suffix.lower())
    except csv.Error as error:
        raise UsageError(
            f"The vocabulary {path} is no table that can be read ({error}): is a quote not closed?"
        ) from error


def _entries(text: str, suffix: str) -> Iterator[tuple[int, dict[str, Any]]]:
    if suffix in (".jsonl", ".json"):
        for number, line in enumerate(text.splitlines(), 1):
            if line.strip():
                yield number, _json(line)
    elif suffix == ".csv":
        table = csv.DictReader(io.StringIO(text))
        if "name" not in {str(name).strip().lower() for name in table.fieldnames or ()}:
            raise UsageError("The vocabulary's first line names its columns, by commas: one has to be `name`.")
        for number, row in enumerate(table, 2):
            columns = {str(name or "").strip().lower(): str(cell or "").strip() for name, cell in row.items()}
            languages = {name: cell for name, cell in columns.items() if name not in ("name", "parent", "") and cell}
            yield number, {"name": columns.get("name"), "parent": columns.get("parent"), "translations": languages}
    else:
        for number, line in enumerate(text.splitlines(), 1):
            if line.strip() and not line.startswith("#"):
                yield number, {"name": line.strip()}


def _json(line: str) -> dict[str, Any]:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return entry if isinstance(entry, dict) else {"name": entry if isinstance(entry, str) else None}


def _vocabulary(entries: Mapping[str, dict[str, Any]], graph: Everyday, skipped: tuple[str, ...]) -> Vocabulary:
    ids: dict[str, str] = {}
    taken = set[str]()
    for key, entry in entries.items():
        known = graph.named(str(entry["name"]))
        ids[key] = known[0].id if known and known[0].id not in taken else own_id(key)
        taken.add(ids[key])
    named = {key_of(parent): parent for entry in entries.values() if (parent := _text(entry.get("parent")))}
    for key, parent in named.items():  # a parent need not be a name of the vocabulary
        known = graph.named(parent)
        ids.setdefault(key, known[0].id if known else own_id(key))
    skipped = (*skipped, *_without_circles(entries))
    concepts = tuple(_concept(ids[key], entry, ids, graph) for key, entry in entries.items())
    own = {one.id for one in concepts}
    missing = [Concept(ids[key], (parent,)) for key, parent in named.items() if ids[key] not in own]
    above = dict.fromkeys(parent for one in concepts for parent in one.parents if parent in graph)
    above |= dict.fromkeys(ancestor for id in [*above] for ancestor in graph.ancestors(id))
    # Of the everyday concepts only what is above the user's: nobody gave the rest.
    rest = [graph[id] for id in above if id not in own]
    named_only = [one for one in missing if one.id not in above]
    return Vocabulary(concepts, ConceptGraph([*concepts, *named_only, *rest]), skipped)


def _without_circles(entries: Mapping[str, dict[str, Any]]) -> list[str]:
    """Take away the parent of each name that would be a kind of itself; what is said of these."""
    said, safe = [], set[str]()
    for start in entries:
        path: dict[str, None] = {}
        key = start
        while key in entries and key not in safe:
            path[key] = None
            parent = _text(entries[key].get("parent"))
            above = key_of(parent) if parent else ""
            if above in path:
                entries[key]["parent"] = None
                said.append(f"{entries[key]['name']} can't be a kind of {parent}, which is a kind of it")
                break
            key = above
        safe.update(path)
    return said


def _concept(id: str, entry: Mapping[str, Any], ids: Mapping[str, str], graph: Everyday) -> Concept:
    name, parent, told = " ".join(str(entry["name"]).split()), _text(entry.get("parent")), entry.get("translations")
    known = graph.named(name)
    parents = graph[id].parents if id in graph else (known[0].id,) if known else ()
    if parent:
        parents = (ids[key_of(parent)],)
    languages = told.items() if isinstance(told, dict) else ()
    translations = {str(language): (text,) for language, one in languages if (text := _text(one))}
    return Concept(id, (name,), tuple(one for one in parents if one != id), "", translations)


def _text(value: Any) -> str:
    """A name in a file, or '' for what is none."""
    text = " ".join(str(value or "").split())
    return text if len(text) <= LONGEST else ""
