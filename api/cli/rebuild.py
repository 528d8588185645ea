"""`pixloom rebuild`."""

import typer

from api.cli.home import opened
from api.cli.index import as_dict
from api.cli.options import Home, Json
from api.cli.output import duration, print_json, say
from api.cli.progress import shown
from indexer.rebuild import rebuild as make_anew

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def rebuild(context: typer.Context, json: Json = False, home: Home = None) -> int:
    """Make the index anew from its sound vectors, read again the pictures of the others, and compact it."""
    with opened(context, home) as collection:
        with shown() as on_progress:
            report = make_anew(collection, on_progress)
        vectors = collection.status()["index"]["vectors"]
    if json:
        print_json(as_dict(report) | {"vectors": vectors})
    else:
        say(f"The index stands with {vectors} vectors; {report.embedded} of them were read anew.")
        say(f"It took {duration(report.seconds)}." if report.embedded else "No picture had to be read again.")
        for path, reason in report.failed:
            say(f"  {path}: {reason}")
    return 1 if report.failed else 0
