"""`pixloom serve`."""

import errno
import socket
from typing import Annotated

import typer
import uvicorn

from api.app import create_app
from api.cli.home import opened
from api.cli.options import Home, Json
from api.cli.output import note, print_json
from indexer.encoders import load_encoder
from indexer.errors import UsageError
from tuner.jobs.worker import START

app = typer.Typer(add_completion=False, rich_markup_mode=None)
LOOPBACK = ("localhost", "127.0.0.1", "::1")


@app.command()
def serve(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen at; 0 takes a free one.")] = 8000,
    worker: Annotated[bool, typer.Option(help="Work on jobs as well; without, `pixloom worker` does.")] = True,
    json: Json = False,
    home: Home = None,
) -> int:
    """Answer over HTTP until Ctrl-C: the page at /, the interface's description at /openapi.json."""
    with opened(context, home) as collection:  # what is wrong with the home folder is said before anything starts
        settings = collection.settings
    listener = _listen(host, port)
    local = host in LOOPBACK
    hosts, start = LOOPBACK if local else None, START if worker else None
    server = create_app(settings, context.obj or load_encoder, hosts=hosts, start=start)
    url = f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"
    if json:
        print_json({"url": url})
    if not local:
        note(f"Whoever can reach {host} can see, add and remove pictures: there is no sign-in yet.")
    note(f"Pixloom is at {url} (Ctrl-C stops it).")
    config = uvicorn.Config(server, log_level="warning", timeout_graceful_shutdown=5)
    running = uvicorn.Server(config)
    server.state.stopping = lambda: running.should_exit
    with listener:
        running.run(sockets=[listener])
    return 0


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise UsageError(f"Port {port} of {host} is in use: choose another with --port.") from error
        raise UsageError(f"Can't listen at {host} port {port}: {error.strerror or error}.") from error
