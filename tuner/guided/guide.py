"""A guide: an encoder's features of a picture, and the transform that they decide.

config.json         the encoder it is over, what its weights fit to, how it was trained, the hash of:
model.safetensors   psi.* of the transform, and omega.* where the encoder learned along (`tuner.learn.omega`), in half
                    precision
README.md           the card, for people
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from PIL import Image

from indexer.config import Settings
from indexer.encoders.checkpoint import CARD, CONFIG, WEIGHTS, load_towers
from indexer.errors import EncoderError, NotFoundError
from indexer.folders import write_folder
from indexer.types import Floats
from tuner.guided.apply import Tables
from tuner.raster import to_bytes

if TYPE_CHECKING:
    from tuner.guided.transform import Shape, Transform

FORMAT = 1
SHIPPED = Path(__file__).parent / "shipped"
"""The guide that comes with Pixloom, as `pixloom train` wrote it."""
SMALL = 256
"""Longest side in pixels of the picture that tables are predicted from."""


class Seeing(Protocol):
    """The encoder, as a guide uses it."""

    def __call__(self, rgb: Floats) -> Floats:
        """A picture [h, w, 3] in 0..1 of any size -> its features [f]."""


@dataclass(frozen=True, eq=False)
class Guide:
    """omega, as far as it differs from the encoder's, and psi."""

    base: str
    """The encoder that it is over."""
    tower: str
    """Fingerprint of its picture tower."""
    shape: "Shape"
    side: int | None
    """Side in pixels of what the encoder looks at, where it learned along; None where it looks as it always does."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """How it was trained, and what it achieved."""
    data: bytes = b""
    """The weights' file."""

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the weights' file."""
        return hashlib.sha256(self.data).hexdigest()

    @cached_property
    def omega(self) -> dict[str, Floats]:
        """What the encoder has learned."""
        return self._tensors("omega")

    @cached_property
    def transform(self) -> "Transform":
        """psi, ready to use."""
        import torch

        from tuner.guided.transform import Transform

        net = Transform(self.shape)
        net.load_state_dict({name: torch.from_numpy(array) for name, array in self._tensors("psi").items()})
        return net.eval().requires_grad_(False)

    def predict(self, rgb: Floats, see: Seeing) -> Tables:
        """The tables for a picture [h, w, 3] in 0..1, reduced to about SMALL pixels; `see` is of `seeing`."""
        import torch

        with torch.inference_mode():
            code = self.transform.encode(torch.from_numpy(see(rgb))[None])
            colours = self.transform.baked(code)
            picture = torch.from_numpy(np.ascontiguousarray(np.moveaxis(rgb, 2, 0)))[None]
            grid = self.transform.local(self.transform.everywhere(picture, code), code)
        return Tables(np.moveaxis(colours[0].numpy(), 0, 3), grid[0].numpy())

    def _tensors(self, part: str) -> dict[str, Floats]:
        from safetensors.numpy import load

        found = load(self.data)
        return {
            name.removeprefix(f"{part}."): array.astype(np.float32)
            for name, array in found.items()
            if name.startswith(f"{part}.")
        }


def made(base: str, tower: str, net: "Transform", side: int | None, omega: Mapping[str, Floats]) -> Guide:
    """The guide of what was trained, with all numbers as they will be read from disk."""
    from safetensors.numpy import save

    psi = {name: tensor.detach().cpu().numpy() for name, tensor in net.state_dict().items()}
    named = {f"psi.{name}": array for name, array in psi.items()} | {f"omega.{name}": a for name, a in omega.items()}
    exact = ("psi.mean", "psi.spread")  # what hardly varies has a spread that half precision doesn't know
    data = save(
        {
            name: np.ascontiguousarray(array, np.float32 if name in exact else np.float16)
            for name, array in named.items()
        }
    )
    return Guide(base, tower, net.shape, side, data=data)


def write(guide: Guide, folder: Path, card: str) -> None:
    """Write a guide's folder whole, in place of what was there; HomeError where the disk can't be written."""
    config = {
        **guide.facts,
        "kind": "guide",
        "format": FORMAT,
        "base": guide.base,
        "tower": guide.tower,
        "shape": asdict(guide.shape),
        "side": guide.side,
        "sha256": guide.digest,
    }
    told = json.dumps(config, indent=2, ensure_ascii=False) + "\n"
    write_folder(folder, {WEIGHTS: guide.data, CONFIG: told.encode(), CARD: card.encode()})


def read(folder: Path) -> Guide:
    """The guide in a folder, kept in memory until others are asked for. NotFoundError where there is none,
    EncoderError where it is damaged."""
    if not (folder / CONFIG).is_file():
        raise NotFoundError(f"There is no guide in {folder}: it would hold {CONFIG} and {WEIGHTS}.")
    return _read(folder, (folder / CONFIG).stat().st_mtime_ns)


@lru_cache(maxsize=2)
def _read(folder: Path, _changed: int) -> Guide:
    try:
        from tuner.guided.transform import Shape

        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        if config["kind"] != "guide" or config["format"] != FORMAT:
            raise ValueError(f"{CONFIG} is of no guide, or of another version of Pixloom")
        data = (folder / WEIGHTS).read_bytes()
        if hashlib.sha256(data).hexdigest() != config["sha256"]:
            raise ValueError(f"{WEIGHTS} has another hash than {CONFIG} says")
        return Guide(config["base"], config["tower"], Shape(**config["shape"]), config["side"], config, data)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EncoderError(f"The guide in {folder} is damaged ({error}): train it again, or copy it anew.") from error


def folder_of(name: str, settings: Settings) -> Path:
    """Where the guide of that name lies: the empty name and `shipped` are the one that ships, `/PATH` another folder
    than home's; `guide:NAME`, as `pixloom models` has it, is NAME.

    `a/b` is looked for in home's too: a job that came over the network may ask for it.
    """
    name = name.removeprefix("guide:")
    if name in ("", "shipped"):
        return SHIPPED
    return Path(name).expanduser() if name.startswith(("/", ".", "~")) else settings.models / name


def seeing(guide: Guide, settings: Settings) -> Seeing:
    """The encoder of a guide, with what it has learned; made ready on first use, which takes seconds.

    EncoderError where the encoder here has other weights than that which the guide was trained over.
    """
    towers = load_towers(guide.base, settings)
    if towers.fingerprint != guide.tower:
        raise EncoderError(
            f"The guide was trained over other weights of {guide.base} than those here: train it again, or install "
            "the version that it was trained over."
        )
    side = guide.side
    if side is None:
        return lambda rgb: towers.features([towers.prepare(Image.fromarray(to_bytes(rgb)))])[0]
    from tuner.guided.tower import learned_tower

    return learned_tower(towers, guide.omega, guide.digest, side, settings)
