"""The concept graph: things that have names, and what each is a kind of."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from search.tags.rows import key_of


@dataclass(frozen=True, slots=True)
class Concept:
    """A thing that has names. Its id is WordNet 3.0's where it is one of WordNet's: `n02084071`."""

    id: str
    names: tuple[str, ...]
    """The usual one first."""
    parents: tuple[str, ...] = ()
    """Ids of what it is a kind of."""
    gloss: str = ""
    translations: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    """ISO 639 code -> names in that language, the usual one first."""


class ConceptGraph:
    """Concepts by id, and the questions that their relation `kind of` answers. It never changes."""

    def __init__(self, concepts: Iterable[Concept], senses: Mapping[str, tuple[str, ...]] | None = None) -> None:
        """Parents that aren't among the concepts are left out. `senses` has, for names (as `key_of` gives them), the
        ids that bear them, the most usual first; without it, the order of the concepts decides."""
        given = {concept.id: concept for concept in concepts}
        self._concepts = given
        self._senses = senses

    def __len__(self) -> int:
        return len(self._concepts)

    def __iter__(self) -> Iterator[Concept]:
        return iter(self._concepts.values())

    def __contains__(self, id: object) -> bool:
        return id in self._concepts

    def __getitem__(self, id: str) -> Concept:
        return self._concepts[id]

    def named(self, name: str) -> tuple[Concept, ...]:
        """The concepts that bear a name, the most usual sense first; () where there is none."""
        return tuple(self._concepts[id] for id in self.senses.get(key_of(name), ()) if id in self._concepts)

    @cached_property
    def senses(self) -> Mapping[str, tuple[str, ...]]:
        """Name, as `key_of` gives it -> ids."""
        if self._senses is not None:
            return self._senses
        senses: dict[str, list[str]] = {}
        for concept in self:
            for name in concept.names:
                senses.setdefault(key_of(name), []).append(concept.id)
        return {name: tuple(dict.fromkeys(ids)) for name, ids in senses.items()}

    @cached_property
    def children(self) -> Mapping[str, tuple[str, ...]]:
        """Id -> ids of its kinds; without those that have none."""
        children: dict[str, list[str]] = {}
        for concept in self:
            for parent in concept.parents:
                if parent in self:
                    children.setdefault(parent, []).append(concept.id)
        return {id: tuple(kinds) for id, kinds in children.items()}

    def ancestors(self, id: str) -> tuple[str, ...]:
        """All that a concept is a kind of, the nearest first; () for an id that isn't here."""
        return self._reached(id, lambda one: self._concepts[one].parents)

    def descendants(self, id: str) -> tuple[str, ...]:
        """All its kinds, the nearest first."""
        return self._reached(id, lambda one: self.children.get(one, ()))

    def is_a(self, id: str, other: str) -> bool:
        """Whether a concept is another, or a kind of it."""
        return id == other or other in self.ancestors(id)

    def restricted(self, ids: Iterable[str]) -> "ConceptGraph":
        """The graph of some concepts only; a parent that is left out is replaced by its nearest that are kept."""
        kept = dict.fromkeys(id for id in ids if id in self)
        return ConceptGraph(
            Concept(one.id, one.names, self._kept_parents(one.id, kept), one.gloss, one.translations)
            for one in map(self.__getitem__, kept)
        )

    def _kept_parents(self, id: str, kept: Mapping[str, None]) -> tuple[str, ...]:
        # Upwards no further than to what is kept; and what another of those is a kind of says nothing more.
        met = self._reached(id, lambda one: self._concepts[one].parents if one == id or one not in kept else ())
        nearest = [one for one in met if one in kept]
        return tuple(one for one in nearest if not any(self.is_a(other, one) for other in nearest if other != one))

    def _reached(self, id: str, following: Callable[[str], Iterable[str]]) -> tuple[str, ...]:
        """Breadth first; a relation that runs in a circle does no harm."""
        if id not in self:
            return ()
        reached: dict[str, None] = {}
        front = [id]
        while front:
            found = dict.fromkeys(one for before in front for one in following(before) if one in self)
            front = [one for one in found if one not in reached and one != id]
            reached.update(dict.fromkeys(front))
        return tuple(reached)
