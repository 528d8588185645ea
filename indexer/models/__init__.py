"""Known models: what each is for, may be used for, costs, and where it comes from."""

from typing import get_args

from indexer.models.spec import ModelSpec, Task
from indexer.models.table import TABLE

DEFAULT_CLIP = "clip:ViT-B-16-SigLIP2/webli"
"""The encoder `auto` prefers where its weights can be had.

Published recall (immich's table: Crossmodal-3600 in English, mean of R@1/5/10, CPU time for one text or
picture): ViT-B-32 openai 59.4 % in 2.3 ms, ViT-B-32 laion2b_s34b_b79k 68.8 % in 2.3 ms, ViT-B-16-SigLIP2
75.2 % in 5.8 ms, ViT-L-16-SigLIP2-512 75.4 % in 93 ms, ViT-H-14-378 dfn5b 75.7 % in 108 ms. So SigLIP2
B/16 is within half a point of the best at a twentieth of their time; `openai` has no reason left.
"""

EMBEDDED_NOTICE = next(spec.notice for spec in TABLE if spec.name == "embedded" and spec.notice)

ENCODERS = tuple(spec for spec in TABLE if spec.task == "encoder")
"""Encoders with published figures; `clip:` takes any other open_clip model too."""

TASKS: tuple[str, ...] = get_args(Task)
"""What models are for."""


def find(name: str) -> ModelSpec | None:
    """The spec of a model of the table, or None."""
    return next((spec for spec in TABLE if spec.name == name), None)
