"""Parameters of operations as they are written in options and addresses: name=value."""

from collections.abc import Sequence
from typing import Any

from indexer.errors import UsageError


def named_values(written: Sequence[str]) -> dict[str, Any]:
    """`["sigma=25", "pictures=1,2"]` -> values by name, still as text; a name that comes again makes a list."""
    values: dict[str, Any] = {}
    for one in written:
        name, equals, value = one.partition("=")
        if not equals or not name.strip():
            raise UsageError(f"The parameter {one!r} is not written as name=value, such as strength=0.5.")
        key = name.strip()
        if key in values:
            before = values[key]
            values[key] = [*(before if isinstance(before, list) else [before]), value]
        else:
            values[key] = value
    return values
