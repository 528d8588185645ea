"""Folders that are made whole or not at all."""

import shutil
from collections.abc import Callable
from pathlib import Path


def once(folder: Path, fill: Callable[[Path], None]) -> None:
    """Let `fill` write into a new folder, unless it was made before.

    It gets its name when it is complete: what a killed run leaves behind is hidden, and made anew.
    """
    if folder.exists():
        return
    unfinished = folder.with_name(f".{folder.name}")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    try:
        fill(unfinished)
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
