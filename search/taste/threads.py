"""One thread for the small matrix products of taste: BLAS would wake threads of its own, which spin beside those of
FAISS and cost several times what they save."""

from contextlib import ContextDecorator
from functools import cache
from threading import Lock
from typing import Any


@cache
def _libraries() -> Any:
    # Imported here because it looks through all loaded libraries.
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas")


class OneThread(ContextDecorator):
    """Within it BLAS runs on the calling thread, in the whole process; afterwards as before, once the last of those who
    are within it at the same time has left."""

    _lock = Lock()
    _within = 0
    _limit: Any = None

    def __enter__(self) -> None:
        with OneThread._lock:
            if OneThread._within == 0:
                OneThread._limit = _libraries().limit(limits=1)
            OneThread._within += 1

    def __exit__(self, *_: object) -> None:
        with OneThread._lock:
            OneThread._within -= 1
            if OneThread._within == 0:
                OneThread._limit.restore_original_limits()
