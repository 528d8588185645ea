"""A collection of made-up vectors, entered into a real home: for measuring searches, not for finding anything."""

from datetime import datetime
from pathlib import Path

import numpy as np
from sqlalchemy import Connection, insert

from indexer.collection import Collection
from indexer.config import Settings
from indexer.indexes import append_rows, new_index
from indexer.tables import INDEXED, FileRow, PictureRow
from indexer.transactions import bump
from indexer.types import Floats

_CHUNK = 10_000


def unit_vectors(count: int, dimension: int, seed: int = 0, clusters: int = 1000) -> Floats:
    """Clustered unit vectors [count, dimension] float32."""
    random = np.random.default_rng(seed)
    centres = random.standard_normal((clusters, dimension)).astype(np.float32)
    rows = centres[random.integers(0, clusters, count)]
    rows += random.standard_normal(rows.shape, dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def paths(count: int) -> list[str]:
    """File names as a photographer's folders have them."""
    return [f"/photos/{n // 1000:04}/IMG_{n:07}.jpg" for n in range(count)]


def fill(home: Path, vectors: Floats) -> Settings:
    """A home whose catalogue lists one picture and one file for each vector; its settings."""
    settings = Settings(home=home, encoder="stub")
    with Collection(settings) as collection, collection.catalog.database.write() as connection:
        index = new_index(connection, "stub", "stub", vectors.shape[1])
        for start in range(0, len(vectors), _CHUNK):
            some = vectors[start : start + _CHUNK]
            append_rows(connection, settings, index, add_pictures(connection, start, len(some)), some)
        bump(connection, active_index=index.id)
    return settings


def add_pictures(connection: Connection, start: int, count: int) -> list[int]:
    """Enter so many pictures with a file each, numbered from `start`; their ids."""
    ids, names = range(start + 1, start + count + 1), paths(start + count)
    connection.execute(insert(PictureRow), [_picture(id) for id in ids])
    connection.execute(insert(FileRow), [_file(id, names[id - 1]) for id in ids])
    return list(ids)


def _picture(id: int) -> dict[str, object]:
    return {
        "id": id,
        "hash": f"{id:064x}",
        "live": True,
        "removed": False,
        "bytes": 3_000_000,
        "width": 4000,
        "height": 3000,
        "format": "JPEG",
        "phash": id * 0x9E3779B97F4A7C15 % 2**64 - 2**63,  # far apart, as those of different pictures are
        "colours": [],
        "added_at": datetime(2026, 1, 1),
    }


def _file(id: int, path: str) -> dict[str, object]:
    stamp = {"size": 3_000_000, "mtime_ns": id, "sidecar_ns": 0}
    return {"id": id, "path": path, "folder": path.rsplit("/", 1)[0], "state": INDEXED, "picture_id": id, **stamp}
