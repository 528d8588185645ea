"""What is known of a model: facts, none of them needed to run it."""

from dataclasses import dataclass
from typing import Literal

Task = Literal[
    "encoder",
    "upscale",
    "lowlight",
    "denoise",
    "dejpeg",
    "inpaint",
    "colorize",
    "style",
    "generate",
    "control",
    "reference",
    "depth",
    "ocr",
    "filter",
]
Speed = Literal["fast", "medium", "slow", "very slow"]
Origin = Literal["hub", "url", "package", "dependency", "trained"]
Mode = Literal["text", "picture", "mask"]
"""What a generating model can begin from: words alone, a picture that is redrawn, a picture with a hole."""


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """Facts about one model. The table of all of them is `table.toml`."""

    name: str
    """As `--encoder` and `pixloom models pull` take it."""
    task: Task
    licence: str
    """SPDX identifier of the weights' licence, or the name it goes by."""
    size: int
    """Bytes of the weights; exact where `sha256` is pinned, otherwise rounded."""
    speed: Speed
    """On a CPU: encoders up to 3, 10, 50 and more ms for one picture or text (as a desktop CPU of 2023 does
    it), others up to 1, 10, 60 and more seconds for a picture of 512 x 512."""
    source: str
    """Hub id, URL, or the packages (as pip takes them) that hold the weights; a folder if trained here."""
    note: str
    """What it is good for, in a line."""
    origin: Origin = "hub"
    """What `source` is, and so how it is pulled. A `dependency` is installed, not pulled."""
    files: tuple[str, ...] = ()
    """Patterns of the hub's files that are needed (none: what open_clip loads), or the file in the package."""
    beside: tuple[str, ...] = ()
    """Further hub ids that open_clip reads configuration and tokenizer of."""
    sha256: str | None = None
    """Of the weights' file, where it is one file that is pinned."""
    memory: int | None = None
    """Bytes at the peak of running it: in float32 on a CPU, or see `half`."""
    half: bool = False
    """Whether `memory` is that of half precision on a GPU; a CPU, in float32, needs twice as much."""
    languages: str = ""
    """ISO 639 codes that it understands, or how many; empty where no text goes in."""
    dimension: int | None = None
    """Of the vectors, for encoders."""
    commercial: bool = True
    """Whether the licence lets everyone use it for anything lawful, trade included."""
    restrictions: str = ""
    """Uses that the licence forbids by name, in a few words; empty where it names none."""
    figure: float | None = None
    """Published quality, more is better; compared within a task only."""
    measure: str = ""
    """What `figure` is, with `{}` for the number."""
    used_by: str = ""
    """The part of Pixloom that uses it; empty: nothing does so yet."""
    modes: tuple[Mode, ...] = ()
    """What a generating model can begin from."""
    steps: int | None = None
    """Steps of denoising that it is meant for."""
    guidance: float | None = None
    """Scale of classifier-free guidance that it is meant for; 0 or 1 means none."""
    side: int | None = None
    """Pixels of the square that it was trained on."""
    family: str = ""
    """Of a generating model, and of what steers it: they go together where the families are the same."""
    condition: str = ""
    """What a model that steers takes: edges, depth or picture."""
    notice: str | None = None
    """One line that users must see whenever this model is used."""
    facts: tuple[str, ...] = ()
    """Where the facts were read: `fields: place`."""
    unverified: tuple[str, ...] = ()
    """Fields that no source was found for: estimates."""

    @property
    def asks(self) -> bool:
        """Whether its licence has to be accepted before it is used."""
        return not self.commercial or bool(self.restrictions)

    @property
    def folder(self) -> str:
        """Its name as a folder's name."""
        return self.name.replace(":", "-").replace("/", "--")


def in_bytes(size: int) -> str:
    """A number of bytes as people say it, in powers of 1000: '7.7 MB'."""
    for unit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if size >= unit:
            return f"{size / unit:.0f} {name}" if size >= 100 * unit else f"{size / unit:.1f} {name}"
    return f"{size} B"
