"""Cursors: what was shown on the pages before, written so that it fits into an address."""

import base64
import binascii
import zlib

import numpy as np

from indexer.errors import UsageError
from indexer.types import Ids

MOST = 2000
"""Pictures that a cursor remembers: the last ones."""
LONGEST = 12_000
"""Characters of a cursor."""


def write_cursor(shown: Ids) -> str:
    """A cursor for picture ids [n] in the order in which they were shown."""
    last = np.asarray(shown[-MOST:], "<i4")
    return base64.urlsafe_b64encode(zlib.compress(last.tobytes(), 9)).decode().rstrip("=")


def read_cursor(cursor: str | None) -> Ids:
    """The picture ids that a cursor remembers; UsageError for what is none."""
    if not cursor:
        return np.zeros(0, np.int64)
    try:
        if len(cursor) > LONGEST:
            raise ValueError
        packed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        unpacking = zlib.decompressobj()
        data = unpacking.decompress(packed, 4 * MOST)
        if not unpacking.eof or len(data) % 4:
            raise ValueError
        return np.frombuffer(data, "<i4").astype(np.int64)
    except (ValueError, binascii.Error, zlib.error) as error:
        raise UsageError("The cursor is none that was given: take `next` of the page before, or none.") from error
