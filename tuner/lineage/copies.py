"""The near-copy guard: whether an outcome nearly equals a picture of the collection that it wasn't made from."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from indexer.look import hamming
from indexer.tables import PictureRow
from indexer.types import Floats, Ids
from search.taste.variety import SAME, SAME_BITS

PERHAPS_BITS, PERHAPS = 10, 0.9
"""Bits of the perceptual hashes and cosine of the vectors that are enough together.

Of 179,700 pairs of different pictures of Flickr8k none had hashes as near, nor vectors as near, with the embedded
encoder; of pictures saved as JPEG at quality 60, 93 % had both and all had hashes within SAME_BITS.
"""
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class NearCopy:
    """A picture of the collection that an outcome nearly equals."""

    id: int
    distance: int
    """Bits of 64 in which their perceptual hashes differ."""
    cosine: float
    """Of their vectors."""


def near_copies(
    connection: Connection,
    phash: int,
    vector: Floats,
    candidates: tuple[Ids, Floats],
    parents: Collection[int] = (),
) -> list[NearCopy]:
    """Pictures among the candidates that an outcome nearly equals, the nearest first; none that it was made from.

    `phash` and the unit-norm `vector` are the outcome's (indexer.look, the collection's encoder); `candidates` are the
    pictures most like it and their vectors, as `Pictures.similar` and `Pictures.stored` give them. Nearly equal are
    hashes within SAME_BITS, vectors from SAME on, or both within the wider bounds of PERHAPS. The hash 0, which
    pictures of one colour share, says nothing.
    """
    ids, vectors = candidates
    hashes = _hashes(connection, [int(id) for id in ids])
    found = []
    for id, other in zip(ids.tolist(), vectors, strict=True):
        if id in parents or id not in hashes:
            continue
        distance = hamming(phash, hashes[id]) if phash and hashes[id] else 64
        cosine = float(other @ vector)
        near = distance <= SAME_BITS or cosine >= SAME or (distance <= PERHAPS_BITS and cosine >= PERHAPS)
        if near:
            found.append(NearCopy(id, distance, cosine))
    return sorted(found, key=lambda one: (-one.cosine, one.distance))


def warning(copies: Sequence[NearCopy]) -> str | None:
    """One line for the user about near copies; None where there are none."""
    if not copies:
        return None
    names = ", ".join(f"#{one.id}" for one in copies[:3]) + (" and others" if len(copies) > 3 else "")
    return f"The outcome nearly equals {names}, which it wasn't made from: look at both before you use it as new."


def _hashes(connection: Connection, ids: Sequence[int]) -> dict[int, int]:
    """Perceptual hashes of those that are in the collection now."""
    hashes: dict[int, int] = {}
    for start in range(0, len(ids), _AT_ONCE):
        some = PictureRow.id.in_(ids[start : start + _AT_ONCE])
        query = select(PictureRow.id, PictureRow.phash).where(some, PictureRow.live)
        hashes.update((row.id, row.phash) for row in connection.execute(query))
    return hashes
