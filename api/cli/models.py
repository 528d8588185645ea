"""`pixloom models`, and what can be done with one of them."""

from collections.abc import Callable
from typing import Annotated, Any

import typer

from api.cli.home import opened
from api.cli.options import Home, Json
from api.cli.output import note, print_json, say, table
from api.cli.pull import pull
from api.cli.switch import drop, rollback, switch
from api.models import described
from indexer.config import Settings
from indexer.errors import UsageError
from indexer.models import TASKS
from indexer.models.machine import Machine, this_machine
from indexer.models.rank import Suited, rank
from indexer.models.shelf import here, listed
from indexer.models.spec import ModelSpec, in_bytes

SUBCOMMANDS: dict[str, Callable[..., int]] = {
    "pull": pull,
    "switch": switch,
    "rollback": rollback,
    "drop": drop,
}
"""`pixloom models NAME ...` -> the function whose parameters are its own."""

app = typer.Typer(add_completion=False, rich_markup_mode=None, invoke_without_command=True)
for _name, _function in SUBCOMMANDS.items():
    app.command(_name)(_function)

ForTask = Annotated[
    str | None,
    typer.Option("--for", metavar="TASK", help=f"Those for a task, best for this machine first: {', '.join(TASKS)}."),
]
_COLUMNS = ("", "name", "task", "licence", "size", "memory", "speed", "languages", "from", "here", "used by")


@app.callback()
def models(context: typer.Context, task: ForTask = None, json: Json = False, home: Home = None) -> int:
    """List the models that are known; a star marks the one that made the index, ~ what is an estimate."""
    if context.invoked_subcommand is not None:
        if json or home or task:
            raise UsageError(f"Options stand behind the command: pixloom models {context.invoked_subcommand} ...")
        return 0
    if task is not None and task not in TASKS:
        raise UsageError(f"--for is {task!r}: there is no such task. Valid: {', '.join(TASKS)}.")
    with opened(context, home) as collection:
        index = collection.catalog.state().index
    active, settings = index.encoder if index else None, collection.settings
    if task is None:
        _list(settings, active, json)
    else:
        _suited(task, settings, active, json)
    return 0


def _list(settings: Settings, active: str | None, json: bool) -> None:
    specs = listed(settings)
    if json:
        print_json({"models": [described(spec, settings, active) for spec in specs]})
        return
    rows: list[tuple[object, ...]] = [_row(spec, settings, active) for spec in specs]
    if active and not any(spec.name == active for spec in specs):
        rows.insert(0, ("*", active, "encoder", "", "", "", "", "", "", "", "search"))
    table(_COLUMNS, rows)


def _row(spec: ModelSpec, settings: Settings, active: str | None) -> tuple[object, ...]:
    def told(field: str, value: str) -> str:
        return f"~{value}" if value and field in spec.unverified else value

    return (
        "*" if spec.name == active else "",
        spec.name,
        spec.task,
        told("licence", spec.licence),
        told("size", in_bytes(spec.size)),
        told("memory", in_bytes(spec.memory) if spec.memory else ""),
        told("speed", spec.speed),
        told("languages", spec.languages),
        _source(spec),
        here(spec, settings),
        spec.used_by or "nothing yet",
    )


def _source(spec: ModelSpec) -> str:
    match spec.origin:
        case "hub":
            return f"hub {spec.source}"
        case "url":
            return spec.source.split("/")[2]
        case "package":
            return f"package {spec.source.split('>=')[0]}"
        case "dependency":
            return f"pip {spec.source}"
        case "trained":
            return "trained here"


def _suited(task: str, settings: Settings, active: str | None, json: bool) -> None:
    machine = this_machine()
    best = rank([spec for spec in listed(settings) if spec.task == task], machine)
    if json:
        models = [described(one.spec, settings, active) | _judged(one) for one in best]
        print_json({"task": task, "machine": _as_dict(machine), "models": models})
        return
    note(_in_words(machine))
    for place, one in enumerate(best, 1):
        say(f"{place}. {one.spec.name} ({_where(here(one.spec, settings))}): {one.why}")
        say(f"   {one.spec.note}")
    if best and not any(one.fits for one in best):
        note(f"None of them fits into the memory of this machine ({_in_words(machine)}).")


def _where(state: str) -> str:
    return {"yes": "here", "no": "not here", "partly": "partly here", "damaged": "damaged: pull it again"}[state]


def _judged(one: Suited) -> dict[str, Any]:
    return {"fits": one.fits, "device": one.device, "why": one.why}


def _as_dict(machine: Machine) -> dict[str, Any]:
    gpu = {"gpu": machine.gpu, "gpu_memory": machine.gpu_memory or None}
    return {"memory": machine.memory, "free": machine.free} | gpu


def _in_words(machine: Machine) -> str:
    memory = in_bytes(machine.memory) if machine.memory is not None else "unknown"
    free = f", {in_bytes(machine.free)} of it free" if machine.free is not None else ""
    gpu = f"{machine.gpu} with {in_bytes(machine.gpu_memory)}" if machine.gpu else "no GPU"
    return f"This machine: memory {memory}{free}; {gpu}."
