"""What is learned from: pictures and what is said of them."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from indexer.catalog import Catalog
from indexer.errors import UsageError
from indexer.sources.items import Item

MIN_PICTURES = 64
"""Fewer say nothing that holds for pictures that were not among them."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A picture and what is said of it."""

    path: Path
    captions: tuple[str, ...]


@dataclass(slots=True)
class Pairs:
    """Pictures with captions; `left_out` says of the others how many there were and why."""

    pairs: list[Pair] = field(default_factory=list)
    left_out: dict[str, int] = field(default_factory=dict)
    source: str = ""
    """Where they are from, for the card."""

    @property
    def digest(self) -> str:
        """Changes with any path, caption, file size or time."""
        digest = hashlib.sha256()
        for pair in self.pairs:
            facts = (str(pair.path), pair.captions, stamp(pair.path))
            digest.update(repr(facts).encode("utf-8", "surrogatepass"))
        return digest.hexdigest()


def stamp(path: Path) -> tuple[int, int] | None:
    """Size and time of a file: another stamp is another content. None where there is no file."""
    status = path.stat() if path.exists() else None
    return status and (status.st_size, status.st_mtime_ns)


def pairs_of(items: Iterable[Item], source: str, language: str = "en") -> Pairs:
    """The captioned pictures among a data set's items, by path; captions of one picture come together.

    Raises UsageError where fewer than MIN_PICTURES have captions in `language`.
    """
    captions: dict[Path, dict[str, None]] = {}
    for item in items:
        spoken = [caption.text.strip() for caption in item.captions if caption.language.split("-")[0] == language]
        captions.setdefault(item.path, {}).update(dict.fromkeys(text for text in spoken if text))
    found = Pairs([Pair(path, tuple(texts)) for path, texts in sorted(captions.items()) if texts], source=source)
    if silent := len(captions) - len(found.pairs):
        found.left_out[f"without captions in {language!r}"] = silent
    require_enough(found)
    return found


def pairs_of_catalog(catalog: Catalog, language: str = "en") -> Pairs:
    """The captioned pictures of the collection; UsageError where there are too few."""
    items = []
    after: int | None = None
    while ids := catalog.newest(500, after):
        for id in ids:
            record = catalog.picture(id)
            items.append(Item(Path(record.path), captions=record.captions))
        after = ids[-1]
    return pairs_of(items, "the collection's own captions", language)


def require_enough(pairs: Pairs) -> None:
    """Raise UsageError, saying how many are needed, where there are too few pairs."""
    if len(pairs.pairs) < MIN_PICTURES:
        left = "".join(f"; {count} {why}" for why, count in pairs.left_out.items())
        raise UsageError(
            f"{len(pairs.pairs)} pictures with captions are too few to train on{left}: at least {MIN_PICTURES} are "
            "needed, and some thousands to do well."
        )
