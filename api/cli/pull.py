"""`pixloom models pull`."""

import sys
from typing import Annotated

import typer

from api.cli import home as homes
from api.cli.options import Home, Json
from api.cli.output import note, print_json, say
from api.cli.progress import shown
from api.models import described
from indexer.config import Settings
from indexer.models.licence import accepted, told
from indexer.models.spec import in_bytes
from indexer.pull import named
from indexer.pull import pull as fetch

Name = Annotated[str, typer.Argument(metavar="NAME", help="A model's name, as `pixloom models` lists it.")]
Accept = Annotated[
    bool, typer.Option("--accept-licence", help="You have read a licence that doesn't allow every use, and accept it.")
]


def pull(name: Name, accept_licence: Accept = False, json: Json = False, home: Home = None) -> int:
    """Fetch a model, check it, and keep it; one that was begun is gone on with, a damaged one got again.

    A licence that doesn't allow every use has to be accepted once.
    """
    settings = homes.settings(home=home)
    accept_licence = accept_licence or _asked(name, settings)
    with shown() as on_progress:
        pulled = fetch(name, settings, on_progress, accept_licence=accept_licence)
    spec = pulled.spec
    if json:
        where = {"path": str(pulled.path) if pulled.path else None, "new": pulled.new}
        print_json(described(spec, settings) | where)
        return 0
    if pulled.path is None:
        say(f"{spec.name} is here: it is installed as Python packages ({spec.source}).")
    elif pulled.new:
        say(f"{spec.name} ({in_bytes(spec.size)}) is here now: {pulled.path}")
    else:
        say(f"{spec.name} was here already, and is whole: {pulled.path}")
    if not spec.commercial:
        note(f"Its licence, {spec.licence}, doesn't allow every use.")
    return 0


def _asked(name: str, settings: Settings) -> bool:
    """Whether somebody at a terminal accepts a licence that has to be accepted, and wasn't yet."""
    spec = named(name, settings)
    if accepted(spec, settings) or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    note(told(spec))
    return typer.confirm("Do you accept it?", err=True)
