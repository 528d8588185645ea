"""`pixloom models pull`."""

from typing import Annotated

import typer

from api.cli import home as homes
from api.cli.options import Home, Json
from api.cli.output import note, print_json, say
from api.cli.progress import shown
from api.models import described
from indexer.models.spec import in_bytes
from indexer.pull import pull as fetch

Name = Annotated[str, typer.Argument(metavar="NAME", help="A model's name, as `pixloom models` lists it.")]


def pull(name: Name, json: Json = False, home: Home = None) -> int:
    """Fetch a model, check it, and keep it; one that was begun is gone on with, a damaged one got again."""
    settings = homes.settings(home=home)
    with shown() as on_progress:
        pulled = fetch(name, settings, on_progress)
    spec = pulled.spec
    if json:
        told = {"path": str(pulled.path) if pulled.path else None, "new": pulled.new}
        print_json(described(spec, settings) | told)
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
