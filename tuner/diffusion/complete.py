"""Whether a model's folder is whole and harmless, told from names and sizes before anything is loaded."""

import json
from math import prod
from pathlib import Path
from typing import Any

from indexer.errors import TuneError
from tuner.diffusion.sources import Source

INDEX = "model_index.json"
_NO_WEIGHTS = ("scheduler", "tokenizer", "feature_extractor", "image_processor", "processor")
_PICKLED = (".bin", ".ckpt", ".pt", ".pth")


def read_index(source: Source, folder: Path) -> dict[str, Any]:
    """A pipeline's list of parts; TuneError where there is none, it can't be read, or it wants code of its own."""
    try:
        index: Any = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        kind = index["_class_name"]
    except FileNotFoundError:
        raise TuneError(_missing(source, INDEX) if any(folder.iterdir()) else f"{source.name} is empty.") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TuneError(f"{INDEX} of {source.name} can't be read: {source.remedy}.") from error
    if not isinstance(kind, str):
        raise TuneError(f"{source.name} brings code of its own, which is never run: take another model.")
    return dict(index)


def parts_of(index: dict[str, Any]) -> dict[str, tuple[str, str] | None]:
    """Name -> (library, class) of each part, None for one that was left out."""
    listed = {name: value for name, value in index.items() if isinstance(value, list) and len(value) == 2}
    return {name: (str(one[0]), str(one[1])) if one[0] is not None else None for name, one in listed.items()}


def check_complete(source: Source, folder: Path, index: dict[str, Any]) -> str | None:
    """The variant that the weights have (`fp16`), None where they have none.

    TuneError that names the first file that is missing or cut off, and what finishes it; or that says that only
    pickled weights are there, or that a part brings code of its own.
    """
    variants = set()
    for name, kind in parts_of(index).items():
        if kind is None:
            continue
        if (folder / name / f"{kind[0]}.py").exists() or (folder / f"{kind[0]}.py").exists():
            raise TuneError(f"{source.name} brings code of its own ({kind[0]}.py), which is never run: take another.")
        if name.rstrip("_23").rstrip("_").startswith(_NO_WEIGHTS):
            if not (folder / name).is_dir() or not any((folder / name).iterdir()):
                raise TuneError(_missing(source, f"{name}/"))
        else:
            variants.add(_weights(source, folder / name, name))
    return next(iter(variants - {None}), None)


def _weights(source: Source, folder: Path, name: str) -> str | None:
    """The variant of one part's weights, all of whose files are whole."""
    if not (folder / "config.json").is_file():
        raise TuneError(_missing(source, f"{name}/config.json"))
    tables = sorted(folder.glob("*.safetensors.index*.json"))
    files = sorted(folder.glob("*.safetensors"))
    if tables:
        table = json.loads(tables[0].read_text(encoding="utf-8"))
        files = [folder / one for one in sorted(set(table["weight_map"].values()))]
    if not files:
        pickled = next((one.name for one in sorted(folder.iterdir()) if one.suffix in _PICKLED), None)
        if pickled:
            raise TuneError(
                f"{name}/{pickled} of {source.name} is pickled, which may run code and is never loaded: "
                "take a model with .safetensors."
            )
        raise TuneError(_missing(source, f"{name}/*.safetensors"))
    for file in files:
        if not file.is_file():
            raise TuneError(_missing(source, f"{name}/{file.name}"))
        if not is_whole(file):
            raise TuneError(f"{name}/{file.name} of {source.name} is cut off: {source.remedy}.")
    return "fp16" if tables == [] and all(".fp16." in file.name for file in files) else None


def is_whole(file: Path) -> bool:
    """Whether a safetensors file is as long as its header says."""
    header, begins = _header(file)
    ends = [one["data_offsets"][1] for one in header.values()]
    return begins > 0 and file.stat().st_size == begins + max(ends, default=0)


def numbers(path: Path) -> int:
    """How many numbers the weights of a folder or file are, told by their headers; an estimate for other formats."""
    files = [path] if path.is_file() else sorted(path.glob("*/*.safetensors"))
    return sum(
        sum(prod(one["shape"]) for one in _header(file)[0].values())
        if file.suffix.lower() == ".safetensors"
        else file.stat().st_size // 2
        for file in files
    )


def _header(file: Path) -> tuple[dict[str, Any], int]:
    """Names, shapes and places of the tensors of a safetensors file, and where they begin; 0 where it is broken."""
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if not 2 <= length <= file.stat().st_size - 8:
            return {}, 0
        try:
            header = dict(json.loads(stream.read(length)))
        except ValueError:
            return {}, 0
    header.pop("__metadata__", None)
    return header, 8 + length


def _missing(source: Source, file: str) -> str:
    return f"{source.name} is only partly here: {file} is missing; {source.remedy}."
