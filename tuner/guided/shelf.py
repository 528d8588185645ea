"""Looks that are kept: trained ones by name in the home folder, and those that edits were made with, for good."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from indexer.config import Settings
from indexer.database import disk_error
from indexer.errors import NotFoundError, TuneError, UsageError
from indexer.reader import write_atomically
from tuner.guided.looks import COUNT, NAMES, RESIDUAL, Look, nothing

PREFIX = "look:"
_HASH = re.compile(r"[0-9a-f]{64}")
_PLAIN = re.compile(r"\w[\w .-]{0,63}")
_DIGITS = 4


def look_file(name: str, settings: Settings) -> Path:
    """Where the look of that name, `film` or `look:film`, is kept; UsageError for what no file can be called."""
    plain = name.removeprefix(PREFIX)
    if not _PLAIN.fullmatch(plain):
        raise UsageError(f"{name!r} can't be the name of a look: take letters and digits, as in summer-film.")
    return settings.models / "looks" / f"{plain}.safetensors"


def named_look(name: str, settings: Settings) -> Look:
    """The look of that name; NotFoundError, with those that there are, where there is none."""
    path = look_file(name, settings)
    if not path.is_file():
        there = ", ".join(sorted(one.stem for one in path.parent.glob("*.safetensors"))) or "none yet"
        raise NotFoundError(
            f"There is no look {name!r} (there are: {there}): `pixloom train look NAME --pairs FOLDER`."
        )
    return read_look(path.read_bytes(), str(path))


def keep_look(look: Look, path: Path, facts: dict[str, Any]) -> None:
    """Write a look, with what is to be known of it, whole or not at all; DiskFullError, HomeError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, look_bytes(look, facts))
    except OSError as error:
        raise disk_error(error, path.parent) from error


def look_bytes(look: Look, facts: dict[str, Any]) -> bytes:
    """A look as a safetensors file: `numbers` and maybe `residual`, what is known of it as JSON beside them."""
    from safetensors.numpy import save

    tensors = {"numbers": look.numbers} | ({} if look.residual is None else {"residual": look.residual})
    return save(tensors, {"look": json.dumps({"names": NAMES, **facts}, sort_keys=True)})


def read_look(data: bytes, path: str) -> Look:
    """The look of such a file; TuneError where it is another or is damaged."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        tensors = load(data)
        numbers, residual = tensors["numbers"], tensors.get("residual")
    except (SafetensorError, KeyError, ValueError) as error:
        raise TuneError(f"{path} is no look, or it is damaged: train it anew with `pixloom train look`.") from error
    if numbers.shape != (COUNT,) or (residual is not None and residual.shape != (RESIDUAL,) * 3 + (3,)):
        raise TuneError(f"{path} is a look of another version: train it anew with `pixloom train look`.")
    return Look(numbers, residual)


def rounded(look: Look) -> Look:
    """The look as `recorded` writes it."""
    return Look(np.round(look.numbers, _DIGITS).astype(np.float32), look.residual)


def recorded(look: Look, settings: Settings) -> str:
    """A look in words for the record of an edit: `black 0.12; saturation -0.5`, or the hash of a copy that is kept."""
    if look.residual is None:
        pairs = zip(NAMES, look.numbers.tolist(), strict=True)
        return "; ".join(f"{name} {value:.{_DIGITS}f}" for name, value in pairs if value) or "nothing"
    data = look_bytes(look, {})
    digest = hashlib.blake2b(data, digest_size=32).hexdigest()
    if not (settings.references / digest).exists():
        try:
            settings.references.mkdir(parents=True, exist_ok=True)
            write_atomically(settings.references / digest, data)
        except OSError as error:
            raise disk_error(error, settings.home) from error
    return digest


def recalled(text: str, settings: Settings) -> Look:
    """The look that a record names; NotFoundError where its copy is gone, UsageError for what is no record."""
    if _HASH.fullmatch(text):
        path = settings.references / text
        if not path.is_file():
            raise NotFoundError(f"The look that was found then ({text}) is no longer kept: leave `found` empty.")
        return read_look(path.read_bytes(), str(path))
    numbers = nothing()
    for part in filter(None, (one.strip() for one in text.split(";"))):
        name, _, value = part.rpartition(" ")
        if part != "nothing":
            numbers[_place(name, text)] = _number(value, text)
    return Look(numbers)


def _place(name: str, text: str) -> int:
    if name not in NAMES:
        raise _no_record(text)
    return NAMES.index(name)


def _number(value: str, text: str) -> float:
    try:
        number = float(value)
    except ValueError:
        raise _no_record(text) from None
    if not abs(number) <= 2:
        raise _no_record(text)
    return number


def _no_record(text: str) -> UsageError:
    return UsageError(f"guided: found is {text!r}, which no edit records: leave it empty.")
