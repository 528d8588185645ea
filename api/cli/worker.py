"""`pixloom worker`."""

import contextlib
from threading import Event

import typer

from api.cli.home import opened
from api.cli.index import terminate_like_ctrl_c
from api.cli.options import Home, Json
from api.cli.output import note, print_json
from indexer.encoders import load_encoder
from tuner.jobs.queue import Queue
from tuner.jobs.worker import START, Worker

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def worker(context: typer.Context, json: Json = False, home: Home = None) -> int:
    """Work on jobs until Ctrl-C, beside `pixloom serve` or on another machine with the same catalogue and pictures."""
    with opened(context, home) as collection, contextlib.closing(Queue(collection.settings)) as queue:
        database, settings = collection.catalog.database, collection.settings
        made = Worker(database, settings, queue, load=context.obj or load_encoder, start=START)
        with terminate_like_ctrl_c(), contextlib.suppress(KeyboardInterrupt), made:
            if json:
                print_json({"worker": str(settings.home)})
            note(f"Working on the jobs of {settings.home} (Ctrl-C stops it).")
            Event().wait()
    note("Stopped: what was worked on is begun again by the next worker.")
    return 0
