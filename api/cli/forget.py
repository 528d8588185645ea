"""`pixloom forget`."""

from pathlib import Path
from typing import Annotated

import typer

from api.cli.home import opened
from api.cli.options import Home, Json
from api.cli.output import print_json, say
from search.tags.imported import refresh_imported

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def forget(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(help="A folder or file that was indexed; it need not exist any more.")],
    json: Json = False,
    home: Home = None,
) -> int:
    """Take a folder or file out of the collection. The files themselves are left as they are."""
    with opened(context, home) as collection:
        dropped = collection.forget(path)
        refresh_imported(collection)
    if json:
        print_json({"forgotten": dropped})
    else:
        say(f"Forgot {dropped} files of {path}.")
    return 0
