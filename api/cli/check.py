"""`pixloom check`."""

import typer

from api.cli.home import opened
from api.cli.options import Home, Json
from api.cli.output import note, print_json, say
from api.cli.progress import shown
from indexer.check import check as compare

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def check(context: typer.Context, json: Json = False, home: Home = None) -> int:
    """Compare catalogue, vectors and thumbnails; exit code 1 where they disagree."""
    with opened(context, home) as collection, shown() as on_progress:
        found = compare(collection, on_progress)
    if json:
        counts = {"pictures": found.pictures, "vectors": found.vectors}
        print_json({"ok": found.ok, **counts, "problems": found.problems})
    else:
        say(f"Compared {found.pictures} pictures and {found.vectors} vectors: {'all is well' if found.ok else 'bad'}.")
        for problem in found.problems:
            say(f"  {problem}")
    note(None if found.ok else "`pixloom rebuild` makes anew what is wrong.")
    return 0 if found.ok else 1
