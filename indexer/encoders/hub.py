"""The model hub: whether it answers, what is cached of it, and loading without asking it."""

import os
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from huggingface_hub import constants, try_to_load_from_cache

WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.safetensors", "open_clip_pytorch_model.bin")
"""What open_clip looks for in a repository when no file is named."""
_REFUSALS = (403, 407)


def reachable(timeout: float, url: str | None = None) -> bool:
    """Whether the hub (or the server of `url`) answers within `timeout` seconds.

    The question is asked in a daemon thread: neither a hanging name server nor a proxy can hold it up.
    Of the hub always False where HF_HUB_OFFLINE is set.
    """
    if constants.HF_HUB_OFFLINE and url is None:
        return False
    answers: list[bool] = []
    target = url or constants.ENDPOINT
    thread = threading.Thread(target=lambda: answers.append(_answers(target, timeout)), daemon=True)
    thread.start()
    thread.join(timeout)
    return answers == [True]


def _answers(url: str, timeout: float) -> bool:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=timeout):
            return True
    except urllib.error.HTTPError as error:  # a server that answers; but a proxy's refusal isn't the hub
        error.close()
        return error.code < 500 and error.code not in _REFUSALS
    except (OSError, ValueError):
        return False


def cached(repository: str, filename: str = "") -> bool:
    """Whether a repository's file is in the hub's local cache; any of open_clip's weights by default."""
    names = _alternatives(filename) if filename else WEIGHTS
    return any(isinstance(try_to_load_from_cache(repository, name), str) for name in names)


def folder(repository: str) -> Path:
    """Where the hub's client keeps what it has of a repository; it need not exist."""
    return Path(constants.HF_HUB_CACHE) / f"models--{repository.replace('/', '--')}"


def begun(repository: str) -> bool:
    """Whether anything of a repository is in the local cache, whole or not."""
    return any(names for part in ("blobs", "snapshots") for _, _, names in os.walk(folder(repository) / part))


def _alternatives(filename: str) -> tuple[str, ...]:
    stem, dot, suffix = filename.rpartition(".")
    return (f"{stem}.safetensors", filename) if dot and suffix in ("bin", "pth") else (filename,)


@contextmanager
def offline() -> Iterator[None]:
    """Within it, the hub's client uses its cache and asks no server (it retries for 24 s otherwise)."""
    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before
