"""What a diffusion model is asked for."""

from dataclasses import dataclass

from indexer.types import Floats
from tuner.raster import Raster


@dataclass(frozen=True, slots=True)
class Lora:
    """A file of low-rank weights that changes a model (Hu et al. 2022), and how much."""

    path: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Ask:
    """One picture that is wanted: from words; from a picture and words; or of what a mask hides.

    Which of them follows from what is given: `picture` makes it image to image, `mask` inpainting, `control` adds a
    ControlNet to any.
    """

    prompt: str
    negative: str = ""
    """What it shall not show, where the model takes that."""
    width: int | None = None
    """Pixels of the outcome; those of `picture` where there is one, otherwise None means the model's own side."""
    height: int | None = None
    steps: int | None = None
    """Steps of the schedule; None: the model's own number."""
    guidance: float | None = None
    """Weight of the prompt (classifier-free guidance, Ho & Salimans 2021); None: the model's own."""
    strength: float = 0.6
    """How far from `picture` it may go, 0 (it stays as it is) .. 1 (only its place is taken)."""
    scheduler: str = "auto"
    """A name of `tuner.diffusion.schedulers`; `auto` keeps the model's own."""
    picture: Raster | None = None
    mask: Floats | None = None
    """[height, width] of `picture`, 1 where to paint, 0 where every pixel stays, between them a mixture."""
    control: str | None = None
    """Kind of the map below: `edges` or `depth`."""
    control_map: Floats | None = None
    """[h, w, 3], 0..1, that the outcome's shapes shall follow, in whatever size."""
    control_model: str | None = None
    """The ControlNet of that kind: a name of the table, a hub id or a folder; None: the one that belongs to the
    model."""
    control_scale: float = 1.0
    """How strictly they follow, 0 (not at all) .. 2."""
    references: tuple[Raster, ...] = ()
    """Pictures that it shall be like (IP-Adapter, Ye et al. 2023)."""
    reference_scale: float = 0.6
    """How much like them, 0 (not at all) .. 1."""
    reference_model: str | None = None
    """The IP-Adapter: a name of the table, a hub id, a folder or a file; None: the one that belongs to the model."""
    loras: tuple[Lora, ...] = ()
