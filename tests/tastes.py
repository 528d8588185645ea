"""Collections of made-up vectors, entered into a real catalogue: tastes need more pictures than are quickly painted."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
from sqlalchemy import insert

from indexer.collection import Collection
from indexer.indexes import append_rows, new_index
from indexer.tables import INDEXED, FileRow, PictureRow
from indexer.transactions import bump
from indexer.types import Floats
from tests.toys import ToyEncoder

KINDS = 8
EACH = 30
"""Pictures of each kind: those of kind n have ids from n * EACH + 1."""


def kinds(count: int = KINDS, each: int = EACH, seed: int = 0) -> Floats:
    """Unit vectors [count * each, 16]: `count` kinds of picture, `each` of every kind."""
    random = np.random.default_rng(seed)
    centres = np.eye(16, dtype=np.float32)[:count]
    rows = np.repeat(centres, each, axis=0) + 0.14 * random.standard_normal((count * each, 16)).astype(np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def kind_of(id: int) -> int:
    """The kind of a picture."""
    return (id - 1) // EACH


def fill(collection: Collection, vectors: Floats, days: Sequence[float] | None = None) -> list[int]:
    """Enter a picture with a file for each vector [n, 16], added so many days ago (400 otherwise); their ids."""
    ids = list(range(1, len(vectors) + 1))
    now = datetime.now(UTC).replace(tzinfo=None)
    added = [now - timedelta(days=400 if days is None else days[id - 1]) for id in ids]
    with collection.catalog.database.write() as connection:
        index = new_index(connection, ToyEncoder.name, ToyEncoder.fingerprint, vectors.shape[1])
        connection.execute(insert(PictureRow), [_picture(id, at) for id, at in zip(ids, added, strict=True)])
        connection.execute(insert(FileRow), [_file(id) for id in ids])
        append_rows(connection, collection.settings, index, ids, vectors)
        bump(connection, active_index=index.id)
    return ids


def _picture(id: int, added: datetime) -> dict[str, object]:
    return {
        "id": id,
        "hash": f"{id:064x}",
        "live": True,
        "removed": False,
        "bytes": 1,
        "width": 1,
        "height": 1,
        "format": "PNG",
        "phash": id * 0x9E3779B97F4A7C15 % 2**64 - 2**63,
        "colours": [],
        "added_at": added,
    }


def _file(id: int) -> dict[str, object]:
    stamp = {"size": 1, "mtime_ns": id, "sidecar_ns": 0}
    return {"id": id, "path": f"/made/up/{id}.png", "folder": "/made/up", "state": INDEXED, "picture_id": id, **stamp}
