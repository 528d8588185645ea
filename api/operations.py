"""An operation as documents tell of it, the same from the command line and over HTTP."""

from typing import Any

from tuner.operation import Operation
from tuner.preflight import estimate
from tuner.work import Work

_KEPT = ("type", "default", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "enum", "anyOf", "items")
"""What a form needs of a parameter's JSON schema, in its words."""


def described(
    operation: Operation, work: Work, size: tuple[int, int] | None = None, free: int | None = None
) -> dict[str, Any]:
    """All that is known of an operation: parameters with ranges, methods and which is used now; with the `size` of a
    picture (width, height), what it would take with default parameters, `free` bytes of memory being there."""
    parameters = operation.parameters()
    used = operation.resolve(parameters, work).name
    return {
        "name": operation.name,
        "summary": operation.summary,
        "task": operation.task,
        "parameters": parameters_of(operation),
        "methods": [
            {
                "name": method.name,
                "summary": method.summary,
                "model": method.model,
                "here": method.model is None or work.model(method.model) is not None,
                "used": method.name == used,
                "seconds_per_megapixel": method.seconds,
            }
            for method in operation.methods
        ],
        "gathers": operation.gathers,
        "references": list(operation.references),
        "resizes": operation.resizes,
        "estimate": _estimated(operation, work, size, free) if size else None,
    }


def parameters_of(operation: Operation) -> list[dict[str, Any]]:
    """Name, what it means, type, default and range of each parameter, in the words of JSON Schema."""
    schema = operation.parameters.model_json_schema()
    return [
        {"name": name, "description": one.get("description", "")} | {key: one[key] for key in _KEPT if key in one}
        for name, one in schema.get("properties", {}).items()
    ]


def in_words(parameter: dict[str, Any]) -> str:
    """A parameter's type and range in a few words: `0..1`, `auto | network | nlm`, `text`."""
    kinds = parameter.get("anyOf", [parameter])
    return " | ".join(dict.fromkeys(_kind(one) for one in kinds if one.get("type") != "null"))


def _kind(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if "const" in schema:
        return str(schema["const"])
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    if low is not None or high is not None:
        return f"{'' if low is None else low}..{'' if high is None else high}"
    names = {"boolean": "yes | no", "string": "text", "array": "list"}
    kind = str(schema.get("type", "text"))
    return names.get(kind, kind)


def _estimated(operation: Operation, work: Work, size: tuple[int, int], free: int | None) -> dict[str, Any]:
    told = estimate(operation, operation.parameters(), size, work, free)
    return {"seconds": told.seconds, "memory": told.memory, "method": told.method, "tile": told.tile}
