"""A part of a picture as it is written in an option or a query parameter."""

import re

from indexer.errors import UsageError
from search.query import Box


def parse_box(text: str | None) -> Box | None:
    """The box of `x,y,width,height` in pixels; None where none is given."""
    if text is None:
        return None
    numbers = re.fullmatch(r"\s*(\d{1,9})\s*,\s*(\d{1,9})\s*,\s*(\d{1,9})\s*,\s*(\d{1,9})\s*", text)
    x, y, width, height = (int(number) for number in numbers.groups()) if numbers else (0, 0, 0, 0)
    if not width or not height:
        raise UsageError(f"The box {text!r} is not x,y,width,height in whole pixels, with a width and height above 0.")
    return x, y, width, height
