"""Operations by name. Importing this is cheap: a module, and its libraries, are imported when it is asked for."""

import difflib
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

from pydantic import ValidationError

from indexer.errors import UsageError
from tuner.operation import Operation, Parameters

_SHOWN = 80
"""Longest value in characters that a message repeats whole."""
MODULES = {
    "tone": "tuner.enhance.tone",
    "lowlight": "tuner.enhance.lowlight",
    "denoise": "tuner.enhance.denoise",
    "deblur": "tuner.enhance.deblur",
    "dejpeg": "tuner.enhance.dejpeg",
    "dehaze": "tuner.enhance.dehaze",
    "sharpen": "tuner.enhance.sharpen",
    "upscale": "tuner.enhance.upscale",
    "guided": "tuner.guided.operation",
    "inpaint": "tuner.repair.inpaint",
    "scratches": "tuner.repair.scratches",
    "colorize": "tuner.repair.colorize",
    "restore": "tuner.repair.restore",
    "style": "tuner.creative.style",
    "palette": "tuner.creative.palette",
    "cut": "tuner.creative.cut",
    "blend": "tuner.creative.blend",
    "double-exposure": "tuner.creative.double_exposure",
    "collage": "tuner.creative.collage",
    "photomosaic": "tuner.creative.photomosaic",
    "generate": "tuner.diffusion.generate",
    "restyle": "tuner.diffusion.restyle",
    "variations": "tuner.diffusion.variations",
    "replace": "tuner.diffusion.replace",
    "erase": "tuner.diffusion.erase",
}
"""Name -> the module whose `OPERATION` it is."""


def get_operation(name: str) -> Operation:
    """The operation of that name; UsageError with the nearest names where there is none."""
    if name not in MODULES:
        near = difflib.get_close_matches(name, MODULES, n=1, cutoff=0.5)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise UsageError(f"There is no operation {name!r}.{hint} Valid: {', '.join(MODULES)}.")
    operation: Operation = import_module(MODULES[name]).OPERATION
    return operation


def all_operations() -> Iterator[Operation]:
    """Every operation, in the order of the table."""
    return map(get_operation, MODULES)


def read_parameters(operation: Operation, given: Mapping[str, Any]) -> Parameters:
    """Parameters from names and values as people write them; a text is read as whatever the parameter is.

    UsageError that names the parameter, what was given, and what it may be; for an unknown one, the nearest name.
    """
    fields = operation.parameters.model_fields
    for name in given:
        if name not in fields:
            near = difflib.get_close_matches(name, fields, n=1, cutoff=0.5)
            hint = f" Did you mean {near[0]}?" if near else ""
            valid = f"Valid: {', '.join(fields)}." if fields else "It takes none."
            raise UsageError(f"{operation.name} has no parameter {name!r}.{hint} {valid}")
    try:
        parameters = operation.parameters.model_validate(dict(given))
    except ValidationError as error:
        wrong = error.errors()[0]
        # Past the parameter's own name, numbers are places in a list; words are pydantic's, for kinds of a union.
        places = [part for part in wrong["loc"][1:] if isinstance(part, int)]
        name = ".".join(map(str, (*wrong["loc"][:1], *places))) or "parameters"
        said = wrong["msg"].removeprefix("Value error, ")
        raise UsageError(f"{operation.name}: {name} can't be {_short(wrong['input'])}: {said}.") from error
    method = getattr(parameters, "method", "auto")
    names = [one.name for one in operation.methods]
    if method != "auto" and method not in names:
        raise UsageError(f"{operation.name} has no method {method!r}. Valid: auto, {', '.join(names)}.")
    return parameters


def _short(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."
