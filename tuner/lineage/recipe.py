"""How an outcome was made: all that is needed to make it again."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from typing import Any

import indexer
from indexer.errors import UsageError


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


@dataclass(frozen=True, slots=True)
class Recipe:
    """One operation on one picture. The same recipe on the same contents gives the same pixels."""

    operation: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Every parameter, `method` resolved to the one that was used; values that JSON has."""
    references: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Parameter that names pictures or masks -> hashes of their contents (BLAKE2b, 32 bytes, hexadecimal)."""
    model: str | None = None
    """Name of the model that was used, as `pixloom models` lists it."""
    model_sha256: str | None = None
    seed: int = 0
    parent: str | None = None
    """Hash of the content that it was made from; None where it was made from nothing."""
    parent_id: int | None = None
    """Its id in the collection, if it was in one."""
    software: str = f"Pixloom {indexer.__version__}"
    created_at: str = field(default_factory=_now)
    """ISO 8601, in UTC."""

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        values = asdict(self)
        values["parameters"] = dict(self.parameters)
        values["references"] = {name: list(hashes) for name, hashes in self.references.items()}
        return values

    def same(self, other: "Recipe") -> bool:
        """Whether both make the same pixels, whenever and by whichever version they were written."""
        mine, theirs = self.to_dict(), other.to_dict()
        return all(mine[name] == theirs[name] for name in mine if name not in ("software", "created_at"))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Recipe":
        """The way back; what a later version may have added is left out. UsageError for what is no recipe."""
        known = {one.name: values[one.name] for one in fields(cls) if one.name in values}
        texts, may_lack = ("operation", "software", "created_at"), ("model", "model_sha256", "parent")
        whole, maps = (known.get("seed", 0), known.get("parent_id") or 0), ("parameters", "references")
        sound = (
            all(isinstance(known.get(name, ""), str) for name in texts)
            and all(isinstance(known.get(name) or "", str) for name in may_lack)
            and all(isinstance(number, int) for number in whole)
            and all(isinstance(known.get(name, {}), Mapping) for name in maps)
            and all(isinstance(hashes, list | tuple) for hashes in known.get("references", {}).values())
        )
        if not sound or not known.get("operation"):
            raise UsageError("This is no recipe of Pixloom's: it names no operation, or has values of a wrong kind.")
        known["references"] = {name: tuple(hashes) for name, hashes in known.get("references", {}).items()}
        return cls(**known)
