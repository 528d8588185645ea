"""Gathers real pictures for a first look, with their licences: what packages bring, and what Debian has."""

import shutil
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from api.demo import debian
from api.demo.once import once
from indexer.database import disk_error
from indexer.images import is_picture_name

BUNDLED = {"scikit-image": ("skimage", "data"), "scikit-learn": ("sklearn", "datasets/images")}
"""Distribution -> its package, and the folder in it that holds pictures."""
_DRAWN = {"chessboard_GRAY", "chessboard_RGB", "color", "horse", "logo", "multipage", "multipage_rgb", "phantom"}
"""Test patterns and masks among them; and one that is too small to make anything of:"""
_TINY = {"no_time_for_that_tiny"}


def gather(folder: Path, say: Callable[[str], None]) -> None:
    """Fill `folder` with pictures, one subfolder for each source; what is there already stays as it is.

    Sources that can't be had are left out, and `say` gets a sentence why. Raises DiskFullError,
    HomeError where the folder can't be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, (package, inside) in BUNDLED.items():
            source = _bundled(package, inside)
            if source is None:
                say(f"Left out: the pictures of {name}, which is not installed.")
            else:
                once(folder / name, partial(_copy, source))
        debian.gather(folder, say)
    except OSError as error:
        raise disk_error(error, folder) from error


def _bundled(package: str, inside: str) -> Path | None:
    spec = find_spec(package)  # finds it without importing it, which takes a second
    return Path(spec.origin).parent / inside if spec and spec.origin else None


def _copy(source: Path, folder: Path) -> None:
    for path in sorted(source.iterdir()):
        picture = is_picture_name(path.name) and path.stem not in _DRAWN | _TINY
        if picture or path.name == "README.txt":
            shutil.copyfile(path, folder / path.name)
