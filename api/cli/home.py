"""Opens the home folder that a command line names."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer
from pydantic import ValidationError

from indexer.collection import Collection
from indexer.config import Settings
from indexer.encoders import load_encoder
from indexer.errors import UsageError


@contextmanager
def opened(context: typer.Context, home: Path | None, **changes: Any) -> Iterator[Collection]:
    """The collection at `home`, or where the settings say; `changes` are other settings, None to leave them."""
    with Collection(settings(home=home, **changes), context.obj or load_encoder) as collection:
        yield collection


def settings(**changes: Any) -> Settings:
    """Settings from the environment with those changes that aren't None; UsageError names the wrong one."""
    try:
        return Settings(**{name: value for name, value in changes.items() if value is not None})
    except ValidationError as error:
        wrong = error.errors()[0]
        name = str(wrong["loc"][0]) if wrong["loc"] else "setting"
        told = f"--{name.replace('_', '-')}" if changes.get(name) is not None else f"PIXLOOM_{name.upper()}"
        raise UsageError(f"{told} is {wrong['input']!r}: {wrong['msg']}.") from error
