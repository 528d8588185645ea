"""What training leaves: a folder with heads, maybe adapters of the text tower, a config and a model card.

config.json         what it is of, how much its blocks count, how it was trained, the hash of:
model.safetensors   the maps of pictures [d, f] and texts [d, t] in 8 bits (`_packed`); means, biases and
                    adapters.<matrix>.a [rank, in] and .b [out, rank] in half precision
README.md           the card, for people
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from indexer.config import Settings
from indexer.encoders.adapters import Adapters
from indexer.encoders.blend import Blend
from indexer.encoders.headed import HeadedEncoder, Towers
from indexer.encoders.heads import Affine, LiT
from indexer.errors import EncoderError, NotFoundError, UsageError
from indexer.folders import write_folder
from indexer.types import Floats

FORMAT = 1
CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"
BASES = {"embedded": "indexer.encoders.embedded:towers", "clip": "indexer.encoders.clip_towers:towers"}
"""What an encoder's name begins with -> what gives its towers, called with (name, settings)."""


@dataclass(frozen=True)
class Checkpoint:
    """Trained heads and where they belong."""

    base: str
    """The encoder whose towers they need."""
    tower: str
    """Fingerprint of its picture tower."""
    blend: Blend
    """Of the block `lit` and of the base's own."""
    lit: LiT
    adapters: Adapters = field(default_factory=dict)
    data: bytes = b""
    """The weights' file."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """How it was trained, and what it achieved."""

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the weights' file."""
        return hashlib.sha256(self.data).hexdigest()

    @classmethod
    def made(cls, base: str, tower: str, blend: Blend, lit: LiT, adapters: Adapters) -> "Checkpoint":
        """The checkpoint of what was trained, with all numbers as they will be read from disk."""
        from safetensors.numpy import save

        data = save(_named(lit, adapters))
        return cls(base, tower, blend, *_parts(data), data)

    @classmethod
    def read(cls, folder: Path) -> "Checkpoint":
        """The checkpoint in `folder`. NotFoundError where there is none, EncoderError where it is damaged."""
        if not (folder / CONFIG).is_file():
            raise NotFoundError(f"There is no checkpoint in {folder}: it would hold {CONFIG} and {WEIGHTS}.")
        try:
            config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
            if config["format"] != FORMAT:
                raise EncoderError(
                    f"The checkpoint in {folder} is of format {config['format']}, this version of Pixloom reads "
                    f"{FORMAT}: upgrade Pixloom, or train it again."
                )
            data = (folder / WEIGHTS).read_bytes()
            if hashlib.sha256(data).hexdigest() != config["sha256"]:
                raise ValueError(f"{WEIGHTS} has another hash than {CONFIG} says")
            return cls(config["base"], config["tower"], Blend(**config["blend"]), *_parts(data), data, config)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise EncoderError(
                f"The checkpoint in {folder} is damaged ({error}): train it again, or copy it anew."
            ) from error

    def write(self, folder: Path, card: str) -> None:
        """Write the folder whole, in place of what was there; HomeError where the disk can't be written."""
        config = {
            **self.facts,
            "format": FORMAT,
            "base": self.base,
            "tower": self.tower,
            "blend": asdict(self.blend),
            "sha256": self.digest,
        }
        told = json.dumps(config, indent=2, ensure_ascii=False) + "\n"
        write_folder(folder, {WEIGHTS: self.data, CONFIG: told.encode(), CARD: card.encode()})


def headed(name: str, checkpoint: Checkpoint, settings: Settings) -> HeadedEncoder:
    """The encoder of a checkpoint. EncoderError where it is of other towers than those its base has here."""
    towers = load_towers(checkpoint.base, settings)
    if towers.fingerprint != checkpoint.tower:
        raise EncoderError(
            f"The checkpoint {name} was trained on other weights of {checkpoint.base} than those here: train it "
            "again, or install the version that it was trained on."
        )
    if checkpoint.adapters:
        towers = towers.tuned(checkpoint.adapters, checkpoint.digest)
    blocks = {"lit": checkpoint.lit, **towers.heads}
    unknown = checkpoint.blend.pictures.keys() - blocks.keys()
    if unknown or len(checkpoint.lit.picture.mean) != towers.dimension:
        raise EncoderError(f"The checkpoint {name} doesn't fit {checkpoint.base}: train it again.")
    heads = {block: blocks[block] for block in checkpoint.blend.pictures}
    return HeadedEncoder(name, towers, heads, checkpoint.blend, checkpoint.digest)


def load_towers(name: str, settings: Settings) -> Towers:
    """The towers of an encoder without what was trained. UsageError for one that has none to train on."""
    kind = name.partition(":")[0]
    if kind not in BASES:
        raise UsageError(f"{name} has no towers to train on: choose embedded or a clip: encoder.")
    module, function = BASES[kind].split(":")
    found: Towers = getattr(import_module(module), function)(name, settings)
    return found


def load(name: str, settings: Settings) -> HeadedEncoder:
    """The encoder of `lit:NAME`, trained below `settings.models`, or `lit:/PATH/TO/FOLDER`."""
    return headed(name, Checkpoint.read(folder_of(name, settings)), settings)


def folder_of(name: str, settings: Settings) -> Path:
    """Where the checkpoint of `lit:NAME` or `lit:/PATH` lies."""
    reference = name.removeprefix("lit:")
    if "/" in reference or reference.startswith((".", "~")):
        return Path(reference).expanduser()
    return settings.models / reference


def _named(lit: LiT, adapters: Adapters) -> dict[str, Any]:
    """All tensors by the names that they have in the file."""
    packed: dict[str, Any] = {}
    halves: dict[str, Floats] = {}
    for side, affine in (("picture", lit.picture), ("text", lit.text)):
        packed |= _packed(side, affine.weight)
        halves |= {f"{side}.mean": affine.mean, f"{side}.bias": affine.bias}
    for matrix, (a, b) in adapters.items():
        halves |= {f"adapters.{matrix}.a": a, f"adapters.{matrix}.b": b}
    return packed | {name: np.ascontiguousarray(array, np.float16) for name, array in halves.items()}


def _parts(data: bytes) -> tuple[LiT, dict[str, tuple[Floats, Floats]]]:
    """Heads and adapters of a weights' file; ValueError or KeyError where it is none."""
    from safetensors import SafetensorError
    from safetensors.numpy import load as load_tensors

    try:
        tensors = {name: array.astype(np.float32) for name, array in load_tensors(data).items()}
    except SafetensorError as error:
        raise ValueError(str(error)) from error
    picture, text = (
        Affine(_unpacked(tensors, side), tensors[f"{side}.mean"], tensors[f"{side}.bias"])
        for side in ("picture", "text")
    )
    names = [name.removeprefix("adapters.").removesuffix(".a") for name in sorted(tensors) if name.endswith(".a")]
    adapters = {name: (tensors[f"adapters.{name}.a"], tensors[f"adapters.{name}.b"]) for name in names}
    return LiT(picture, text), adapters


def _packed(name: str, matrix: Floats) -> dict[str, Any]:
    """A matrix [d, f] as 8-bit integers with a scale for each row and column; it comes back to about 1/250 of the
    largest entry of a row. Columns have scales of their own as features differ widely in size."""
    columns = np.maximum(np.sqrt((matrix**2).mean(axis=0)), 1e-12)
    even = matrix / columns
    rows = np.maximum(np.abs(even).max(axis=1), 1e-12) / 127
    return {
        f"{name}.weight": np.rint(even / rows[:, None]).astype(np.int8),
        f"{name}.rows": rows.astype(np.float32),
        f"{name}.columns": columns.astype(np.float32),
    }


def _unpacked(tensors: Mapping[str, Floats], name: str) -> Floats:
    return tensors[f"{name}.weight"] * tensors[f"{name}.rows"][:, None] * tensors[f"{name}.columns"]
