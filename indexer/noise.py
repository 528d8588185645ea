"""Keeps what decoders say of odd files off the user's terminal: the reason is listed instead."""

import ctypes
import functools
import logging
import re
import warnings
from pathlib import Path

import PIL

_PILLOW_WARNINGS = ("ignore", None, Warning, re.compile(r"PIL\."), 0)


def hush_decoders() -> None:
    """Silence Pillow's warnings, its logging to a bare stderr, and libtiff's messages.

    Cheap, meant to be called before every decode: `warnings.catch_warnings` can't be used where
    threads decode side by side, so the filter stays, and is put back where somebody reset them. It
    touches nothing but Pillow; handlers that an application gives to logging still get its records.
    """
    if _PILLOW_WARNINGS not in warnings.filters:
        warnings.filterwarnings("ignore", module=r"PIL\.")
    _once()


@functools.cache
def _once() -> None:
    logging.getLogger("PIL").addHandler(logging.NullHandler())
    # libtiff writes errors to file descriptor 2 itself. Where Pillow's wheel brings the library along
    # it can be told not to; elsewhere a damaged TIFF costs a line on the terminal.
    package = Path(PIL.__file__).parent
    for library in (*package.parent.glob("pillow.libs/libtiff*"), *package.glob(".dylibs/libtiff*")):
        try:
            ctypes.CDLL(str(library)).TIFFSetErrorHandler(None)
        except (OSError, AttributeError):
            continue
