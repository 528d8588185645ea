"""The one place where an error becomes a sentence on stderr, a document for scripts, and an exit code."""

import os
import traceback
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import typer

from api.cli.output import print_json
from api.problems import document, problem
from indexer.errors import PixloomError

REFUSED, STOPPED = 2, 130


def failed(error: Exception, args: Sequence[str]) -> int:
    """Say what went wrong; with `--json` among the arguments also as a problem document on stdout."""
    told = _describe(error)
    if os.environ.get("PIXLOOM_DEBUG"):
        typer.echo("".join(traceback.format_exception(error)), err=True, nl=False)
    with suppress(OSError):  # it may be that nothing can be written at all
        typer.echo(f"pixloom: {told['detail']}", err=True)
        if "--json" in _options(args):
            print_json(told)
    return REFUSED


def stopped(args: Sequence[str]) -> int:
    """Say that Ctrl-C was heard."""
    typer.echo("Stopped.", err=True)
    if "--json" in _options(args):
        print_json(document(499, "Stopped", "Stopped by Ctrl-C."))
    return STOPPED


def _describe(error: Exception) -> dict[str, Any]:
    if isinstance(error, PixloomError):
        return problem(error)
    if isinstance(error, typer.TyperException):
        return document(400, "The command line is wrong", _usage(error))
    detail = f"Something unforeseen went wrong ({_line(error)}). Set PIXLOOM_DEBUG=1 to see where, and report it."
    return document(500, "Internal error", detail)


def _usage(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "pixloom"
    return f"{error.format_message().strip().rstrip('.')}. See `{command} --help`."


def _line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]


def _options(args: Sequence[str]) -> Sequence[str]:
    return args[: args.index("--")] if "--" in args else args
