"""What all commands of `pixloom train` ask: which encoder, and where the outcome goes."""

from pathlib import Path

from api.cli.output import note
from indexer.collection import Collection
from indexer.encoders import resolve
from indexer.encoders.checkpoint import Checkpoint, folder_of
from indexer.errors import UsageError


def base_encoder(collection: Collection, asked: str | None) -> str:
    """The encoder whose towers are tuned: the one asked for, or that of the index; of a tuned one, its base."""
    active = collection.catalog.state().index
    name, notice = resolve(asked or (active.encoder if active else collection.settings.encoder), collection.settings)
    note(notice)
    return Checkpoint.read(folder_of(name, collection.settings)).base if name.startswith("lit:") else name


def plain_name(name: str) -> str:
    """A name that can be a folder's; UsageError otherwise."""
    if not name or name != Path(name).name or name.startswith("."):
        raise UsageError(f"--name is {name!r}: choose one that a folder can have, or name a folder with --out.")
    return name


def refuse_other(folder: Path) -> None:
    """UsageError where a folder holds something already."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file: choose another --out.")
    if folder.is_dir() and any(folder.iterdir()):
        raise UsageError(f"{folder} holds something already: choose another --name or --out, or delete it.")
