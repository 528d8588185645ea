"""Parameters by which a picture steers what is generated."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

from pydantic import Field

from indexer.errors import UsageError
from tuner.diffusion.ask import Ask
from tuner.diffusion.companions import DEPTH, network_file
from tuner.diffusion.control import control_map
from tuner.operation import Parameters
from tuner.raster import Raster, reduced
from tuner.work import Work

NETWORKS = ("control_model", "depth_model", "reference_model")
"""Parameters that name networks beside the model."""
LONGEST = 1024
"""Longer side in pixels at which a picture for control is looked at."""


class SteeringParameters(Parameters):
    """What the shapes of the outcome follow."""

    control: Literal["none", "edges", "depth"] = Field(
        "none", description="what the outcome keeps of the picture's shapes; for models of the kinds of sd15 and sdxl"
    )
    control_from: str = Field(
        "",
        max_length=4096,
        description="picture whose shapes are kept: `12` or a file; none: the one that is worked on",
    )
    control_scale: float = Field(1.0, ge=0, le=2, description="how strictly they are kept: 0 not at all")
    control_model: str = Field(
        "",
        max_length=4096,
        description="ControlNet: a name of `pixloom models`, a hub id, a folder; none: the model's own",
    )
    depth_model: str = Field(
        DEPTH, max_length=4096, description="what estimates depth: a name of `pixloom models`, a hub id or a folder"
    )

    def steered(self, ask: Ask, work: Work, picture: Raster | None = None) -> Ask:
        """What is asked for, with the map of the picture that is named, or else of the given one.

        UsageError where there is neither, and for depth where its network isn't here; what opening the picture raises,
        and TuneError for a folder that holds no network for depth.
        """
        if self.control == "none":
            return ask
        if self.control_from:
            if work.pictures is None:
                raise UsageError("control_from names a picture of a collection: index one first.")
            picture = work.pictures.open(self.control_from)
        if picture is None:
            raise UsageError("control needs a picture whose shapes are kept: name it as control_from.")
        network = self._depth_network(work) if self.control == "depth" else None
        return replace(
            ask,
            control=self.control,
            control_map=control_map(self.control, reduced(picture, LONGEST).rgb, work, network),
            control_scale=self.control_scale,
            control_model=self.control_model or None,
        )

    def _depth_network(self, work: Work) -> Path:
        path = network_file(self.depth_model, work.settings)
        return path if path.is_dir() else path.parent
