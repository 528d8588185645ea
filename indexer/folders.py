"""Folders that are there whole or not at all."""

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from indexer.database import disk_error


def write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write a folder of files, in place of what was there; HomeError where the disk can't be written."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            draft.chmod(0o755)
            for name, data in files.items():
                (draft / name).write_bytes(data)
            if folder.exists():
                shutil.rmtree(folder)
            draft.rename(folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        raise disk_error(error, folder) from error
