"""The command line, `pixloom COMMAND`.

Exit codes: 0 done; 1 done, with failures listed; 2 wrong use, a clear refusal or an error nobody
foresaw; 130 stopped by Ctrl-C; 141 the reader of the output went away. A command's module is
imported when the command runs, so that `pixloom --help` is quick; what this file imports must be light.
"""

import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from api.cli.failure import STOPPED as STOPPED
from api.cli.failure import failed, stopped
from api.cli.packages import check_packages

if TYPE_CHECKING:
    from indexer.config import Settings
    from indexer.types import Encoder

COMMANDS = {
    "index": ("api.cli.index", "Read folders and files into the collection, or look again at all that were."),
    "import": ("api.cli.importing", "Read a data set: its pictures, and what it says of them."),
    "search": ("api.cli.search", "Find pictures by words, pictures, or both."),
    "similar": ("api.cli.similar", "Find the pictures most like one."),
    "tags": ("api.cli.tags", "Show the tags of pictures or of all, write them to sidecars, export them."),
    "tag": ("api.cli.tag", "Teach tags, give and take them off, rename, merge, forbid and translate them."),
    "like": ("api.cli.feedback", "Note that a person likes a picture."),
    "dislike": ("api.cli.feedback", "Note that a person dislikes a picture."),
    "hide": ("api.cli.feedback", "Note that a person never wants to see a picture again."),
    "recommend": ("api.cli.recommend", "Show pictures that a person hasn't seen and may like."),
    "taste": ("api.cli.taste", "Show a person's interests, and steer them."),
    "feed": ("api.cli.feed", "Show what was photographed on this day of earlier years."),
    "operations": ("api.cli.operations", "List what can be made from pictures, with parameters and cost."),
    "tune": ("api.cli.tune", "Make something of pictures: enhance, repair, restyle or compose them."),
    "generate": ("api.cli.generate", "Make pictures of what you say, and rank them."),
    "edits": ("api.cli.edits", "Show what was made from a picture, and how it was made itself."),
    "status": ("api.cli.status", "Say what the collection holds and what couldn't be read."),
    "forget": ("api.cli.forget", "Take a folder out of the collection; its files are left as they are."),
    "check": ("api.cli.check", "Compare catalogue, vectors and thumbnails."),
    "rebuild": ("api.cli.rebuild", "Make anew what `check` found wrong."),
    "serve": ("api.cli.serve", "Answer over HTTP, with a page to search from."),
    "worker": ("api.cli.worker", "Work on jobs beside the server, or instead of it."),
    "jobs": ("api.cli.jobs", "List jobs, say how far one is, cancel it, or do it again."),
    "evaluate": ("api.cli.evaluate", "Measure how well an encoder finds and names pictures."),
    "train": ("api.cli.train", "Tune models to your own pictures."),
    "models": ("api.cli.models", "List the models that are known, say which suit this machine, and fetch them."),
    "demo": ("api.cli.demo", "Gather real pictures, index them and ask some questions."),
}
"""Command -> the module whose `app` it is, and its line in the help."""

BROKEN_PIPE = 141


class LazyGroup(TyperGroup):
    """Lists commands from their table, and imports the one that is asked for."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Replace the placeholder, by which the help knows the command, with the command itself."""
        name, placeholder, rest = super().resolve_command(ctx, args)
        if placeholder is None or name is None:
            return name, placeholder, rest
        check_packages()
        command = typer.main.get_command(import_module(COMMANDS[name][0]).app)
        command.name = name
        return name, command, rest


def main(args: Sequence[str] | None = None, load: "Callable[[str, Settings], Encoder] | None" = None) -> int:
    """Run a command line (the process's own by default) and give its exit code.

    `load` turns an encoder's name into the encoder; tests pass a small one.
    """
    words = list(sys.argv[1:] if args is None else args) or ["--help"]
    try:
        _tolerate_odd_names()
        group = _group()
        with group.make_context("pixloom", words, obj=load) as context:
            code = int(group.invoke(context) or 0)
        sys.stdout.flush()
    except typer.Exit as stop:
        return stop.exit_code
    except BrokenPipeError:
        _silence_output()
        return BROKEN_PIPE
    except KeyboardInterrupt:
        return stopped(words)
    except Exception as error:
        return failed(error, words)
    return code


def _group() -> TyperGroup:
    app = typer.Typer(cls=LazyGroup, add_completion=False, rich_markup_mode=None, help=_HELP)
    app.callback()(_options)
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup), "a Typer with a callback is a group"
    for name, (_, line) in COMMANDS.items():
        group.add_command(TyperCommand(name, help=line), name)
    return group


_HELP = "Search and recommend pictures by meaning: `pixloom index ~/Pictures`, then `pixloom search a dog`."


def _print_version(wanted: bool) -> None:
    if wanted:
        try:
            typer.echo(version("pixloom"))
        except PackageNotFoundError:
            typer.echo("not installed: run from a clone")
        raise typer.Exit()


def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """What may stand before the command."""


def _tolerate_odd_names() -> None:
    # A terminal whose encoding lacks a character of some path shows an escape instead of failing.
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure:
            reconfigure(errors="backslashreplace")


def _silence_output() -> None:
    # What is still buffered would raise again when the interpreter ends.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
