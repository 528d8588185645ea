"""`pixloom models`."""

from dataclasses import asdict

import typer

from api.cli.home import opened
from api.cli.options import Home, Json
from api.cli.output import print_json, table
from indexer.models import ENCODERS

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def models(context: typer.Context, json: Json = False, home: Home = None) -> int:
    """List the models that are known; a star marks the one that made the index."""
    with opened(context, home) as collection:
        index = collection.catalog.state().index
    active = index.encoder if index else None
    if json:
        print_json({"models": [asdict(spec) | {"active": spec.name == active} for spec in ENCODERS]})
        return 0
    rows: list[tuple[str, ...]] = [
        (
            "*" if spec.name == active else "",
            spec.name,
            spec.task,
            spec.licence,
            _size(spec.size),
            spec.speed,
            spec.note,
        )
        for spec in ENCODERS
    ]
    if active and not any(spec.name == active for spec in ENCODERS):
        rows.insert(0, ("*", active, "encoder", "", "", "", "made the index; not in this list"))
    table(("", "name", "task", "licence", "download", "speed", "note"), rows)
    return 0


def _size(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"
